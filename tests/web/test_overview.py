"""The first page and the way to a patient."""

from datetime import timedelta

import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice import work
from tests import factories
from tests.web.conftest import World, signed_in


def test_home_tells_what_today_holds(world: World, desk: Client) -> None:
    page = desk.get("/overview/").content.decode()
    assert world.clinic.site.name in page
    assert "Booked" in page
    assert "Follow-ups that need somebody" in page
    assert "Nothing waits for you" in page


def test_home_lists_the_tasks_of_ones_roles_with_whom_they_are_about(world: World, desk: Client) -> None:
    for role in ("front_desk", "prescriber"):
        work.raise_item(
            practice_id=world.clinic.practice.pk,
            kind="patient_unreachable",
            dedupe_key=role,
            subject_kind="appointment",
            subject_id=world.dose.pk,
            patient_id=world.clinic.patient.pk,
            role=role,
            reason="no_address",
            due_at=timezone.now() - timedelta(hours=3),
        )
    page = desk.get("/overview/").content.decode()
    assert page.count("Call: no message gets through") == 1
    assert f"gets through, {world.clinic.patient}" in page
    assert "no address is on file" in page
    assert f"/courses/{world.course.pk}/" in page


def test_a_patient_is_found_by_the_beginning_of_any_name(world: World, desk: Client) -> None:
    wanted = factories.patient(world.clinic.site, given_name="Maria del", family_name="Campo Alto")
    for typed in ("maria", "campo", "MAR cam", "alto", "del campo"):
        assert str(wanted) in desk.post("/patients/", {"name": typed}).content.decode(), typed
    assert str(wanted) not in desk.post("/patients/", {"name": "ampo"}).content.decode()


def test_a_found_patient_leads_to_their_course(world: World, desk: Client) -> None:
    page = desk.post("/patients/", {"name": world.clinic.patient.family_name}).content.decode()
    assert f"/courses/{world.course.pk}/" in page


def test_the_name_that_is_looked_for_stands_in_no_address(world: World, desk: Client) -> None:
    page = desk.get("/overview/").content.decode()
    assert 'method="post" action="/patients/"' in page
    assert str(world.clinic.patient) not in desk.get("/patients/?name=Test").content.decode()


def test_while_typing_only_the_list_is_sent(world: World, desk: Client) -> None:
    typed = {"name": world.clinic.patient.family_name}
    part = desk.post("/patients/", typed, headers={"HX-Request": "true"}).content.decode()
    assert str(world.clinic.patient) in part
    assert "<html" not in part


def test_who_is_not_on_file_can_be_written_down(world: World, desk: Client) -> None:
    typed, way = {"name": "nemo of nowhere"}, 'action="/book/patient/"'
    assert way in desk.post("/patients/", typed, headers={"HX-Request": "true"}).content.decode()
    form = desk.post("/book/patient/", typed).content.decode()
    assert 'name="given_name" required maxlength="100" value="Nemo Of"' in form
    assert 'name="family_name" required maxlength="100" value="Nowhere"' in form
    assert '<input id="birth_date" type="date" name="birth_date" required autofocus' in form
    assert desk.post("/book/patient/", {"name": "Sage, Clary"}).content.decode().count('value="Clary"') == 1
    monitor = signed_in(world.staff("monitor"))
    assert way not in monitor.post("/patients/", typed).content.decode()


def test_a_search_is_bounded(world: World, desk: Client) -> None:
    for number in range(27):
        factories.patient(world.clinic.site, given_name=f"Many{number}", family_name="Example")
    page = desk.post("/patients/", {"name": "example"}).content.decode()
    assert page.count("<li>\n    <b>") == 25
    assert "The first 25" in page


def test_one_letter_and_a_thousand_are_refused(world: World, desk: Client) -> None:
    assert desk.post("/patients/", {"name": "a"}).status_code == 422
    assert desk.post("/patients/", {"name": "a" * 1000}).status_code == 422
    assert desk.post("/patients/", {"name": "\x00"}).status_code == 200
    assert desk.post("/patients/", {"name": "%_\\"}).status_code == 200


def test_a_day_without_visits_leads_to_the_next_that_has_some(world: World) -> None:
    day = world.visit("dose-2").local_date
    with time_machine.travel(world.dose.start - timedelta(days=1)):
        page = signed_in(world.clinic.front_desk).get("/overview/").content.decode()
    assert f'date={world.dose.local_date}">Mon 11 May</a>, 1 visit.' in page
    assert f"date={day}" not in page


def test_a_site_that_expects_nobody_leads_nowhere(world: World) -> None:
    with time_machine.travel(world.now + timedelta(days=400)):
        page = signed_in(world.clinic.front_desk).get("/overview/").content.decode()
    assert "No visits today.<" in page
