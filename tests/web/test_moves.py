"""Moving a visit by the pages: seen first, then done once, or refused with what has changed."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.test import Client

from clinic.practice.models import Closure, PatientRead
from notifications.models import Message
from scheduling.booking.moving import moves, vacancies
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.visit import single
from scheduling.models import Appointment, RuleOverride
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in

ZONE = ZoneInfo("America/New_York")


def wall(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def to_next_day(world: World) -> str:
    return f"/moves/{world.dose.pk}/?start={wall(world.dose.start + timedelta(days=1))}&back=/day/"


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the form that applies."""
    part = page[page.index('id="apply"') :]
    part = part[: part.index("</form>")]
    return {
        name: value.replace("&amp;", "&")
        for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', part)
    }


def start_of(world: World, ref: str = "dose-1") -> datetime:
    return world.visit(ref).start


def test_a_move_shows_all_that_follows_and_saves_nothing(world: World, desk: Client) -> None:
    before = {one.pk: one.start for one in Appointment.objects.all()}
    page = desk.get(to_next_day(world)).content.decode()
    assert "Nothing is saved yet" in page
    assert "has to follow" in page
    assert "Who is told what" in page
    assert "Choose another time" in page
    assert "Keep it as it is" in page
    assert {one.pk: one.start for one in Appointment.objects.all()} == before


def test_applying_does_what_was_shown_once(world: World, desk: Client) -> None:
    page = desk.get(to_next_day(world)).content.decode()
    shown = int(re.search(r">Move (\d+) visits<", page)[1])  # type: ignore[index]
    before = {one.pk: one.start for one in Appointment.objects.all()}
    first = desk.post(f"/moves/{world.dose.pk}/", form_of(page))
    assert first.status_code == 303
    assert first["Location"].startswith("/day/?moved=")
    assert start_of(world) == world.dose.start + timedelta(days=1)
    moved = sum(before[one.pk] != one.start for one in Appointment.objects.all())
    assert moved == shown
    version = world.visit("dose-1").version
    again = desk.post(f"/moves/{world.dose.pk}/", form_of(page))
    assert again["Location"] == first["Location"]
    assert world.visit("dose-1").version == version


def test_a_move_is_undone_and_says_nothing(world: World, desk: Client) -> None:
    before = {one.pk: one.start for one in Appointment.objects.all()}
    page = desk.get(to_next_day(world)).content.decode()
    done = desk.post(f"/moves/{world.dose.pk}/", form_of(page))
    back = desk.get(done["Location"]).content.decode()
    assert "Undo" in back
    undo = re.search(r'action="(/moves/[^"]+/undo/)"', back)
    assert undo
    assert desk.post(undo[1], {"back": "/day/"}).status_code == 303
    assert {one.pk: one.start for one in Appointment.objects.all()} == before
    assert "The move is undone." in desk.get("/day/").content.decode()
    waiting = Message.objects.filter(kind="visit_moved", state="planned")
    assert not waiting.exists()


def test_what_was_changed_since_cannot_be_undone(world: World, desk: Client) -> None:
    done = desk.post(f"/moves/{world.dose.pk}/", form_of(desk.get(to_next_day(world)).content.decode()))
    act = done["Location"].partition("moved=")[2].partition("#")[0]
    booked.move(world.clinic, world.dose.pk, "confirm", now=world.now)
    desk.post(f"/moves/{act}/undo/", {"back": "/day/"})
    assert "Not undone." in desk.get("/day/").content.decode()
    assert start_of(world) == world.dose.start + timedelta(days=1)


def test_a_stale_preview_tells_what_changed_and_shows_it_anew(world: World, desk: Client) -> None:
    page = desk.get(to_next_day(world)).content.decode()
    booked.move(world.clinic, world.visit("integration-2").pk, "confirm", now=world.now)
    refused = desk.post(f"/moves/{world.dose.pk}/", form_of(page))
    told = refused.content.decode()
    assert refused.status_code == 409
    assert "Integration 2: The visit has changed since." in told
    assert start_of(world) == world.dose.start
    assert desk.post(f"/moves/{world.dose.pk}/", form_of(told)).status_code == 303
    assert start_of(world) == world.dose.start + timedelta(days=1)


def test_a_token_of_something_else_does_nothing(world: World, desk: Client) -> None:
    form = form_of(desk.get(to_next_day(world)).content.decode())
    other = world.visit("dose-2")
    for visit, token in ((other, form["token"]), (world.dose, form["token"] + "x"), (world.dose, "")):
        answer = desk.post(f"/moves/{visit.pk}/", {**form, "token": token})
        assert answer.status_code in (409, 422)
    assert start_of(world) == world.dose.start
    assert start_of(world, "dose-2") == other.start


def test_a_rule_is_broken_only_with_a_reason_by_who_may(world: World, desk: Client, lead: Client) -> None:
    saturday = world.dose.start + timedelta(days=5)
    path = f"/moves/{world.dose.pk}/?start={wall(saturday)}"
    told = desk.get(path).content.decode()
    assert "broken by this" in told
    assert "Others may do it" in told or "Nobody may do this" in told
    assert 'type="submit">Move' not in told
    page = lead.get(path).content.decode()
    form = form_of(page)
    assert "override_reason" in page
    assert lead.post(f"/moves/{world.dose.pk}/", form).status_code == 422
    rules = re.findall(r'name="rule" value="([^"]+)"', page)
    done = lead.post(
        f"/moves/{world.dose.pk}/", {**form, "rule": rules, "override_reason": "The patient asked for it"}
    )
    assert done.status_code == 303
    assert start_of(world) == saturday
    assert {one.reason for one in RuleOverride.objects.all()} == {"The patient asked for it"}


def test_a_reason_stays_when_the_rule_it_was_for_is_kept_by_now(world: World, lead: Client) -> None:
    saturday, tomorrow = (wall(world.dose.start + timedelta(days=days)) for days in (5, 1))
    form = form_of(lead.get(f"/moves/{world.dose.pk}/?start={saturday}").content.decode())
    typed = {**form, "start": tomorrow, "token": "x", "override_reason": "The patient asked for it"}
    answer = lead.post(f"/moves/{world.dose.pk}/", typed)
    assert answer.status_code == 409
    assert "The patient asked for it" in answer.content.decode()


def test_a_place_that_is_taken_leads_to_the_nearest_free_one(world: World, desk: Client) -> None:
    visit = world.visit("integration-1")
    for therapist in world.clinic.therapists:
        single.book(
            actor=world.clinic.admin,
            now=world.now,
            visit=single.Visit(
                patient_id=factories.patient(world.clinic.site).pk,
                kind="therapy",
                start=visit.start + timedelta(hours=2),
                practitioner_ids=(therapist.pk,),
            ),
        )
    taken = {"start": wall(visit.start + timedelta(hours=2))}
    answer = desk.get(f"/moves/{visit.pk}/", taken)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "No therapist is free at that time." in page
    why = re.search(r'href="(/why-not/[^"]+)"', page)
    assert why
    assert desk.get(why[1].replace("&amp;", "&")).status_code == 200
    assert "The nearest free start is" in page
    assert f'value="{taken["start"]}"' in page
    held = desk.get(f"/moves/{visit.pk}/fits/", taken).content.decode()
    assert 'data-fit="bad"' in held
    assert "No therapist is free" in held
    to = {**taken, "who": str(world.clinic.therapists[0].pk)}
    held = desk.get(f"/moves/{visit.pk}/fits/", to).content.decode()
    assert f"{world.clinic.therapists[0].display_name} has Test Patient" in held
    # Whose name was shown is written down.
    in_the_way = Appointment.objects.get(
        kind="therapy", start=visit.start + timedelta(hours=2), practitioners=world.clinic.therapists[0]
    )
    assert PatientRead.objects.latest("id").patient_ids == [in_the_way.patient_id]


def test_the_choice_offers_free_starts_nearby(world: World, desk: Client) -> None:
    page = desk.get(f"/moves/{world.dose.pk}/?back=/day/").content.decode()
    starts = re.findall(r'href="(/moves/[^"]+start=[^"]+)"', page)
    assert 1 <= len(starts) <= vacancies.MOST
    for path in starts[:3]:
        seen = desk.get(path.replace("&amp;", "&"))
        assert seen.status_code == 200
        assert "Nothing is saved yet" in seen.content.decode()


def offered(page: str) -> list[str]:
    return [path.replace("&amp;", "&") for path in re.findall(r'href="(/moves/[^"]+start=[^"]+)"', page)]


def test_no_free_time_leaves_the_room_no_turnover_before_it_closes(world: World, desk: Client) -> None:
    late = world.dose.start + timedelta(hours=1)
    closes = world.dose.end + timedelta(hours=1)
    Closure.objects.create(site=world.clinic.site, starts_at=closes, ends_at=closes + timedelta(days=9))
    page = desk.get(f"/moves/{world.dose.pk}/").content.decode()
    assert f"start={wall(late - timedelta(minutes=30)).replace(':', '%3A')}" in page
    assert f"start={wall(late).replace(':', '%3A')}" not in page
    seen = desk.get(f"/moves/{world.dose.pk}/", {"start": wall(late)}).content.decode()
    assert "No suitable room is open at that time." in seen
    assert "It cannot be done like this" in seen
    assert "1 visit would move" in seen


def test_a_follow_up_is_offered_no_time_outside_its_window(world: World, desk: Client) -> None:
    visit = world.visit("integration-1")
    # The window closes within the days that are looked at.
    late = wall(world.visit("dose-2").start + timedelta(hours=1))
    paths = offered(desk.get(f"/moves/{visit.pk}/", {"near": late}).content.decode())
    assert paths
    for path in paths:
        assert "broken by this" not in desk.get(path).content.decode()


def test_what_has_begun_cannot_be_moved_and_the_page_says_so(world: World, desk: Client) -> None:
    booked.move(world.clinic, world.dose.pk, "check_in", now=world.now)
    page = desk.get(f"/moves/{world.dose.pk}/").content.decode()
    assert "It cannot be moved" in page
    assert "See what follows" not in page


def test_a_time_that_cannot_be_is_kept_and_refused(world: World, desk: Client) -> None:
    for typed in ("soon", "2027-03-14T02:30", "1800-01-01T00:00", wall(world.now - timedelta(days=3))):
        answer = desk.get(f"/moves/{world.dose.pk}/", {"start": typed})
        assert answer.status_code == 422, typed
        assert typed in answer.content.decode()


def test_two_visits_change_places(world: World, desk: Client) -> None:
    first, second = world.visit("integration-1"), world.visit("integration-2")
    page = desk.get(f"/moves/{first.pk}/?with={second.pk}").content.decode()
    assert "Change places" in page
    done = desk.post(f"/moves/{first.pk}/", form_of(page))
    if done.status_code == 303:
        assert world.visit("integration-1").start == second.start


def test_while_it_is_held_over_a_place_one_is_told_whether_it_fits(world: World, desk: Client) -> None:
    tomorrow = world.dose.start + timedelta(days=1)
    fits = desk.get(f"/moves/{world.dose.pk}/fits/", {"start": wall(tomorrow)}).content.decode()
    assert 'data-fit="good"' in fits
    night = tomorrow.astimezone(ZONE).replace(hour=3)
    assert (
        'data-fit="rule"'
        in desk.get(f"/moves/{world.dose.pk}/fits/", {"start": wall(night)}).content.decode()
    )
    wrong = {
        "start": wall(tomorrow),
        "who": str(world.clinic.front_desk.pk),
        "instead": str(world.clinic.monitor.pk),
    }
    assert 'data-fit="bad"' in desk.get(f"/moves/{world.dose.pk}/fits/", wrong).content.decode()
    assert start_of(world) == world.dose.start


def test_another_person_takes_over_by_the_column(world: World, desk: Client) -> None:
    visit = world.visit("integration-1")
    now_with = visit.staffing.get().staff_id
    other = next(one for one in world.clinic.therapists if one.pk != now_with)
    path = f"/moves/{visit.pk}/?start={wall(visit.start)}&who={other.pk}&instead={now_with}"
    done = desk.post(f"/moves/{visit.pk}/", form_of(desk.get(path).content.decode()))
    assert done.status_code == 303
    assert visit.staffing.get().staff_id == other.pk


def test_who_may_not_book_sees_no_way_to_move(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    assert client.get(to_next_day(world)).status_code == 403
    assert "/moves/" not in client.get(f"/visits/{world.dose.pk}/").content.decode()
    assert "/moves/" not in client.get(f"/courses/{world.course.pk}/").content.decode()


def test_ids_of_another_practice_are_not_there(world: World, desk: Client, lead: Client) -> None:
    there = factories.small_clinic()
    tomorrow = wall(world.dose.start + timedelta(days=1))
    in_their_room = lead.get(f"/moves/{world.dose.pk}/?start={tomorrow}&room={there.chairs[0].pk}")
    page = in_their_room.content.decode()
    assert there.chairs[0].name not in page
    rules = re.findall(r'name="rule" value="([^"]+)"', page)
    taken = {**form_of(page), "rule": rules, "override_reason": "We want it"}
    assert lead.post(f"/moves/{world.dose.pk}/", taken).status_code == 422
    for name, value in (("who", there.monitor.pk), ("with", there.monitor.pk)):
        answer = desk.get(
            f"/moves/{world.dose.pk}/", {"start": wall(world.dose.start + timedelta(days=1)), name: value}
        )
        assert answer.status_code in (404, 422), name
    act = moves.apply(
        actor=world.clinic.admin,
        appointment_id=world.dose.pk,
        now=world.now,
        wish=Wish(start=world.dose.start + timedelta(days=1)),
    )
    outsider = signed_in(there.front_desk)
    assert outsider.get(f"/day/?moved={act}").status_code == 404
    outsider.post(f"/moves/{act}/undo/")
    assert start_of(world) == world.dose.start + timedelta(days=1)


def test_a_move_costs_the_same_few_queries_whatever_moves(
    world: World, desk: Client, django_assert_max_num_queries: object
) -> None:
    desk.get(to_next_day(world))
    later = f"/moves/{world.dose.pk}/?start={wall(world.dose.start + timedelta(days=3))}"
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        assert "Nothing is saved yet" in desk.get(later).content.decode()
    with django_assert_max_num_queries(40):  # type: ignore[operator]
        desk.get(f"/moves/{world.dose.pk}/")
