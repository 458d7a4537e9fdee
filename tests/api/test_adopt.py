"""A course under way elsewhere is taken over: what was given is recorded, the rest is booked."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from notifications.models import Message
from scheduling.models import Appointment, Occupancy
from tests import factories
from tests.api import database
from tests.api.conftest import Api, program
from tests.api.test_bad_input import refused
from tests.api.test_courses import proposals
from tests.races import race

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo(factories.NEW_YORK)


def ago(days: int, hour: int = 10) -> str:
    """A local time some days ago."""
    day = timezone.now().astimezone(ZONE) - timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0).isoformat()


# Three of six doses of the IV series: two in each week.
GIVEN = [{"start": ago(10)}, {"start": ago(7)}, {"start": ago(3)}]


@pytest.fixture
def clinic(clinic: factories.Clinic) -> factories.Clinic:
    """The clinic, open at weekends too: the next dose is due in few days, on whichever day this runs."""
    for person in (clinic.prescriber, clinic.monitor, *clinic.therapists):
        factories.shift(person, clinic.site, weekdays=(6, 7))
    return clinic


def rest(api: Api, clinic: factories.Clinic) -> Any:
    return proposals(api, clinic, given=GIVEN, start_on_or_after=timezone.now().date().isoformat())


def adopt(api: Api, clinic: factories.Clinic, **body: Any) -> Any:
    key = body.pop("key", str(uuid4()))
    if "proposal" not in body:
        body = {"patient": str(clinic.patient.pk), "protocol": factories.IV, **body}
    return api.post("courses/adopt/", {"given": GIVEN, **body}, idempotency_key=key)


def doses(course: Any) -> list[Any]:
    return [visit for visit in course["visits"] if visit["kind"] == "dosing"]


def test_the_past_alone(api: Api, clinic: factories.Clinic) -> None:
    answer = adopt(api, clinic, reason="Begun at the hospital.")
    assert answer.status_code == 201, answer.content
    course = answer.json()
    assert [(one["ref"], one["status"], one["sequence"]) for one in course["visits"]] == [
        ("dose-1", "fulfilled", 1),
        ("dose-2", "fulfilled", 2),
        ("dose-3", "fulfilled", 3),
    ]
    assert all(one["late_entry_reason"] == "Begun at the hospital." for one in course["visits"])
    first = course["visits"][0]
    facts = {fact["name"]: fact["at"] for fact in first["facts"]}
    assert facts["started"] == first["start"]
    assert facts["discharged"] == first["end"]
    assert len(course["gaps"]) == 3
    assert course["gaps"][0]["status"] == "lapsed"
    assert not Occupancy.objects.filter(appointment__course_id=course["id"]).exists()
    assert not Message.objects.filter(course_id=course["id"]).exists()


def test_the_rest_is_planned_and_booked_with_it(api: Api, clinic: factories.Clinic) -> None:
    answer = adopt(api, clinic, plan=True)
    assert answer.status_code == 201, answer.content
    course = answer.json()
    told = [(one["ref"], one["status"]) for one in doses(course)]
    assert told == [(f"dose-{n}", "fulfilled" if n < 4 else "booked") for n in range(1, 7)]
    assert [one["sequence"] for one in doses(course)] == [1, 2, 3, 4, 5, 6]
    now = timezone.now()
    coming = [one for one in course["visits"] if datetime.fromisoformat(one["start"]) > now]
    owed = {dose["id"] for dose in doses(course)[3:]}
    for gap in course["gaps"]:
        if set(gap["doses"]) & owed:
            assert gap["status"] == "covered"
    subjects = set(Message.objects.filter(course_id=course["id"]).values_list("subject_id", flat=True))
    past = {one["id"] for one in course["visits"]} - {one["id"] for one in coming}
    assert not {str(one) for one in subjects} & past
    assert Message.objects.filter(course_id=course["id"], kind="course_booked").exists()
    assert race.overlaps() == race.half_booked() == 0


def test_a_proposal_for_the_rest(api: Api, clinic: factories.Clinic) -> None:
    before = database.counts()
    proposed = rest(api, clinic)
    assert proposed.status_code == 200, proposed.content
    assert database.counts() == before
    best = proposed.json()["proposals"][0]
    assert [one["ref"] for one in best["visits"] if one["kind"] == "dosing"] == ["dose-4", "dose-5", "dose-6"]
    refused(api.post("courses/", {"proposal": best["token"]}, idempotency_key="k"), "proposal")
    refused(adopt(api, clinic, proposal=best["token"], given=GIVEN[:2]), "given")
    refused(adopt(api, clinic, proposal=best["token"], patient=str(clinic.patient.pk)), "patient")
    assert database.counts() == before
    adopted = adopt(api, clinic, proposal=best["token"])
    assert adopted.status_code == 201, adopted.content
    assert {one["start"] for one in best["visits"] if one["kind"] == "dosing"} == {
        datetime.fromisoformat(one["start"]).astimezone(ZONE).isoformat() for one in doses(adopted.json())[3:]
    }


def test_visits_that_a_person_chose(api: Api, clinic: factories.Clinic) -> None:
    best = rest(api, clinic).json()["proposals"][0]
    chosen = [
        {"kind": one["kind"], "start": one["start"]} for one in best["visits"] if one["kind"] == "dosing"
    ]
    adopted = adopt(api, clinic, visits=chosen[:1])
    assert adopted.status_code == 201, adopted.content
    assert [(one["ref"], one["sequence"]) for one in doses(adopted.json())] == [
        (f"dose-{n}", n) for n in range(1, 5)
    ]
    assert doses(adopted.json())[3]["practitioners"]


def test_follow_ups_that_took_place_close_their_units(api: Api, clinic: factories.Clinic) -> None:
    given = [
        {**GIVEN[0], "follow_ups": [{"attended_at": ago(9, 14)}]},
        {**GIVEN[1], "follow_ups": [{"attended_at": ago(6, 12), "external": True, "provider": "Elsewhere"}]},
        GIVEN[2],
    ]
    course = adopt(api, clinic, given=given).json()
    by_dose = {gap["doses"][0]: gap["status"] for gap in course["gaps"]}
    assert [by_dose[dose["id"]] for dose in doses(course)][:2] == ["closed", "closed"]
    seen = [one for one in course["visits"] if one["kind"] == "integration"]
    assert [(one["status"], one["follows"]) for one in seen] == [("fulfilled", doses(course)[0]["id"])]


def test_what_happened_is_not_refused_for_a_clash(api: Api, clinic: factories.Clinic) -> None:
    first = adopt(api, clinic)
    second = adopt(api, clinic)
    assert (first.status_code, second.status_code) == (201, 201)


def test_the_last_dose_of_a_phase_makes_its_review_due(api: Api, clinic: factories.Clinic) -> None:
    document = factories.document() | {"key": "reviewed"}
    document["phases"][0]["exit_review_required"] = True
    assert api.post("protocols/", document).status_code == 201
    count = document["phases"][0]["sessions"]
    given = [{"start": ago(3 * n)} for n in range(count, 0, -1)]
    whole = adopt(api, clinic, protocol="reviewed", given=given).json()
    part = adopt(api, clinic, protocol="reviewed", given=given[:2]).json()
    assert (whole["status"], part["status"]) == ("review_due", "active")


def test_a_key_adopts_once(api: Api, clinic: factories.Clinic) -> None:
    first = adopt(api, clinic, key="k", plan=True)
    count = Appointment.objects.count()
    again = adopt(api, clinic, key="k", plan=True)
    assert first.json() == again.json()
    assert Appointment.objects.count() == count
    refused(api.post("courses/adopt/", {"given": GIVEN}), "patient")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"given": []}, "given"),
    ({"given": [{}]}, "given.0.start"),
    ({"given": [{"start": ago(3), "end": ago(4)}]}, "given.0.end"),
    ({"given": [GIVEN[1], GIVEN[0]]}, "given.1.start"),
    ({"given": [{**GIVEN[0], "phase": "the end"}]}, "given.0.phase"),
    ({"given": [{**GIVEN[0], "dose": 3}]}, "given.0.dose"),
    ({"given": [{**GIVEN[0], "follow_ups": [{}]}]}, "given.0.follow_ups.0.attended_at"),
    (
        {"given": [{**GIVEN[0], "follow_ups": [{"attended_on": "2020-01-01"}]}]},
        "given.0.follow_ups.0.attended_on",
    ),
    ({"patient": str(uuid4())}, "patient"),
    ({"protocol": "nothing_like_it"}, "protocol"),
    ({"site": str(uuid4())}, "site"),
    ({"plan": True, "visits": [{"kind": "dosing", "start": ago(-3)}]}, "plan"),
    ({"overrides": [{"rule_id": "window", "reason": "x"}]}, "overrides"),
]


def test_what_cannot_be_adopted(api: Api, clinic: factories.Clinic) -> None:
    before = database.counts()
    for body, field in WRONG:
        refused(adopt(api, clinic, **body), field)
    tomorrow = [{"start": ago(-1)}]
    refused(adopt(api, clinic, given=tomorrow), code="in_the_future", status=422)
    follow_up = [{**GIVEN[0], "follow_ups": [{"attended_at": ago(-1), "external": True}]}]
    refused(adopt(api, clinic, given=follow_up), code="in_the_future", status=422)
    assert database.counts() == before


def test_all_or_nothing(api: Api, clinic: factories.Clinic) -> None:
    """A rest that cannot be booked leaves nothing of the past either."""
    before = database.counts()
    soon = (timezone.now() + timedelta(days=400)).replace(hour=3, minute=0, second=0, microsecond=0)
    visit = {"kind": "dosing", "start": soon.isoformat()}
    answer = adopt(api, clinic, visits=[visit])
    assert answer.status_code in (409, 422), answer.content
    assert database.counts() == before


def test_another_practice_s_patient_is_as_a_missing_one(api: Api, clinic: factories.Clinic) -> None:
    theirs = factories.small_clinic()
    foreign = adopt(api, clinic, patient=str(theirs.patient.pk))
    missing = adopt(api, clinic, patient=str(uuid4()))
    refused(foreign, "patient")
    assert foreign.content == missing.content
    reader = program(clinic.practice, "read:courses")
    refused(adopt(reader, clinic), code="not_allowed", status=403)
