"""The day grid, the move, the board and the roster on paper, as the people of a clinic use them."""

import re
from datetime import timedelta

import time_machine
from playwright.sync_api import Locator, Page, expect

from clinic.practice.models import StaffMember
from scheduling.booking.visit import single
from scheduling.followups import facts
from scheduling.models import Appointment
from tests import factories
from tests.browser.conftest import Screen, Screens, press
from tests.browser.test_journeys import tab_to
from tests.scheduling.booking import booked
from tests.web.conftest import World

STEP = 24  # Pixels of a quarter of an hour.


def block(page: Page, visit: Appointment) -> Locator:
    return page.locator(f'[data-visit="{visit.pk}"]').first


def start_of(visit: Appointment) -> object:
    return Appointment.objects.get(pk=visit.pk).start


def day_of(world: World, ref: str) -> str:
    return f"/day/?site={world.clinic.site.pk}&date={world.visit(ref).local_date}"


def test_a_dose_is_moved_with_all_that_follows_by_keyboard_alone(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    dose = world.visit("dose-2")
    screen.sign_in(desk, day_of(world, "dose-2"))
    tab_to(page, str(world.clinic.patient), "link")
    page.keyboard.press("m")
    expect(page.locator("#says")).to_contain_text("Arrows move it")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#says")).to_contain_text("fits")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("Nothing is saved yet")
    assert start_of(dose) == dose.start
    tab_to(page, "Move")
    page.keyboard.press("Enter")
    expect(page.locator("#moved")).to_contain_text("Moved to")
    assert start_of(dose) == dose.start + timedelta(hours=1)


def test_a_dose_is_dragged_and_the_move_undone(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    dose = world.visit("dose-2")
    before = {one.pk: one.start for one in Appointment.objects.all()}
    screen.sign_in(desk, day_of(world, "dose-2"))
    held = block(page, dose)
    held.scroll_into_view_if_needed()
    box = held.bounding_box()
    assert box
    x, y = box["x"] + 40, box["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + STEP, steps=4)
    page.mouse.move(x, y + 2 * STEP, steps=4)
    expect(page.locator("#says")).to_contain_text("It fits.")
    expect(page.locator(".ghost.is-good")).to_be_visible()
    page.mouse.up()
    page.get_by_role("button", name=re.compile("^Move")).click()
    expect(page.locator("#moved")).to_contain_text("Moved to")
    assert start_of(dose) == dose.start + timedelta(minutes=30)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_contain_text("The move is undone.")
    assert {one.pk: one.start for one in Appointment.objects.all()} == before


def test_a_move_shows_which_visits_follow_and_then_moves_them_all(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    dose = world.visit("dose-2")
    before = {one.pk: one.start for one in Appointment.objects.all()}
    screen.sign_in(desk, f"/moves/{dose.pk}/?back=/courses/{world.course.pk}/")
    day = dose.local_date + timedelta(days=1)
    page.locator("#start").fill(f"{day}T{dose.local_time:%H:%M}")
    press(screen, "See what follows")
    lines = page.locator(".move-line")
    followers = page.locator(".move-line", has_text="has to follow")
    expect(followers.first).to_be_visible()
    shown = lines.count()
    titles = followers.locator("h3").all_inner_texts()
    assert {one.pk: one.start for one in Appointment.objects.all()} == before
    press(screen, f"Move {shown} visits")
    expect(page.locator("#moved")).to_contain_text("moved with it")
    moved = [one for one in Appointment.objects.all() if one.start != before[one.pk]]
    assert len(moved) == shown > len(titles) > 0
    assert start_of(dose) == dose.start + timedelta(days=1)


def test_a_press_of_move_and_a_click_on_a_place_do_the_same(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    dose = world.visit("dose-2")
    screen.sign_in(desk, day_of(world, "dose-2"))
    held = block(page, dose)
    held.hover()
    held.get_by_role("link", name="Move").click()
    page.keyboard.press("Escape")
    expect(page.locator(".ghost")).to_have_count(0)
    held.hover()
    held.get_by_role("link", name="Move").click()
    slots = held.locator("xpath=ancestor::div[contains(@class,'track')]")
    slots.click(position={"x": 60, "y": 108})
    expect(page.get_by_role("main")).to_contain_text("Nothing is saved yet")
    page.get_by_role("link", name="Keep it as it is").click()
    expect(page.locator("#grid")).to_be_visible()
    assert start_of(dose) == dose.start


def test_what_others_do_appears_and_disturbs_nobody(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, "/day/")
    page.evaluate("window.same = true")
    field = page.get_by_label("Day", exact=True)
    field.focus()
    booked.move(world.clinic, world.dose.pk, "check_in", now=world.now)
    expect(block(page, world.dose)).to_contain_text("Here", timeout=5_500)
    assert page.evaluate("window.same")
    expect(field).to_be_focused()
    name = block(page, world.dose).get_by_role("link", name=str(world.clinic.patient)).first
    name.focus()
    booked.move(world.clinic, world.dose.pk, "start", now=world.now)
    expect(block(page, world.dose)).to_contain_text("In treatment", timeout=5_500)
    expect(name).to_be_focused()


def test_the_board_discharges_when_the_clock_has_run(
    world: World, screens: Screens, lead: StaffMember
) -> None:
    for verb in ("check_in", "start", "end_administration"):
        booked.move(world.clinic, world.dose.pk, verb, now=world.now)
    observed = facts.protocol_of(world.course.protocol_version_id).block.monitoring
    with time_machine.travel(world.now + timedelta(minutes=observed - 5)):
        screen = screens.open()
        page = screen.page
        screen.sign_in(lead, "/board/")
        card = page.locator(f"#visit-{world.dose.pk}")
        expect(card).to_contain_text(f"{observed - 5} of {observed} min")
        expect(card.get_by_role("button", name="Discharge")).to_have_count(0)
        page.evaluate("window.same = true")
    with time_machine.travel(world.now + timedelta(minutes=observed + 5)):
        expect(card.get_by_role("button", name="Discharge")).to_be_visible(timeout=5_500)
        assert page.evaluate("window.same")
        card.get_by_role("button", name="Discharge").click()
        expect(page.get_by_role("status").first).to_contain_text("Discharged.")
        expect(page.get_by_role("region", name="Gone")).to_contain_text(str(world.clinic.patient))


def test_without_scripts_a_visit_is_checked_in_moved_and_booked(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(java_script_enabled=False)
    page = screen.page
    screen.sign_in(desk, "/day/")
    block(page, world.dose).get_by_role("button", name="Check in").click()
    expect(block(page, world.dose)).to_contain_text("Here")
    screen.open(day_of(world, "dose-2"))
    dose = world.visit("dose-2")
    block(page, dose).get_by_role("link", name="Move").click()
    page.locator(".opening").first.click()
    page.get_by_role("button", name=re.compile("^Move")).click()
    expect(page.locator("#moved")).to_contain_text("Moved to")
    assert start_of(dose) != dose.start
    page.get_by_role("link", name="Book a visit").click()
    page.get_by_label("Patient", exact=True).fill(world.clinic.patient.family_name)
    page.get_by_role("main").get_by_role("button", name="Find").click()
    page.get_by_label("a visit by itself").check()
    page.get_by_label("When?").fill(f"{world.dose.local_date + timedelta(days=1)}T15:00")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Therapy booked.")


def test_a_walk_in_is_booked_by_a_click_on_a_free_place(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    someone = factories.patient(world.clinic.site)
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    therapist = world.clinic.therapists[1]
    screen.sign_in(desk, "/day/")
    page.locator(f'[data-who="{therapist.pk}"] .track').click(position={"x": 50, "y": 7 * 96 + 30})
    drawer = page.get_by_role("dialog", name="What is possible then?")
    expect(drawer.get_by_role("link", name="Book a visit here")).to_be_focused()
    assert screen.violations() == []
    page.keyboard.press("Enter")
    expect(page.get_by_label("When?")).to_have_value(f"{world.dose.local_date}T15:15")
    page.get_by_label("Patient", exact=True).press_sequentially(someone.family_name)
    page.get_by_label(str(someone)).check()
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Therapy booked.")
    expect(page.locator(f'[data-who="{therapist.pk}"]')).to_contain_text(str(someone))


def test_why_a_visit_in_hand_cannot_go_there_is_told_without_a_mouse(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, day_of(world, "dose-2"))
    tab_to(page, str(world.clinic.patient), "link")
    page.keyboard.press("m")
    for _ in range(40):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#says")).to_contain_text("Why not?")
    page.keyboard.press("w")
    drawer = page.get_by_role("dialog", name="Does it fit there?")
    expect(drawer).to_contain_text("is not on shift then")
    expect(drawer).to_contain_text("The nearest time that fits")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator(".ghost")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".ghost")).to_have_count(0)


def test_without_scripts_a_column_says_what_is_possible_when(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(java_script_enabled=False)
    page = screen.page
    screen.sign_in(desk, "/day/?by=rooms")
    page.locator(".col-ask").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What is possible then?")
    page.get_by_label("Which visit of that day?").select_option(index=1)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Does it fit there?")


def test_a_phone_has_one_column_and_a_picker(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open(viewport={"width": 360, "height": 740}, has_touch=True)
    page = screen.page
    screen.sign_in(desk, "/day/")
    expect(page.locator(".col:visible")).to_have_count(1)
    ask = page.locator(".col-ask:visible").bounding_box()
    head = page.locator(".col-head:visible").last.bounding_box()
    assert ask and head and head["y"] <= ask["y"] < head["y"] + head["height"]
    page.locator(".picker select").select_option(value=str(world.clinic.monitor.pk))
    expect(page.locator(f'.col[data-who="{world.clinic.monitor.pk}"]')).to_be_visible()
    expect(page.locator(".col:visible")).to_have_count(1)
    expect(block(page, world.dose)).to_be_visible()


def test_sticky_heads_never_cover_what_has_the_focus(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(viewport={"width": 700, "height": 500})
    page = screen.page
    screen.sign_in(desk, "/day/")
    tab_to(page, str(world.clinic.patient), "link")
    for key in ("Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab", "Tab"):
        page.keyboard.press(key)
        covered = page.evaluate(
            """() => {
                const at = document.activeElement;
                if (!at.closest('.block')) return false;
                const box = at.getBoundingClientRect();
                const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
                return !(top && (at.contains(top) || top.contains(at)));
            }"""
        )
        assert not covered


def test_visits_at_the_same_time_stand_side_by_side(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    screen.sign_in(desk, "/day/")
    first, second = screen.page.evaluate(
        """() => {
            const one = document.querySelector('.block');
            const other = one.parentElement.appendChild(one.cloneNode(true));
            one.classList.add('l-2-1');
            other.classList.add('l-2-2');
            return [one, other].map(node => node.getBoundingClientRect());
        }"""
    )
    assert first["right"] <= second["left"]


def pages_on_paper(screen: Screen) -> int:
    return len(re.findall(rb"/Type\s*/Page[^s]", screen.page.pdf(format="A4")))


def test_thirty_visits_are_two_pages_of_paper(world: World, screens: Screens, desk: StaffMember) -> None:
    for count in range(29):
        single.book(
            actor=world.clinic.admin,
            now=world.dose.end + timedelta(hours=9),
            visit=single.Visit(
                patient_id=factories.patient(world.clinic.site).pk,
                kind="therapy",
                start=world.dose.start + timedelta(minutes=15 * (count % 20)),
                practitioner_ids=(world.clinic.therapists[count % 2].pk,),
                late_entry_reason="Written down later",
            ),
        )
    screen = screens.open()
    screen.sign_in(desk, "/roster/")
    expect(screen.page.locator(".visit")).to_have_count(30)
    assert pages_on_paper(screen) <= 2


# Whether a select is as wide as the longest of its words.
WIDE_ENOUGH = """select => {
  const free = select.cloneNode(true);
  free.style.cssText = 'position: absolute; inline-size: max-content';
  select.closest('main').append(free);
  const needed = free.offsetWidth;
  free.remove();
  return select.offsetWidth >= needed;
}"""


def test_the_bars_hold_what_they_name(world: World, screens: Screens, desk: StaffMember) -> None:
    """The week's bar is one line on a desk's screen; on a phone the board's sites are not cut off."""
    factories.site(world.clinic.practice, name="Riverside Behavioral Health East")
    screen = screens.open(viewport={"width": 1366, "height": 768})
    screen.sign_in(desk, f"{day_of(world, 'dose-1')}&view=week")
    bar = screen.page.locator(".day-top").bounding_box()
    assert bar and bar["height"] < 70, bar
    phone = screens.open(viewport={"width": 360, "height": 740})
    phone.sign_in(desk, "/board/")
    assert phone.page.get_by_label("Site").evaluate(WIDE_ENOUGH)
