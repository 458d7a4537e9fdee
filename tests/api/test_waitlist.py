"""A freed place goes to somebody who waits: what a program sees."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> dict[str, str]:
    """An hour of the next week in which the clinic works."""
    monday = timezone.now().date() + timedelta(days=7 - timezone.now().weekday())
    start = datetime(monday.year, monday.month, monday.day, 15, tzinfo=timezone.get_default_timezone())
    return {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}


def wait(api: Api, clinic: factories.Clinic, **more: Any) -> dict[str, Any]:
    now = timezone.now()
    wish = {
        "patient": str(factories.patient(clinic.site).pk),
        "kind": "therapy",
        "mode": "video",
        "earliest": now.isoformat(),
        "latest": (now + timedelta(days=21)).isoformat(),
    }
    added = api.post("waitlist/", wish | more)
    assert added.status_code == 201, added.content
    return dict(added.json())


def test_who_waits_is_found_for_a_place_offered_it_and_booked(
    api: Api, clinic: factories.Clinic, place: dict[str, str]
) -> None:
    calm, urgent = wait(api, clinic), wait(api, clinic, priority=5)
    query = f"site={clinic.site.pk}&start={place['start']}&end={place['end']}".replace("+", "%2B")
    fits = api.get(f"waitlist/fits/?{query}").json()
    assert [one["entry"]["id"] for one in fits] == [urgent["id"], calm["id"]]

    offered = api.post(f"waitlist/{urgent['id']}/offer/", {"start": place["start"]}, if_match='"1"')
    assert offered.status_code == 200, offered.content
    held = offered.json()["offer"]
    assert held["state"] == "pending"
    assert api.get(f"appointments/{held['appointment']}/").json()["status"] == "held"
    stale = api.post(f"waitlist/{urgent['id']}/accept/", {}, if_match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")

    taken = api.post(f"waitlist/{urgent['id']}/accept/", {}, if_match=offered["ETag"])
    assert (taken.status_code, taken.json()["status"]) == (200, "booked"), taken.content
    visit = api.get(f"appointments/{held['appointment']}/").json()
    assert (visit["status"], visit["patient"]) == ("booked", urgent["patient"])
    again = api.post(f"waitlist/{urgent['id']}/accept/", {})
    assert (again.status_code, again.json()["code"]) == (409, "invalid_transition")


def test_who_declines_waits_on_and_who_withdraws_does_not(
    api: Api, clinic: factories.Clinic, place: dict[str, str]
) -> None:
    entry = wait(api, clinic)
    offered = api.post(f"waitlist/{entry['id']}/offer/", {"start": place["start"]}).json()["offer"]
    declined = api.post(f"waitlist/{entry['id']}/decline/", {})
    assert (declined.json()["status"], declined.json()["offer"]["state"]) == ("waiting", "declined")
    assert api.get(f"appointments/{offered['appointment']}/").json()["status"] == "cancelled"

    withdrawn = api.post(f"waitlist/{entry['id']}/withdraw/", {})
    assert withdrawn.json()["status"] == "withdrawn"
    listed = api.get("waitlist/?status=waiting").json()["results"]
    assert entry["id"] not in [one["id"] for one in listed]
    refused = api.post(f"waitlist/{entry['id']}/offer/", {"start": place["start"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
