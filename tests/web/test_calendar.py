"""A calendar at an address that nobody can guess: what it shows, what it does not, and how it ends."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from icalendar import Calendar

from scheduling.models import Appointment, CalendarFeed
from tests import factories
from tests.api.conftest import Api, program
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def api(clinic: factories.Clinic) -> Api:
    return program(clinic.practice)


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(booked.NOW, tick=False)


def make(api: Api, shows: str, of: object) -> tuple[str, str]:
    """The path of a new feed, and its id."""
    answer = api.post("calendar-feeds/", {"shows": shows, "of": str(of)})
    assert answer.status_code == 201, answer.content
    return "/calendar/" + answer.json()["url"].rpartition("/calendar/")[2], answer.json()["id"]


def read(path: str, **headers: str) -> Any:
    return Client().get(path, headers=headers)


def events(path: str) -> dict[str, Any]:
    answer = read(path)
    assert answer.status_code == 200
    return {str(event["uid"]).split("@")[0]: event for event in Calendar.from_ical(answer.content).events}


def test_everybody_s_visits_and_nobody_s_name(clinic: factories.Clinic, api: Api) -> None:
    course = booked.book(clinic)
    path, _ = make(api, "site", clinic.site.pk)
    visits = {str(visit.pk): visit for visit in Appointment.objects.filter(course=course)}
    found = events(path)
    assert set(found) == set(visits)
    for uid, event in found.items():
        assert event["dtstart"].dt == visits[uid].start
        assert event["dtend"].dt == visits[uid].end
        assert event["dtstart"].params["tzid"] == clinic.site.time_zone
        assert (str(event["summary"]), str(event["status"])) == ("Appointment", "CONFIRMED")
    text = read(path).content.decode().lower()
    patient = clinic.patient
    secret = [patient.family_name, patient.given_name, clinic.chairs[0].name, "dose", "dosing", "ketamine"]
    secret += ["integration", "therapy", str(patient.pk), clinic.therapists[0].last_name]
    assert [word for word in secret if word.lower() in text] == []


def test_each_kind_shows_its_own(clinic: factories.Clinic, api: Api) -> None:
    course = booked.book(clinic)
    visits = Appointment.objects.filter(course=course)
    other = factories.patient(clinic.site)
    chair = visits.exclude(room=None).first().room  # type: ignore[union-attr]
    person = visits.filter(kind="integration").first().staffing.get().staff  # type: ignore[union-attr]
    expected = [
        ("patient", clinic.patient.pk, visits),
        ("patient", other.pk, visits.none()),
        ("room", chair.pk, visits.filter(room=chair)),  # type: ignore[union-attr]
        ("practitioner", person.pk, visits.filter(staffing__staff=person)),
    ]
    for shows, of, rows in expected:
        path, _ = make(api, shows, of)
        assert set(events(path)) == {str(row.pk) for row in rows}, shows


def test_a_cancelled_visit_is_told_with_its_uid_and_a_higher_sequence(
    clinic: factories.Clinic, api: Api
) -> None:
    course = booked.book(clinic)
    path, _ = make(api, "patient", clinic.patient.pk)
    visit = booked.visit(course, "integration-1")
    before = events(path)[str(visit.pk)]
    booked.move(clinic, visit.pk, "cancel", now=booked.NOW, reason="Ill.")
    after = events(path)[str(visit.pk)]
    assert str(after["status"]) == "CANCELLED"
    assert after["uid"] == before["uid"]
    assert after["sequence"] > before["sequence"]


def test_an_unchanged_calendar_is_not_sent_again(clinic: factories.Clinic, api: Api) -> None:
    course = booked.book(clinic)
    path, _ = make(api, "site", clinic.site.pk)
    first = read(path)
    assert first["Cache-Control"] == "private, no-cache"
    assert "noindex" in first["X-Robots-Tag"]
    again = read(path, if_none_match=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    booked.move(clinic, booked.visit(course, "dose-1").pk, "cancel", now=booked.NOW, reason="Ill.")
    assert read(path, if_none_match=first["ETag"]).status_code == 200


def test_an_ended_address_is_as_if_it_never_was(clinic: factories.Clinic, api: Api) -> None:
    path, feed_id = make(api, "site", clinic.site.pk)
    assert read(path).status_code == 200
    assert api.delete(f"calendar-feeds/{feed_id}/").status_code == 204
    ended, never = read(path), read("/calendar/" + "x" * 43 + ".ics")
    assert ended.status_code == never.status_code == 404
    assert ended.content == never.content
    assert api.get(f"calendar-feeds/{feed_id}/").json()["revoked_at"]
    assert Client().post(path).status_code == 405


def test_the_address_is_shown_once_and_kept_nowhere(
    clinic: factories.Clinic, api: Api, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    body = {"shows": "site", "of": str(clinic.site.pk)}
    made = api.post("calendar-feeds/", body, idempotency_key="once")
    repeated = api.post("calendar-feeds/", body, idempotency_key="once")
    assert made.json() == repeated.json()
    token = made.json()["url"].rpartition("/")[2].removesuffix(".ics")
    assert len(token) >= 43, "256 bits"
    listed = api.get("calendar-feeds/").content + api.get(f"calendar-feeds/{made.json()['id']}/").content
    assert token.encode() not in listed
    kept = CalendarFeed.objects.values().get()
    assert token not in repr(kept)
    with caplog.at_level(logging.DEBUG):
        read(f"/calendar/{token}.ics")
        read(f"/calendar/{token}x.ics")
    written = json.dumps(
        [str(record.__dict__) for record in caplog.records if record.name != "django.request"]
    )
    assert token not in written + "".join(capfd.readouterr())


def test_what_is_far_off_is_left_out(clinic: factories.Clinic, api: Api, time_machine: Any) -> None:
    booked.book(clinic)
    path, _ = make(api, "site", clinic.site.pk)
    time_machine.move_to(booked.NOW + timedelta(days=400), tick=False)
    assert events(path) == {}


def test_nobody_gets_a_calendar_of_another_practice(clinic: factories.Clinic, api: Api) -> None:
    other = factories.small_clinic()
    for shows, of in [
        ("site", other.site.pk),
        ("room", other.chairs[0].pk),
        ("practitioner", other.monitor.pk),
        ("patient", other.patient.pk),
    ]:
        answer = api.post("calendar-feeds/", {"shows": shows, "of": str(of)})
        assert answer.status_code == 400
        assert list(answer.json()["fields"]) == ["of"]
