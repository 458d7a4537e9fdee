"""The patient's page: what it shows to whom, what each form does, and that looking changes nothing."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.models import PatientRead, TrailEntry, WorkItem
from notifications.models import Message
from patients.models import Escort, MessagingConsent, Patient
from scheduling.models import Appointment, PatientLink
from tests.web.conftest import World
from tests.web.patient.conftest import BORN, of, path_of, post, prove, text_of
from tests.web.test_every_page import rows


# --- looking --------------------------------------------------------------------------------------------
def test_before_a_proof_it_shows_the_clinic_and_the_time_alone(world: World, http: Client, path: str) -> None:
    answer = http.get(path)
    told = text_of(answer)
    assert answer.status_code == 200
    assert world.clinic.practice.message_name in told
    assert "New York time" in told
    patient = world.clinic.patient
    for private in (
        patient.given_name,
        patient.family_name,
        BORN,
        "1980",
        "ketamine",
        "Dose",
        "Harbor Street 1",
    ):
        assert private not in answer.content.decode(), private


def test_its_headers_keep_it_out_of_every_memory(http: Client, path: str) -> None:
    for answer in (http.get(path), http.get("/v/" + "x" * 22), http.get(f"{path}/visit.ics")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_looking_changes_nothing_however_often(http: Client, path: str, visit: Appointment) -> None:
    before = rows()
    for ask in (http.get, http.head, http.options):
        for where in (path, f"{path}/times", f"{path}/visit.ics", f"{path}/confirm", f"{path}/again"):
            for _ in range(3):
                ask(where, headers={"Purpose": "prefetch"})
    assert rows() == before
    assert of(visit).version == visit.version
    assert http.get(path).status_code == 200


def test_the_rest_is_shown_after_the_birth_date(world: World, http: Client, path: str) -> None:
    prove(http, path)
    told = text_of(http.get(path))
    total = Appointment.objects.filter(course=world.course).count()
    assert f"of {total}" in told
    assert "Eat nothing for 6 hours before" in told
    assert "take you home" in told
    for private in (world.clinic.patient.family_name, "ketamine", "Dose", "dosing", "ntegration"):
        assert private not in told, private
    assert PatientRead.objects.filter(actor_ref=f"patient:{world.clinic.patient.pk}").exists()


def test_the_proof_is_of_one_link_and_ends(world: World, http: Client, path: str, visit: Appointment) -> None:
    prove(http, path)
    other = path_of(world.visit("dose-3"))
    assert "Your date of birth" in text_of(http.get(other))
    assert "Your date of birth" not in text_of(http.get(path))
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert "Your date of birth" in text_of(http.get(path))


def test_closing_the_page_forgets_the_proof(http: Client, path: str) -> None:
    prove(http, path)
    post(http, path, "close")
    assert "Your date of birth" in text_of(http.get(path))


def test_the_language_is_the_record_s_and_can_be_switched(world: World, http: Client, path: str) -> None:
    assert "Su visita" in text_of(http.get(f"{path}?lang=es"))
    Patient.objects.filter(pk=world.clinic.patient.pk).update(language="es")
    page = http.get(path)
    assert '<html lang="es">' in page.content.decode()
    assert "Your visit" in text_of(http.get(f"{path}?lang=en"))
    assert "Su visita" in text_of(http.get(f"{path}?lang=xx"))


def test_a_calendar_gets_the_same_entry_as_by_mail(http: Client, path: str, visit: Appointment) -> None:
    answer = http.get(f"{path}/visit.ics")
    told = answer.content.decode()
    assert answer["Content-Type"].startswith("text/calendar")
    assert f"UID:{visit.pk}@" in told
    assert "METHOD:PUBLISH" in told
    assert "visit" in told.lower()
    assert "dose" not in told.lower()


# --- saying yes and no ----------------------------------------------------------------------------------
def test_one_tap_confirms_and_a_second_is_the_same(http: Client, path: str, visit: Appointment) -> None:
    for _ in range(2):
        answer = post(http, path, "confirm")
        assert (answer.status_code, answer["Location"]) == (303, f"{path}?did=confirm")
    found = of(visit)
    assert (found.status, found.confirmed_by) == ("confirmed", f"patient:{visit.patient_id}")
    assert TrailEntry.objects.filter(verb="appointment.confirm", subject_id=visit.pk).count() == 1
    assert "You have confirmed" in text_of(http.get(path))


def test_i_cannot_come_asks_the_desk_and_cancels_nothing(http: Client, path: str, visit: Appointment) -> None:
    for _ in range(2):
        assert post(http, path, "cannot-come").status_code == 303
    assert of(visit).status == "booked"
    item = WorkItem.objects.get(kind="patient_cannot_come")
    assert (item.subject_id, item.role, item.done_at) == (visit.pk, "front_desk", None)
    assert TrailEntry.objects.filter(verb="appointment.cannot_come").count() == 1
    assert "you cannot come" in text_of(http.get(path))
    post(http, path, "confirm")
    item.refresh_from_db()
    assert item.done_by == f"patient:{visit.patient_id}"
    assert of(visit).status == "confirmed"


def test_who_confirmed_may_still_say_no_and_yes_again(http: Client, path: str, visit: Appointment) -> None:
    for what in ("confirm", "cannot-come", "confirm"):
        post(http, path, what)
    assert of(visit).status == "confirmed"
    assert not WorkItem.objects.filter(kind="patient_cannot_come", done_at=None).exists()
    assert TrailEntry.objects.filter(verb="appointment.can_come").count() == 1


def test_who_cannot_be_confirmed_yet_is_brought_before_the_desk(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    world.clinic.patient.eligibility_decisions.all().delete()
    answer = post(http, path, "confirm")
    assert answer.status_code == 409
    assert "something is still missing" in text_of(answer).lower()
    assert of(visit).status == "booked"
    assert WorkItem.objects.get(kind="patient_wants_to_come").subject_id == visit.pk


# --- changing, after a proof ----------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["move", "cancel", "ride", "messages", "language"])
def test_nothing_personal_is_changed_without_a_proof(
    http: Client, path: str, visit: Appointment, what: str
) -> None:
    before = rows()
    form = {
        "start": (visit.start + timedelta(days=1)).isoformat(),
        "reason_code": "cost",
        "name": "A",
        "stop": "1",
    }
    answer = post(http, path, what, **form, language="es")
    assert answer.status_code == 403
    assert rows() == before
    assert http.get(f"{path}/times").status_code == 403


def test_a_visit_moves_to_a_time_that_is_offered(http: Client, path: str, visit: Appointment) -> None:
    prove(http, path)
    page = http.get(f"{path}/times").content.decode()
    offered = re.findall(r'name="start"[^>]*value="([^"]+)"', page)
    version = re.search(r'name="version" value="(\d+)"', page)
    assert offered
    assert version
    others = dict(Appointment.objects.exclude(pk=visit.pk).values_list("pk", "start"))
    for _ in range(2):
        answer = post(http, path, "move", start=offered[0], version=version[1])
        assert (answer.status_code, answer["Location"]) == (303, f"{path}?did=move")
    moved = of(visit)
    assert moved.start.isoformat() != visit.start.isoformat()
    assert dict(Appointment.objects.exclude(pk=visit.pk).values_list("pk", "start")) == others
    step = TrailEntry.objects.get(verb="appointment.move", subject_id=visit.pk)
    assert step.actor_ref == f"patient:{visit.patient_id}"
    assert "new time" in text_of(http.get(answer["Location"]))


def test_every_offered_time_can_be_taken(http: Client, path: str, visit: Appointment) -> None:
    prove(http, path)
    offered = re.findall(r'name="start"[^>]*value="([^"]+)"', http.get(f"{path}/times").content.decode())
    assert len(offered) >= 5
    for start in offered[::7]:
        assert post(http, path, "move", start=start).status_code == 303, start


@pytest.mark.parametrize(
    "start",
    ["", "x", "2026-05-13", "2026-05-13T03:07:00+00:00", "1999-01-01T00:00:00Z", "2026-05-14T09:00:00Z"],
)
def test_a_time_that_was_not_offered_is_refused(
    http: Client, path: str, visit: Appointment, start: str
) -> None:
    prove(http, path)
    assert post(http, path, "move", start=start).status_code in (409, 422)
    assert of(visit).start == visit.start


def test_a_stale_page_moves_nothing(http: Client, path: str, visit: Appointment) -> None:
    prove(http, path)
    start = re.findall(r'name="start"[^>]*value="([^"]+)"', http.get(f"{path}/times").content.decode())[0]
    post(http, path, "confirm")
    answer = post(http, path, "move", start=start, version=visit.version)
    assert answer.status_code == 409
    assert of(visit).start == visit.start


def test_a_visit_is_cancelled_for_a_reason_and_the_desk_is_told(
    http: Client, path: str, visit: Appointment
) -> None:
    prove(http, path)
    assert post(http, path, "cancel", reason_code="clinic_cancelled").status_code == 409
    for _ in range(2):
        assert post(http, path, "cancel", reason_code="patient_unwell").status_code == 303
    found = of(visit)
    assert (found.status, found.cancel_code) == ("cancelled", "patient_unwell")
    assert WorkItem.objects.filter(kind="patient_cancelled", subject_id=visit.pk).count() == 1
    assert WorkItem.objects.filter(kind="orphaned_follow_up", done_at=None).exists()
    told = text_of(http.get(path))
    assert "is cancelled" in told
    assert "I will come" not in told


def test_who_takes_them_home_is_kept_with_its_author(http: Client, path: str, visit: Appointment) -> None:
    prove(http, path)
    assert post(http, path, "ride", name="", phone="").status_code == 422
    assert post(http, path, "ride", name="Ana", phone="12").status_code == 422
    assert post(http, path, "ride", name="Ana <b>", phone="+1 202 555 0143").status_code == 303
    found = Escort.objects.get(appointment_id=visit.pk)
    assert (found.name, found.phone) == ("Ana <b>", "+12025550143")
    assert found.confirmed_by == f"patient:{visit.patient_id}"
    assert "Ana &lt;b&gt;" in http.get(path).content.decode()


def test_messages_are_chosen_and_stopped(world: World, http: Client, path: str) -> None:
    prove(http, path)
    patient = world.clinic.patient
    post(http, path, "messages", channel=["email"])
    latest = MessagingConsent.objects.filter(patient=patient).order_by(
        "channel", "-decided_at", "-recorded_at"
    )
    decided = {row.channel: row for row in latest.distinct("channel")}
    assert (decided["sms"].decision, decided["email"].decision) == ("revoked", "granted")
    post(http, path, "messages", channel=["email", "sms"], stop="1")
    decided = {row.channel: row for row in latest.distinct("channel")}
    assert {row.decision for row in decided.values()} == {"revoked"}
    post(http, path, "messages", channel=["sms"])
    found = latest.distinct("channel").get(channel="sms")
    assert (found.decision, found.warning_version, found.decided_by) == (
        "granted",
        "page-2",
        f"patient:{patient.pk}",
    )


def test_a_language_is_chosen(world: World, http: Client, path: str) -> None:
    prove(http, path)
    assert post(http, path, "language", language="xx").status_code == 409
    assert post(http, path, "language", language="es").status_code == 303
    assert Patient.objects.get(pk=world.clinic.patient.pk).language == "es"


# --- proving and guessing -------------------------------------------------------------------------------
def test_five_wrong_birth_dates_lock_the_link_for_good(http: Client, path: str, visit: Appointment) -> None:
    for _ in range(4):
        assert post(http, path, "open", birth_date="1990-01-01").status_code == 422
    assert post(http, path, "open", birth_date="1990-01-01").status_code == 403
    locked = post(Client(), path, "open", birth_date=BORN)
    assert locked.status_code == 403
    assert "shows no more" in text_of(locked)
    assert WorkItem.objects.filter(kind="patient_link_locked").count() == 1
    assert post(http, path, "confirm").status_code == 303
    assert of(visit).status == "confirmed"


def test_what_is_no_date_is_no_guess(http: Client, path: str) -> None:
    for told in ("", "yesterday", "4 May 1980", "1980-13-45", "\x00", "9" * 5000):
        assert post(http, path, "open", birth_date=told).status_code == 422
    assert PatientLink.objects.exclude(wrong_tries=0).count() == 0


# --- a new link -----------------------------------------------------------------------------------------
def test_a_new_link_goes_to_the_address_on_file_and_the_answer_tells_nothing(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    answers = set()
    with time_machine.travel(visit.end + timedelta(minutes=1)):
        assert http.get(path).status_code == 404
        for token in (path.removeprefix("/v/"), "x" * 22, "y"):
            answer = http.post(f"/v/{token}/again")
            answers.add((answer.status_code, text_of(answer)))
        assert len(answers) == 1
        message = Message.objects.get(kind="visit_link")
        assert message.patient_id == visit.patient_id
        assert Appointment.objects.get(pk=message.subject_id).start > timezone.now()
        for _ in range(5):
            http.post(f"{path}/again")
        assert Message.objects.filter(kind="visit_link").count() == 3


def test_too_many_questions_are_put_off(http: Client, path: str) -> None:
    found = [http.post(f"{path}/again").status_code for _ in range(12)]
    assert found[:10] == [200] * 10
    assert found[10:] == [429, 429]
