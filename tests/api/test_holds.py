"""Reserve first, then book: what a program sees."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from scheduling.models import Appointment, Occupancy
from tests import factories
from tests.api.conftest import Api, program
from tests.api.test_courses import proposals

pytestmark = pytest.mark.django_db


def hold(api: Api, clinic: factories.Clinic, **more: Any) -> Any:
    token = proposals(api, clinic).json()["proposals"][0]["token"]
    return api.post("courses/hold/", {"proposal": token, **more}, idempotency_key=uuid4().hex)


def book(api: Api, hold_id: str) -> Any:
    return api.post("courses/", {"hold": hold_id}, idempotency_key=uuid4().hex)


def expire() -> None:
    """Time passes."""
    over = timezone.now() - timedelta(seconds=1)
    Appointment.objects.filter(status="held").update(hold_expires_at=over)
    Occupancy.objects.filter(expires_at__isnull=False).update(expires_at=over)


def test_a_proposal_is_held_and_then_booked(api: Api, clinic: factories.Clinic) -> None:
    held = hold(api, clinic, minutes=15)
    assert held.status_code == 201, held.content
    draft = held.json()
    assert draft["status"] == "draft"
    assert {visit["status"] for visit in draft["visits"]} == {"held"}
    assert {visit["hold_expires_at"] for visit in draft["visits"]} == {draft["hold_expires_at"]}
    assert {gap["status"] for gap in draft["gaps"]} == {"void"}
    assert held["ETag"] == '"1"'
    listed = api.get("courses/?status=draft").json()["results"]
    assert [row["id"] for row in listed] == [draft["id"]]
    shown = api.get(f"roster/?site={clinic.site.pk}&day={draft['visits'][0]['start'][:10]}").json()
    assert {visit["status"] for visit in shown["visits"]} == {"held"}

    booked = book(api, draft["id"])
    assert booked.status_code == 201, booked.content
    whole = booked.json()
    assert (whole["id"], whole["status"], whole["hold_expires_at"]) == (draft["id"], "active", None)
    assert {visit["status"] for visit in whole["visits"]} == {"booked"}
    assert booked["ETag"] == '"2"'
    again = book(api, draft["id"])
    assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")


def test_a_hold_that_is_over_is_told_with_another_plan(api: Api, clinic: factories.Clinic) -> None:
    held = hold(api, clinic).json()
    expire()
    refused = book(api, held["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "hold_expired")
    assert refused.json()["alternative"]["token"]


def test_a_hold_is_released_by_who_has_read_it(api: Api, clinic: factories.Clinic) -> None:
    held = hold(api, clinic).json()
    address = f"courses/hold/{held['id']}/release/"
    assert api.post(address, {}, if_match='"9"').status_code == 412
    released = api.post(address, {}, if_match='"1"')
    assert released.status_code == 200, released.content
    assert released.json()["status"] == "stopped"
    assert not Occupancy.objects.exists()


def test_another_practice_s_hold_is_as_a_missing_one(api: Api, clinic: factories.Clinic) -> None:
    theirs = factories.small_clinic()
    held = hold(program(theirs.practice), theirs).json()
    foreign, missing = book(api, held["id"]), book(api, str(uuid4()))
    assert foreign.status_code == missing.status_code == 400
    assert list(foreign.json()["fields"]) == ["hold"]
    assert foreign.content == missing.content


def test_a_hold_is_all_that_is_said(api: Api, clinic: factories.Clinic) -> None:
    held = hold(api, clinic).json()
    refused = api.post(
        "courses/", {"hold": held["id"], "skip": ["dose-1"], "proposal": "x"}, idempotency_key="k"
    )
    assert refused.status_code == 400
    assert set(refused.json()["fields"]) == {"skip", "proposal"}
    too_long = hold(api, clinic, minutes=1441)
    assert set(too_long.json()["fields"]) == {"minutes"}
    too_long = hold(api, clinic, minutes=61)
    assert set(too_long.json()["fields"]) == {"minutes"}


def test_a_visit_is_held_booked_and_released(api: Api, clinic: factories.Clinic) -> None:
    start = (timezone.now() + timedelta(days=30)).replace(hour=15, minute=0, second=0, microsecond=0)
    start += timedelta(days=(7 - start.weekday()) % 7)
    body = {
        "patient": str(clinic.patient.pk),
        "kind": "therapy",
        "mode": "video",
        "start": start.isoformat(),
        "hold_minutes": 5,
    }
    held = api.post("appointments/", body).json()
    assert held["status"] == "held"
    assert api.post(f"appointments/{held['id']}/book/", {}, if_match='"9"').status_code == 412
    booked = api.post(f"appointments/{held['id']}/book/", {})
    assert (booked.json()["status"], booked.json()["hold_expires_at"]) == ("booked", None)
    assert api.post(f"appointments/{held['id']}/release/", {}).json()["code"] == "invalid_transition"
    other = api.post("appointments/", {**body, "start": (start + timedelta(hours=2)).isoformat()}).json()
    released = api.post(f"appointments/{other['id']}/release/", {})
    assert (released.status_code, released.json()["status"]) == (200, "cancelled")
    assert api.post(f"appointments/{other['id']}/book/", {}).json()["code"] == "hold_expired"
