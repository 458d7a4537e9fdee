"""Moves over HTTP: a preview leaves no trace, applying does what it showed, refusals tell what to do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def course(api: Api, clinic: factories.Clinic) -> TreatmentCourse:
    ask = {
        "patient": str(clinic.patient.pk),
        "protocol": factories.IV,
        "start_on_or_after": (timezone.now() + 7 * DAY).date().isoformat(),
    }
    token = api.post("courses/propose/", ask).json()["proposals"][0]["token"]
    made = api.post("courses/", {"proposal": token}, idempotency_key="book").json()
    return TreatmentCourse.objects.get(pk=made["id"])


def dose(course: TreatmentCourse, ref: str = "dose-6") -> Appointment:
    return Appointment.objects.get(course=course, ref=ref)


def later(visit: Appointment, **step: float) -> str:
    return (visit.start + timedelta(**step)).isoformat()


def test_a_move_is_seen_and_then_done(api: Api, course: TreatmentCourse) -> None:
    visit = dose(course)
    seen = api.post(f"appointments/{visit.pk}/move/", {"mode": "preview", "start": later(visit, minutes=15)})
    assert seen.status_code == 200, seen.content
    body = seen.json()
    assert body["applicable"] and body["token"] and body["visits"] == []
    assert body["moves"][0]["before"]["start"] == visit.start.isoformat().replace("+00:00", "Z")
    gone = {one["kind"] for one in body["messages"]["withdraw"]}
    assert gone == {"reminder_24h", "reminder_72h", "measure_due", "ride_home"}
    visit.refresh_from_db()
    assert visit.version == 1
    ask = {"mode": "apply", "preview_token": body["token"]}
    done = api.post(f"appointments/{visit.pk}/move/", ask, idempotency_key="move", if_match='"1"')
    assert done.status_code == 200, done.content
    assert [(one["id"], one["after"]) for one in done.json()["moves"]] == [
        (one["id"], one["after"]) for one in body["moves"]
    ]
    assert done["ETag"] == '"2"'
    again = api.post(f"appointments/{visit.pk}/move/", ask, idempotency_key="move", if_match='"1"')
    assert again.json() == done.json()
    stale = api.post(f"appointments/{visit.pk}/move/", ask, idempotency_key="other")
    assert (stale.status_code, stale.json()["code"]) == (409, "preview_stale")
    assert stale.json()["changed"][0]["what"] == "visit"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "mode"),
        ({"mode": "perhaps"}, "mode"),
        ({"mode": "preview", "preview_token": "x"}, "preview_token"),
        ({"mode": "apply", "preview_token": "x", "start": "2030-01-01T10:00:00Z"}, "start"),
        ({"mode": "preview", "start": "2030-01-01T10:00:00"}, "start"),
        ({"mode": "preview", "start": "2020-01-01T10:00:00Z"}, "start"),
        ({"mode": "preview", "site": "0198c1f2-5a3e-7c11-8d20-3f1a2b4c5d6e"}, "site"),
        ({"mode": "preview", "pins": ["0198c1f2-5a3e-7c11-8d20-3f1a2b4c5d6e"]}, "pins"),
        ({"mode": "preview", "when": "later"}, "when"),
    ],
)
def test_what_cannot_be_points_at_its_field(
    api: Api, course: TreatmentCourse, body: dict[str, Any], field: str
) -> None:
    refused = api.post(f"appointments/{dose(course).pk}/move/", body)
    assert refused.status_code == 400, refused.content
    assert list(refused.json()["fields"]) == [field]


def test_a_broken_rule_says_who_may_excuse_it(api: Api, course: TreatmentCourse) -> None:
    visit = dose(course)
    sunday = visit.start + (6 - visit.local_date.weekday()) * DAY
    ask = {"start": sunday.isoformat(), "cascade": False}
    seen = api.post(f"appointments/{visit.pk}/move/", {"mode": "preview", **ask}).json()
    assert not seen["applicable"]
    assert all(one["may_override"] for one in seen["violations"] if one["overridable"])
    refused = api.post(f"appointments/{visit.pk}/move/", {"mode": "apply", **ask})
    assert (refused.status_code, refused.json()["code"]) == (422, "rule_violation")


def test_pins_are_shown_and_taken_off(api: Api, course: TreatmentCourse) -> None:
    address = f"appointments/{dose(course).pk}"
    pinned = api.post(f"{address}/pin/", {"reason": "Her only free day."})
    assert (pinned.status_code, pinned["ETag"]) == (200, '"2"')
    assert pinned.json()["pinned_at"] and pinned.json()["pinned_by"]
    assert api.post(f"{address}/unpin/").json()["pinned_at"] is None


def test_swap_and_reassign_and_replan_answer_in_one_shape(
    api: Api, clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    first, second = dose(course, "therapy-3"), dose(course, "therapy-4")
    ask = {"mode": "apply", "with": str(second.pk), "cascade": False}
    swapped = api.post(f"appointments/{first.pk}/swap/", ask, idempotency_key="swap")
    assert swapped.status_code == 200, swapped.content
    assert {one["id"] for one in swapped.json()["moves"]} == {str(first.pk), str(second.pk)}
    assert api.post(f"appointments/{first.pk}/swap/", ask, idempotency_key="swap").json() == swapped.json()
    span = {"start": first.start.isoformat(), "end": (first.start + DAY).isoformat()}
    given = api.post(f"practitioners/{clinic.therapists[0].pk}/reassign/", {"mode": "preview", **span})
    assert given.status_code == 200, given.content
    ask = {"mode": "apply", "preview_token": given.json()["token"], **span}
    done = api.post(f"practitioners/{clinic.therapists[0].pk}/reassign/", ask)
    assert done.status_code == 200, done.content
    assert done.json()["outcomes"] == given.json()["outcomes"]
    whole = api.get(f"courses/{course.pk}/")
    planned = api.post(f"courses/{course.pk}/replan/", {"mode": "apply"}, if_match=whole["ETag"])
    assert planned.status_code == 200, planned.content
    assert planned["ETag"] == api.get(f"courses/{course.pk}/")["ETag"]
    stale = api.post(f"courses/{course.pk}/replan/", {"mode": "preview"}, if_match=whole["ETag"])
    assert stale.status_code == 412


def test_a_visit_that_is_over_does_not_move(api: Api, clinic: factories.Clinic) -> None:
    past = {
        "patient": str(clinic.patient.pk),
        "kind": "screening",
        "start": (timezone.now() - 3 * DAY).isoformat(),
        "late_entry_reason": "Written up later.",
    }
    made = api.post("appointments/", past).json()
    ask = {
        "mode": "preview",
        "start": datetime(2040, 1, 2, 15, tzinfo=timezone.get_current_timezone()).isoformat(),
    }
    refused = api.post(f"appointments/{made['id']}/move/", ask)
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
