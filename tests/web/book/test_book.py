"""Booking a course at the screen: what each form answers, whoever sends it and whatever is in it."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from notifications.models import Message
from patients.models import MessagingConsent, Patient
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.web.conftest import World, signed_in

SECOND = {"given_name": "Nova", "family_name": "Example", "birth_date": "1990-04-02", "language": "es"}


@pytest.fixture
def somebody(world: World) -> Patient:
    """A patient without a course."""
    return factories.patient(world.clinic.site, family_name="Newcomer")


def wishes(world: World, patient: Patient, **changes: Any) -> dict[str, Any]:
    asked = {
        "patient": str(patient.pk),
        "site": str(world.clinic.site.pk),
        "protocol": str(world.clinic.version.template_id),
        "start": "2026-06-08",
    }
    return {**asked, **changes}


def propose(client: Client, world: World, patient: Patient, **changes: Any) -> str:
    answer = client.post("/book/", wishes(world, patient, **changes))
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()


def tokens(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'name="token" value="([^"]+)"', page)))


def key(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def choices(page: str) -> list[str]:
    return re.findall(r'name="choice" value="([^"]+)"', page)


def test_the_form_knows_the_patient_and_begins_on_a_working_day(
    desk: Client, world: World, somebody: Patient
) -> None:
    page = desk.get(f"/book/?patient={somebody.pk}").content.decode()
    assert "Book a course for Test Newcomer" in page
    # The only protocol is chosen already.
    assert re.search(rf'value="{world.clinic.version.template_id}"[^>]*checked', page)
    assert 'name="start" required value="2026-05-12"' in page


def test_a_course_that_runs_already_is_told_before_another_is_booked(
    desk: Client, world: World, somebody: Patient
) -> None:
    address = f"/courses/{world.course.pk}/"
    with_one = desk.get(f"/book/?patient={world.clinic.patient.pk}").content.decode()
    assert f"{world.clinic.patient} has a course already." in with_one
    assert f'<a href="{address}">' in with_one
    assert "has a course already." in propose(desk, world, world.clinic.patient)
    assert "has a course already." not in desk.get(f"/book/?patient={somebody.pk}").content.decode()
    TreatmentCourse.objects.filter(pk=world.course.pk).update(status="completed")
    over = desk.get(f"/book/?patient={world.clinic.patient.pk}").content.decode()
    assert "has a course already." not in over


def test_proposals_are_shown_as_rows_and_as_drawings(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody)
    assert len(tokens(page)) == 3
    assert "3 ways to do it" in page
    assert page.count('role="img" aria-labelledby="timeline-title') == 3
    for text in ("Dose 1 of 6", "Dose 6 of 6", "6 doses, 6 follow-ups", "Book these"):
        assert text in page
    assert not TreatmentCourse.objects.filter(patient=somebody).exists()


def test_a_script_gets_the_plans_alone(desk: Client, world: World, somebody: Patient) -> None:
    answer = desk.post("/book/", wishes(world, somebody), headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert len(tokens(answer.content.decode())) == 3


def test_confirming_books_and_leads_to_the_page_to_keep(
    desk: Client, world: World, somebody: Patient
) -> None:
    page = propose(desk, world, somebody)
    answer = desk.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
    course = TreatmentCourse.objects.get(patient=somebody)
    assert answer.status_code == 303
    assert answer["Location"] == f"/courses/{course.pk}/booked/"
    assert Appointment.objects.filter(course=course, status="booked").count() == 30


def test_one_page_books_once_however_often_it_is_sent(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody)
    first, second, _ = tokens(page)
    places = [
        desk.post("/book/confirm/", {"token": token, "key": key(page)})["Location"]
        for token in (first, first, second)
    ]
    assert len(set(places)) == 1
    assert TreatmentCourse.objects.filter(patient=somebody).count() == 1


def test_who_is_second_is_shown_what_is_taken_and_what_is_left(
    desk: Client, world: World, somebody: Patient
) -> None:
    page = propose(desk, world, somebody, weekday=["1", "4"])
    other = factories.patient(world.clinic.site)
    rivals = [factories.patient(world.clinic.site) for _ in range(3)]
    for rival in (other, *rivals):
        theirs = propose(desk, world, rival, weekday=["1", "4"])
        desk.post("/book/confirm/", {"token": tokens(theirs)[0], "key": key(theirs)})
    answer = desk.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
    told = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody was faster" in told
    assert tokens(told)
    assert re.search(r'name="weekday" value="4" checked', told)
    assert other.family_name not in told
    assert not TreatmentCourse.objects.filter(patient=somebody).exists()


def test_a_proposal_that_is_too_old_is_made_anew(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody, time_of_day="afternoon")
    with time_machine.travel(world.now + timedelta(hours=3)):
        again = signed_in(world.clinic.front_desk)
        answer = again.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
        told = answer.content.decode()
        assert answer.status_code == 409
        assert "too old to book" in told
        assert 'value="afternoon" selected' in told
        assert again.post("/book/confirm/", {"token": tokens(told)[0], "key": key(told)}).status_code == 303


@pytest.mark.parametrize("path", ["/book/confirm/", "/book/times/", "/book/change/", "/book/messages/"])
def test_a_token_that_is_none_leads_back_to_the_beginning(desk: Client, path: str) -> None:
    for token in ("", "nonsense", "a:b:c"):
        answer = desk.post(path, {"token": token, "ref": "dose-1", "choice": "dose-1|2026-06-08T13:00:00Z"})
        assert answer.status_code == 303
        assert answer["Location"] == "/book/"


def test_another_practice_cannot_use_a_proposal(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody)
    outsider = signed_in(factories.staff(factories.site(factories.practice()), "front_desk"))
    answer = outsider.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
    assert answer["Location"] == "/book/"
    assert not TreatmentCourse.objects.filter(patient=somebody).exists()
    assert outsider.get(f"/book/?patient={somebody.pk}").status_code == 404
    assert outsider.post("/book/", wishes(world, somebody)).status_code == 404


def test_what_the_patient_would_get_is_shown_before_anything_is_booked(
    desk: Client, world: World, somebody: Patient
) -> None:
    page = propose(desk, world, somebody)
    sent = {"token": tokens(page)[1], "key": key(page), "number": "2"}
    before = Message.objects.count()
    told = desk.post("/book/messages/", sent).content.decode()
    assert told.startswith("<!doctype html>")
    for text in ("What was booked", "Reminder, 1 day before", "Reminder, 3 days before"):
        assert text in told
    # In the site's zone, by its channel, with its words, and about which visit.
    assert "STOP to opt out." in told
    assert "visit of " in told
    assert "New York" in told
    assert "/v/..." in told
    # What is proposed has no page to go to, and the same proposal can still be booked.
    assert "/visits/" not in told.partition("What the patient would get")[2].partition("</section>")[0]
    assert tokens(told) == tokens(page)[1:2]
    assert not TreatmentCourse.objects.filter(patient=somebody).exists()
    assert Message.objects.count() == before
    assert desk.post("/book/confirm/", sent).status_code == 303
    # A script gets the panel alone.
    again = propose(desk, world, somebody)
    panel = desk.post(
        "/book/messages/", {"token": tokens(again)[0], "key": key(again)}, headers={"HX-Request": "true"}
    ).content.decode()
    assert panel.lstrip().startswith('<section class="card plan')


def test_why_a_patient_would_get_nothing_is_shown(desk: Client, world: World, somebody: Patient) -> None:
    MessagingConsent.objects.filter(patient=somebody).update(decision="revoked")
    page = propose(desk, world, somebody)
    told = desk.post("/book/messages/", {"token": tokens(page)[0], "key": key(page)}).content.decode()
    assert "The consent was revoked" in told
    assert "0 of " in told


def test_a_row_is_put_elsewhere_and_the_rest_follows(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody)
    sent = {"token": tokens(page)[0], "key": key(page), "number": "1"}
    asked = desk.post("/book/times/", {**sent, "ref": "dose-2"}).content.decode()
    assert choices(asked)
    assert key(asked) == key(page)
    changed = desk.post("/book/change/", {**sent, "choice": choices(asked)[0]}).content.decode()
    assert "Let it go" in changed
    assert "What you fixed stays" in changed
    mine = {"token": tokens(changed)[0], "key": key(changed), "number": "1", "pin": "dose-2"}
    released = desk.post("/book/change/", {**mine, "release": "dose-2"}).content.decode()
    assert "Let it go" not in released
    assert desk.post("/book/confirm/", mine).status_code == 303
    start = choices(asked)[0].partition("|")[2]
    dose = Appointment.objects.get(course__patient=somebody, ref="dose-2")
    assert dose.start.isoformat() == start


def test_a_time_that_does_not_fit_keeps_the_rest(desk: Client, world: World, somebody: Patient) -> None:
    page = propose(desk, world, somebody)
    sent = {"token": tokens(page)[0], "key": key(page), "choice": "dose-2|2026-06-14T08:00:00+00:00"}
    answer = desk.post("/book/change/", sent)
    assert answer.status_code == 409
    assert "That time does not fit" in answer.content.decode()
    assert "on shift at that time" in answer.content.decode()
    assert tokens(answer.content.decode()) == tokens(page)[:1]


@pytest.mark.parametrize(
    "choice", ["", "dose-2", "dose-2|soon", "dose-2|2026-06-09T10:00", "x|2026-06-09T10:00Z"]
)
def test_a_choice_that_means_nothing_is_refused(
    desk: Client, world: World, somebody: Patient, choice: str
) -> None:
    page = propose(desk, world, somebody)
    answer = desk.post("/book/change/", {"token": tokens(page)[0], "key": key(page), "choice": choice})
    assert answer.status_code == 422
    assert tokens(answer.content.decode())


def test_where_there_is_no_plan_the_reasons_and_ways_out_are_told(
    world: World, desk: Client, somebody: Patient
) -> None:
    for one in world.clinic.therapists:
        factories.absence(one, world.now + timedelta(days=27), world.now + timedelta(days=400))
    answer = desk.post("/book/", wishes(world, somebody))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "No plan keeps every rule" in page
    assert "Or choose another first day" in page


def test_a_way_out_that_is_a_later_day_is_one_button(world: World, desk: Client, somebody: Patient) -> None:
    page = propose(desk, world, somebody, relax='{"start_on_or_after": "2026-06-22"}')
    assert 'name="start" required value="2026-06-22"' in page
    assert len(tokens(page)) == 3


def test_an_override_is_for_those_who_may_and_needs_a_reason(
    world: World, desk: Client, somebody: Patient
) -> None:
    patch = '{"spacing_max": {"2": 9}}'
    assert desk.post("/book/", wishes(world, somebody, relax=patch, relax_reason="Away")).status_code == 403
    prescriber = signed_in(world.clinic.prescriber)
    assert prescriber.post("/book/", wishes(world, somebody, relax=patch)).status_code == 422
    page = propose(prescriber, world, somebody, relax=patch, relax_reason="Away that week")
    assert "Away that week" in page
    prescriber.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
    course = TreatmentCourse.objects.get(patient=somebody)
    assert course.overrides.get().reason == "Away that week"


@pytest.mark.parametrize(
    "changes",
    [
        {"start": ""},
        {"start": "tomorrow"},
        {"start": "2099-01-01"},
        {"protocol": ""},
        {"override": "nonsense"},
        {"override": "[1]"},
        {"relax": '{"windows": 3}'},
    ],
)
def test_what_cannot_be_meant_is_refused_and_stays_typed(
    world: World, desk: Client, somebody: Patient, changes: dict[str, str]
) -> None:
    answer = desk.post("/book/", wishes(world, somebody, time_of_day="evening", **changes))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert 'value="evening" selected' in page


@pytest.mark.parametrize("field", ["patient", "site", "protocol", "therapist"])
def test_an_id_that_is_not_ours_is_not_found(
    world: World, desk: Client, somebody: Patient, field: str
) -> None:
    for value in (str(uuid.uuid4()), "x"):
        if field == "therapist" and value != "x":
            continue
        assert desk.post("/book/", {**wishes(world, somebody), field: value}).status_code == 404


def test_who_may_not_book_is_told_so(world: World, somebody: Patient) -> None:
    monitor = signed_in(world.clinic.monitor)
    assert monitor.get(f"/book/?patient={somebody.pk}").status_code == 403
    assert monitor.post("/book/", wishes(world, somebody)).status_code == 403
    assert "Book a course for" not in monitor.post("/patients/", {"name": "Newcomer"}).content.decode()


def test_the_queries_do_not_grow_with_what_is_proposed(
    world: World, desk: Client, somebody: Patient, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(45):
        propose(desk, world, somebody)


# --- somebody new -------------------------------------------------------------------------------------------
def newcomer(client: Client, world: World, **changes: str) -> Any:
    sent = {**SECOND, "site": str(world.clinic.site.pk), "phone": "3035550177", "may_message": "1"}
    return client.post("/book/patient/", {**sent, "key": uuid.uuid4().hex, **changes})


def test_somebody_new_is_written_down_and_the_booking_goes_on(world: World, desk: Client) -> None:
    answer = newcomer(desk, world)
    made = Patient.objects.get(family_name="Example")
    assert answer["Location"] == f"/book/?patient={made.pk}"
    assert made.language == "es"
    assert MessagingConsent.objects.get(patient=made).channel == "sms"


def test_without_their_word_nobody_is_messaged(world: World, desk: Client) -> None:
    newcomer(desk, world, may_message="")
    assert not MessagingConsent.objects.filter(patient__family_name="Example").exists()


def test_a_double_click_writes_one_patient_down(world: World, desk: Client) -> None:
    same = uuid.uuid4().hex
    places = {newcomer(desk, world, key=same)["Location"] for _ in range(2)}
    assert len(places) == 1
    assert Patient.objects.filter(family_name="Example").count() == 1


def test_what_is_wrong_with_somebody_new_is_said_beside_the_field(world: World, desk: Client) -> None:
    answer = newcomer(desk, world, phone="12", birth_date="2190-01-01", given_name='<img src="x">')
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="phone-wrong"' in page
    assert 'id="birth_date-wrong"' in page
    assert '<img src="x">' not in page
    assert "&lt;img" in page
    assert not Patient.objects.filter(family_name="Example").exists()


# --- the page to keep ---------------------------------------------------------------------------------------
def test_the_page_to_keep_never_says_what_it_is_for(world: World, desk: Client) -> None:
    Patient.objects.filter(pk=world.clinic.patient.pk).update(language="es")
    page = desk.get(f"/courses/{world.course.pk}/booked/").content.decode()
    kept = page[page.index("<article") : page.index("</article>")].lower()
    assert "sus visitas" in kept
    assert "lunes 11 de mayo de 2026" in kept
    assert kept.count("<tr>") == 1 + world.course.appointments.filter(end__gt=world.now).count()
    for word in ("ketamin", "dose", "dosis", "integra", "therap", "terap", "infus", "prepar"):
        assert word not in kept, word


def test_the_list_is_mailed_once_a_page(world: World, desk: Client) -> None:
    page = desk.get(f"/courses/{world.course.pk}/booked/").content.decode()
    for _ in range(2):
        answer = desk.post(f"/courses/{world.course.pk}/mail/", {"key": key(page)})
        assert answer.status_code == 303
    said = Message.objects.get(kind="visit_list")
    assert (said.channel, said.state, said.course_id) == ("email", "planned", world.course.pk)


def test_the_list_is_mailed_though_the_first_of_its_visits_is_about_to_begin(world: World) -> None:
    with time_machine.travel(world.dose.start - timedelta(minutes=1)):
        desk = signed_in(world.clinic.front_desk)
        answer = desk.post(f"/courses/{world.course.pk}/mail/", {"key": uuid.uuid4().hex})
    assert answer.status_code == 303
    last = world.course.appointments.latest("start")
    assert Message.objects.get(kind="visit_list").useful_until == last.start


def test_without_an_address_it_says_to_print_it(world: World, desk: Client) -> None:
    MessagingConsent.objects.filter(patient=world.clinic.patient, channel="email").delete()
    answer = desk.post(f"/courses/{world.course.pk}/mail/", {"key": uuid.uuid4().hex})
    assert answer.status_code == 409
    assert "Print the page instead" in answer.content.decode()
    assert not Message.objects.filter(kind="visit_list").exists()
