"""What the front desk sees of what a patient did by the link, and sends."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.models import Message
from scheduling.models import Appointment, PatientLink
from tests.web.conftest import World, signed_in
from tests.web.patient.conftest import path_of, post, prove, text_of


def test_the_visit_s_page_says_what_the_patient_said(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    desk = signed_in(world.clinic.front_desk)
    prove(http, path)
    post(http, path, "ride", name="Ana Mora", phone="")
    post(http, path, "cannot-come")
    told = text_of(desk.get(f"/visits/{visit.pk}/"))
    assert "Patient cannot come" in told
    assert "Ana Mora" in told
    home = text_of(desk.get("/overview/"))
    assert "Patient cannot come" in home
    post(http, path, "confirm")
    told = text_of(desk.get(f"/visits/{visit.pk}/"))
    assert "Patient cannot come" not in told
    assert "the patient" in told
    story = text_of(desk.get(f"/courses/{world.course.pk}/"))
    assert "not possible for the patient" in story


def test_the_link_is_sent_again_and_a_locked_one_replaced(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    desk = signed_in(world.clinic.front_desk)
    for _ in range(5):
        post(http, path, "open", birth_date="1990-01-01")
    assert "Locked link" in text_of(desk.get(f"/visits/{visit.pk}/"))
    answer = desk.post(f"/visits/{visit.pk}/send-link/")
    assert answer.status_code == 303
    assert Message.objects.filter(kind="visit_link", subject_id=visit.pk).count() == 1
    assert PatientLink.objects.filter(appointment=visit).count() == 2
    assert http.get(path).status_code == 404
    assert http.get(path_of(visit)).status_code == 200


def test_a_link_to_what_is_over_is_not_sent(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    desk = signed_in(world.clinic.front_desk)
    prove(http, path)
    post(http, path, "cancel", reason_code="cost")
    answer = desk.post(f"/visits/{visit.pk}/send-link/", follow=True)
    assert "Not sent" in text_of(answer)
    assert not Message.objects.filter(kind="visit_link").exists()


def test_a_long_course_costs_no_more_queries_than_a_short_one(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    prove(http, path)
    with CaptureQueriesContext(connection) as long:
        http.get(path)
    others = Appointment.objects.filter(course=world.course).exclude(pk=visit.pk).order_by("-start")
    Appointment.objects.filter(pk__in=[one.pk for one in others[:15]]).update(status="cancelled")
    with CaptureQueriesContext(connection) as short:
        http.get(path)
    assert len(long) == len(short) <= 20
