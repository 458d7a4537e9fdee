"""Set-up: a practice goes from nothing to what its first course needs, through the pages alone."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from clinic.practice import founding, queries
from clinic.practice.models import Closure, PatientRead, Room, Site, StaffMember, WorkItem
from scheduling.booking.protocol import setting_up
from scheduling.models import Absence, ProtocolVersion, Shift
from scheduling.web.setup import things
from scheduling.web.setup.nouns import NOUNS
from tests import factories
from tests.web.conftest import World, signed_in

HOURS = {
    f"hours-{day}-{which}": at
    for day in range(1, 6)
    for which, at in (("opens", "08:00"), ("closes", "18:00"))
}
PASSWORD = "nine lamps by the water"


@pytest.fixture
def admin(db: None) -> Client:
    founded = founding.found(
        practice={"name": "New Leaf", "message_name": "New Leaf"},
        site={"name": "Main street", "time_zone": "America/New_York"},
        username="head",
        password=PASSWORD,
        now=factories.NOW,
    )
    return signed_in(founded.admin)


def add(client: Client, noun: str, **typed: Any) -> None:
    answer = client.post(f"/set-up/{noun}/", typed)
    assert answer.status_code == 303, answer.content.decode()


def missing(client: Client) -> str:
    page = client.get("/set-up/").content.decode()
    return page[page.index("<h1>Set-up</h1>") : page.index("</ol>")]


def test_a_new_practice_learns_what_is_missing_until_nothing_is(admin: Client) -> None:
    assert "No room yet" in missing(admin)
    site = Site.objects.get()
    admin.post("/set-up/practice/", {"name": "New Leaf", "message_name": "New Leaf", "phone": "212-555-0142"})
    held = {"name": site.name, "time_zone": site.time_zone, "grid_minutes": "15", "version": site.version}
    answer = admin.post(f"/set-up/sites/{site.pk}/", {**held, **HOURS})
    assert answer.status_code == 303, answer.content.decode()
    add(admin, "rooms", site_id=site.pk, name="Chair 1", kind="infusion_chair", is_active="1")
    add(admin, "rooms", site_id=site.pk, name="Room 2", kind="therapy_room", is_active="1")
    for number, role in enumerate(("prescriber", "monitor", "therapist")):
        person = {"given_name": "Pat", "family_name": role, "username": role, "roles": [role]}
        add(admin, "people", **person, home_site=site.pk, buffer_minutes="0", key=f"p{number}")
    answer = admin.post("/set-up/protocols/", {"key": "iv_ketamine_2x_3wk_cbt"})
    assert answer.status_code == 303
    assert "nobody with a shift is: therapist" in admin.get("/set-up/").content.decode()
    for person in StaffMember.objects.filter(roles__overlap=["prescriber", "monitor", "therapist"]):
        times = {"starts": "08:00", "ends": "17:00", "break_starts": "12:00", "break_ends": "12:30"}
        span = {"every_weeks": "1", "valid_from": "2026-05-01", "valid_until": ""}
        add(
            admin,
            "shifts",
            staff_id=person.pk,
            site=site.pk,
            weekdays=["1", "2", "3", "4", "5"],
            **times,
            **span,
        )
    assert missing(admin).count("To do") == 1
    assert "None booked yet" in missing(admin)
    assert '<a href="/book/">First course</a>' in missing(admin)
    offers = setting_up.progress(
        actor=queries.actor_of(staff=StaffMember.objects.get(username="head")), now=factories.NOW
    )
    assert offers.plannable == {ProtocolVersion.objects.get().template_id}
    assert Shift.objects.count() == 3


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(world: World) -> None:
    admin = signed_in(world.staff("practice_admin"))
    typed = {"given_name": "<b>Bo</b>", "family_name": "", "username": "a b", "buffer_minutes": "soon"}
    page = admin.post("/set-up/people/", typed)
    text = page.content.decode()
    assert page.status_code == 422
    assert "&lt;b&gt;Bo&lt;/b&gt;" in text and "<b>Bo" not in text
    assert "This is needed." in text and "A whole number." in text and "Choose at least one." in text
    weak = {**typed, "family_name": "Lee", "username": "bo", "roles": ["therapist"], "buffer_minutes": "5"}
    text = admin.post("/set-up/people/", {**weak, "password": "short"}).content.decode()
    assert "too short" in text
    assert 'value="short"' not in text


def test_the_same_form_sent_twice_adds_one(world: World) -> None:
    admin = signed_in(world.staff("practice_admin"))
    typed = {"site_id": str(world.clinic.site.pk), "name": "Blue", "kind": "therapy_room", "is_active": "1"}
    for _ in range(2):
        assert admin.post("/set-up/rooms/", {**typed, "key": "k1"}).status_code == 303
    assert Room.objects.filter(name="Blue").count() == 1
    again = admin.post("/set-up/rooms/", {**typed, "key": "k2"})
    assert again.status_code == 422
    assert "already taken" in again.content.decode()


def test_two_people_at_one_form_are_told(world: World) -> None:
    admin = signed_in(world.staff("practice_admin"))
    room = Room.objects.filter(site=world.clinic.site).first()
    assert room is not None
    typed = {"name": "Mine", "kind": room.kind, "is_active": "1", "version": str(room.version)}
    assert admin.post(f"/set-up/rooms/{room.pk}/", typed).status_code == 303
    late = admin.post(f"/set-up/rooms/{room.pk}/", {**typed, "name": "Theirs"})
    assert late.status_code == 422
    assert "changed since this page was opened" in late.content.decode()
    room.refresh_from_db()
    assert room.name == "Mine"


def test_only_an_administrator_changes_the_place(world: World) -> None:
    desk = signed_in(world.staff("front_desk"))
    site = world.clinic.site
    for path in ("/set-up/rooms/", "/set-up/people/", f"/set-up/sites/{site.pk}/", "/set-up/practice/"):
        assert desk.get(path).status_code == 200
        typed = {
            "name": "X",
            "kind": "therapy_room",
            "site_id": site.pk,
            "is_active": "1",
            "time_zone": "UTC",
        }
        typed |= {
            "grid_minutes": "15",
            "message_name": "X",
            "username": "x",
            "given_name": "X",
            "family_name": "X",
        }
        answer = desk.post(path, {**typed, "roles": ["therapist"], "buffer_minutes": "0"})
        assert answer.status_code == 403, path


def test_a_protocol_is_taken_stopped_and_offered_again(world: World) -> None:
    lead = signed_in(world.staff("clinical_lead"))
    assert lead.post("/set-up/protocols/", {"key": "nothing"}).status_code == 404
    assert lead.post("/set-up/protocols/", {"key": "kap_sublingual_im"}).status_code == 303
    taken = ProtocolVersion.objects.get(
        template__key="kap_sublingual_im", template__practice=world.clinic.practice
    )
    for verb, active in (("retire", False), ("offer", True)):
        assert lead.post(f"/set-up/protocols/{taken.template_id}/{verb}/").status_code == 303
        taken.template.refresh_from_db()
        assert taken.template.is_active is active


def test_lists_ask_no_more_when_there_is_more(world: World, django_assert_max_num_queries: Any) -> None:
    admin = signed_in(world.staff("practice_admin"))
    for noun in NOUNS:
        admin.get(f"/set-up/{noun}/")
    for _ in range(5):
        away = factories.worker(factories.site(world.clinic.practice), "therapist")
        factories.absence(away, world.now, world.now + timedelta(days=1))
        Closure.objects.create(
            site=away.home_site, starts_at=world.now, ends_at=world.now + timedelta(days=1)
        )
    for noun in NOUNS:
        with django_assert_max_num_queries(12):
            admin.get(f"/set-up/{noun}/")


def numbers(page: str) -> dict[str, str]:
    """The form's fields as the page shows them."""
    return dict(re.findall(r'name="((?:phases|plan)[^"]+)"[^>]*? value="([^"]*)"', page))


def test_a_protocol_is_drawn_checked_and_saved_as_the_next_version(world: World) -> None:
    lead = signed_in(world.staff("clinical_lead"))
    path = f"/set-up/protocols/{world.protocol.pk}/"
    page = lead.get(path).content.decode()
    assert "6 doses, 6 follow-ups" in page
    assert page.count('<svg class="drawing"') == 1
    typed = numbers(page) | {"phases.0.sessions": "4", "plan.follow_up.window_hours.max": "96"}
    page = lead.post(path, typed).content.decode()
    assert "4 doses, 4 follow-ups" in page
    assert ProtocolVersion.objects.filter(template=world.protocol).count() == 1
    saved = lead.post(path, {**typed, "save": "1", "version": "1"})
    assert saved.status_code == 303
    newest = ProtocolVersion.objects.get(template=world.protocol, version=2)
    assert newest.document["phases"][0]["sessions"] == 4
    assert newest.document["plan"]["follow_up"]["window_hours"]["max"] == 96
    late = lead.post(path, {**typed, "phases.0.sessions": "5", "save": "1", "version": "1"})
    assert "changed since this page was opened" in late.content.decode()


def test_what_no_clinic_can_keep_is_named(world: World) -> None:
    lead = signed_in(world.staff("clinical_lead"))
    path = f"/set-up/protocols/{world.protocol.pk}/"
    typed = numbers(lead.get(path).content.decode())
    # A follow-up that may begin only after the next dose has begun.
    window = {"min": "140", "ideal_from": "141", "ideal_to": "142", "max": "143", "grace": "168"}
    page = lead.post(path, typed | {f"plan.follow_up.window_hours.{name}": at for name, at in window.items()})
    assert "No clinic can keep this." in page.content.decode()
    for wrong in ("soon", "nan", "1e99", "<b>"):
        answer = lead.post(path, typed | {"phases.0.sessions": wrong, "save": "1", "version": "1"})
        assert answer.status_code == 422, wrong
    assert ProtocolVersion.objects.filter(template=world.protocol).count() == 1


def test_what_is_chosen_is_chosen_from_a_list(world: World) -> None:
    admin = signed_in(world.staff("practice_admin"))
    site, person = world.clinic.site, world.clinic.monitor
    for noun, names in (
        ("sites", ["time_zone", "grid_minutes"]),
        ("rooms", ["site_id", "kind"]),
        ("people", ["home_site"]),
        ("shifts", ["staff_id", "site"]),
        ("closures", ["site_id", "room_id"]),
        ("absences", ["staff_id"]),
    ):
        page = admin.get(f"/set-up/{noun}/").content.decode()
        for name in names:
            assert re.search(rf'<select id="{name}"[^>]*>.+?</select>', page), (noun, name)
    assert f'<option value="{person.pk}">{person.display_name}</option>' in page
    change = admin.get(f"/set-up/people/{person.pk}/").content.decode()
    assert f'<option value="{site.pk}" selected>{site.name}</option>' in change
    assert '<option value="">None</option>' in change


# --- closures and absences --------------------------------------------------------------------------------
def test_a_closure_of_whole_days_or_hours_is_kept_by_the_sites_clock(world: World, desk: Client) -> None:
    Closure.objects.all().delete()
    site = str(world.clinic.site.pk)
    add(desk, "closures", site_id=site, first_day="2026-11-26", last_day="2026-11-27", reason="Holiday")
    add(desk, "closures", site_id=site, first_day="2026-12-24", from_time="12:00", room_id="")
    whole, half = Closure.objects.order_by("starts_at")
    # New York is five hours behind in winter.
    assert (whole.starts_at, whole.ends_at) == (
        datetime(2026, 11, 26, 5, tzinfo=UTC),
        datetime(2026, 11, 28, 5, tzinfo=UTC),
    )
    assert half.starts_at == datetime(2026, 12, 24, 17, tzinfo=UTC)
    page = desk.get("/set-up/closures/").content.decode()
    assert "Thu 26 Nov 2026 to Fri 27 Nov 2026 · Holiday" in page
    assert "Thu 24 Dec 2026, 12:00 to 24:00" in page
    form = desk.get(f"/set-up/closures/{whole.pk}/").content.decode()
    assert 'value="2026-11-26"' in form and 'value="2026-11-27"' in form
    typed = {"first_day": "2026-11-26", "last_day": "", "version": "1", "reason": ""}
    assert desk.post(f"/set-up/closures/{whole.pk}/", typed).status_code == 303
    whole.refresh_from_db()
    assert whole.ends_at == datetime(2026, 11, 27, 5, tzinfo=UTC)
    assert desk.post(f"/set-up/closures/{whole.pk}/", {"remove": "1", "version": "1"}).status_code == 422
    assert desk.post(f"/set-up/closures/{whole.pk}/", {"remove": "1", "version": "2"}).status_code == 303
    assert not Closure.objects.filter(pk=whole.pk).exists()


def test_days_on_which_the_clocks_change_are_whole_days(world: World, desk: Client) -> None:
    Closure.objects.all().delete()
    site = str(world.clinic.site.pk)
    add(desk, "closures", site_id=site, first_day="2026-11-01")
    add(desk, "closures", site_id=site, first_day="2027-03-14")
    hours = [one.ends_at - one.starts_at for one in Closure.objects.order_by("starts_at")]
    assert hours == [timedelta(hours=25), timedelta(hours=23)]
    skipped = {"site_id": site, "first_day": "2027-03-14", "from_time": "02:30"}
    answer = desk.post("/set-up/closures/", skipped)
    assert answer.status_code == 422
    assert "The clocks skip that time" in answer.content.decode()
    twice = {"first_day": "2026-11-01", "from_time": "01:30", "until_time": "01:45"}
    add(desk, "closures", site_id=site, **twice)
    longest = Closure.objects.latest("pk")
    assert longest.ends_at - longest.starts_at == timedelta(minutes=75)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"first_day": ""}, "This is needed."),
        ({"first_day": "2026-13-01"}, "A day, such as"),
        ({"first_day": "1999-01-01"}, "between the years 2000 and 2099"),
        ({"first_day": "9999-12-31"}, "between the years 2000 and 2099"),
        ({"first_day": "2026-11-26", "last_day": "9999-12-31"}, "between the years 2000 and 2099"),
        ({"first_day": "2026-11-26", "last_day": "2026-11-25"}, "It ends before it begins."),
        ({"first_day": "2026-11-26", "from_time": "12:00", "until_time": "12:00"}, "It ends before"),
        ({"first_day": "2026-11-26", "reason": "x" * 201}, "at most 200"),
        ({"first_day": "2026-11-26", "room_id": "00000000-0000-0000-0000-000000000000"}, "a room of that"),
    ],
)
def test_a_span_that_cannot_be_stays_on_the_page(
    world: World, desk: Client, typed: dict[str, str], told: str
) -> None:
    answer = desk.post("/set-up/closures/", {"site_id": str(world.clinic.site.pk), "reason": "", **typed})
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert Closure.objects.count() == 1


def test_an_absence_says_which_visits_cannot_stay_and_where_to_move_them(world: World, desk: Client) -> None:
    person = world.clinic.monitor
    day = world.dose.local_date.isoformat()
    typed = {"staff_id": str(person.pk), "first_day": day, "reason": "<b>away</b>", "key": "k1"}
    answer = desk.post("/set-up/absences/", typed)
    made = Absence.objects.get(staff=person)
    assert answer["Location"] == f"/set-up/absences/{made.pk}/"
    page = desk.get(answer["Location"]).content.decode()
    assert "1 visit cannot stay" in page and "Remove the absence" in page
    assert f'href="/moves/{world.dose.pk}/?back=' in page
    assert "<b>away" not in page and "&lt;b&gt;away" in page
    assert world.clinic.patient.pk in PatientRead.objects.latest("id").patient_ids
    listed = desk.get("/set-up/absences/").content.decode()
    assert "1 visit cannot stay" in listed
    task = WorkItem.objects.get(kind="needs_new_place")
    assert task.subject_id == world.dose.pk
    assert desk.post(answer["Location"], {"remove": "1", "version": "1"}).status_code == 303
    task.refresh_from_db()
    assert task.done_at is not None
    assert not Absence.objects.filter(staff=person).exists()


def test_visits_of_who_is_away_go_to_others_who_can(world: World, desk: Client) -> None:
    person = world.clinic.monitor
    factories.worker(world.clinic.site, "monitor")
    row = factories.absence(person, world.dose.start, world.dose.end)
    path = f"/set-up/absences/{row.pk}/give/"
    assert path in desk.get(f"/set-up/absences/{row.pk}/").content.decode()
    page = desk.get(path).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token and "1 visit can be given away" in page
    assert world.dose.staffing.filter(staff=person).exists()
    assert desk.post(path, {"token": token[1]}).status_code == 303
    assert not world.dose.staffing.filter(staff=person).exists()
    assert "1 visit is given to others" in desk.get(f"/set-up/absences/{row.pk}/").content.decode()
    stale = desk.post(path, {"token": "x"}, follow=True).content.decode()
    assert "Nothing was given away." in stale


def test_visits_of_a_shut_room_go_to_other_rooms(world: World, desk: Client) -> None:
    room, day = world.dose.room, world.dose.local_date.isoformat()
    typed = {"site_id": world.clinic.site.pk, "room_id": world.dose.room_id, "first_day": day, "key": "k1"}
    answer = desk.post("/set-up/closures/", {**typed, "reason": "Painted"})
    page = desk.get(answer["Location"]).content.decode()
    assert "It is a task of the front desk too." in page
    task = WorkItem.objects.get(kind="needs_new_place")
    assert task.subject_id == world.dose.pk
    path = f"{answer['Location']}rooms/"
    assert f'href="{path}"' in page
    seen = desk.get(path).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', seen)
    assert token and "1 visit can be given away" in seen
    assert world.clinic.patient.pk in PatientRead.objects.latest("id").patient_ids
    assert desk.post(path, {"token": token[1]}).status_code == 303
    world.dose.refresh_from_db()
    assert world.dose.room in world.clinic.chairs and world.dose.room != room
    told = desk.get(answer["Location"]).content.decode()
    assert "1 visit is in another room." in told
    assert "cannot stay" not in told
    task.refresh_from_db()
    assert task.done_at is not None


def test_of_a_shut_site_each_visit_needs_another_time(world: World, desk: Client) -> None:
    typed = {"site_id": str(world.clinic.site.pk), "first_day": world.dose.local_date.isoformat()}
    answer = desk.post("/set-up/closures/", {**typed, "reason": "", "key": "k1"})
    page = desk.get(answer["Location"]).content.decode()
    assert "The whole site is shut then: it needs another time." in page
    assert "other rooms" not in page
    # Each has one link to where it could go instead, and is a task of the front desk.
    assert f'href="/moves/{world.dose.pk}/?back=' in page
    assert WorkItem.objects.get(kind="needs_new_place").subject_id == world.dose.pk
    assert desk.get(f"/moves/{world.dose.pk}/").status_code == 200


def test_half_a_break_is_not_dropped_in_silence(world: World) -> None:
    admin = signed_in(world.staff("practice_admin"))
    shift = Shift.objects.filter(staff=world.clinic.monitor).get()
    typed = {"site": shift.site_id, "weekdays": ["1"], "starts": "08:00", "ends": "17:00", "every_weeks": "1"}
    typed |= {"valid_from": "2026-05-01", "break_starts": "12:00", "version": shift.version}
    answer = admin.post(f"/set-up/shifts/{shift.pk}/", typed)
    assert answer.status_code == 422
    assert "Give both times of the break, or none." in answer.content.decode()


def test_what_a_long_absence_hits_is_counted_whole_and_listed_to_a_bound(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(things, "LISTED", 3)
    away = factories.absence(world.clinic.therapists[0], world.now, world.now + timedelta(days=60))
    page = desk.get(f"/set-up/absences/{away.pk}/").content.decode()
    told = re.search(r"(\d+) visits cannot stay", page)
    assert told and int(told[1]) > 3
    assert page.count("Move it<") == 3
    assert "These are the first 3." in page
