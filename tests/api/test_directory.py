"""Practice, sites, rooms, people, closures and shifts by REST: made, read, listed, changed."""

from typing import Any

import pytest

from tests import factories
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db


def test_a_site_is_made_read_and_changed(api: Api) -> None:
    made = api.post(
        "sites/",
        {
            "name": "North",
            "time_zone": "America/Denver",
            "hours": [{"weekday": 1, "opens": "08:00", "closes": "17:30"}],
        },
    )
    assert made.status_code == 201, made.content
    site = made.json()
    assert site["time_zone"] == "America/Denver"
    assert site["hours"] == [{"weekday": 1, "opens": "08:00", "closes": "17:30"}]
    read = api.get(f"sites/{site['id']}/")
    assert read.json() == site
    changed = api.patch(f"sites/{site['id']}/", {"name": "North side"}, if_match=read["ETag"])
    assert changed.status_code == 200, changed.content
    assert changed.json()["name"] == "North side"
    assert changed.json()["hours"] == site["hours"]
    assert changed["ETag"] != read["ETag"]


def test_put_gives_every_value(api: Api) -> None:
    site = api.post("sites/", {"name": "North", "time_zone": "UTC", "address": "1 Main Street"}).json()
    replaced = api.put(f"sites/{site['id']}/", {"name": "South", "time_zone": "UTC"}, if_match='"1"')
    assert replaced.status_code == 200, replaced.content
    assert replaced.json()["address"] == ""


@pytest.mark.parametrize("method", ["patch", "put"])
def test_a_change_names_the_version_it_was_made_from(api: Api, clinic: factories.Clinic, method: str) -> None:
    address = f"sites/{clinic.site.pk}/"
    body = {"name": "Another", "time_zone": "UTC"}
    change = getattr(api, method)
    assert change(address, body).status_code == 428
    assert change(address, body).json()["code"] == "precondition_required"
    stale = change(address, body, if_match='"99"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert change(address, body, if_match='W/"1"').status_code == 412
    assert change(address, body, if_match="1").status_code == 400
    assert change(address, body, if_match='"1"').status_code == 200
    assert change(address, body, if_match='"1"').status_code == 412


def test_a_room_and_a_person(api: Api, clinic: factories.Clinic) -> None:
    room = api.post("rooms/", {"site": str(clinic.site.pk), "name": "Chair 9", "kind": "infusion_chair"})
    assert room.status_code == 201, room.content
    assert room.json()["time_zone"] == "America/New_York"
    person = api.post(
        "practitioners/",
        {
            "username": "robin",
            "given_name": "Robin",
            "family_name": "Example",
            "roles": ["therapist"],
            "home_site": str(clinic.site.pk),
        },
    )
    assert person.status_code == 201, person.content
    assert person.json()["name"] == "Robin Example"
    busy = api.patch(f"practitioners/{person.json()['id']}/", {"roles": ["monitor"]}, if_match='"1"')
    assert busy.json()["roles"] == ["monitor"]
    found = api.get("practitioners/?role=monitor").json()["results"]
    assert person.json()["id"] in [row["id"] for row in found]
    assert all("monitor" in row["roles"] for row in found)


def test_a_closure_is_made_moved_and_taken_back(api: Api, clinic: factories.Clinic) -> None:
    made = api.post(
        "closures/",
        {
            "site": str(clinic.site.pk),
            "starts_at": "2026-12-24T00:00:00-05:00",
            "ends_at": "2026-12-27T00:00:00-05:00",
            "reason": "Holiday",
        },
    )
    assert made.status_code == 201, made.content
    assert made.json()["starts_at"] == "2026-12-24T05:00:00Z"
    address = f"closures/{made.json()['id']}/"
    moved = api.patch(address, {"ends_at": "2026-12-26T00:00:00-05:00"}, if_match=made["ETag"])
    assert moved.json()["ends_at"] == "2026-12-26T05:00:00Z"
    assert api.delete(address, if_match='"1"').status_code == 412
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_a_shift_recurs_in_local_time(api: Api, clinic: factories.Clinic) -> None:
    made = api.post(
        "shifts/",
        {
            "practitioner": str(clinic.therapists[0].pk),
            "site": str(clinic.site.pk),
            "weekdays": [6],
            "starts": "09:00",
            "ends": "13:00",
            "valid_from": "2026-01-05",
            "breaks": [{"starts": "11:00", "ends": "11:15"}],
        },
    )
    assert made.status_code == 201, made.content
    shift = made.json()
    assert (shift["weekdays"], shift["starts"], shift["time_zone"]) == ([6], "09:00", "America/New_York")
    ended = api.patch(f"shifts/{shift['id']}/", {"valid_until": "2026-06-30"}, if_match=made["ETag"])
    assert ended.json()["valid_until"] == "2026-06-30"
    assert ended.json()["breaks"] == [{"starts": "11:00", "ends": "11:15"}]
    mine = api.get(f"shifts/?practitioner={clinic.therapists[0].pk}").json()["results"]
    assert {row["practitioner"] for row in mine} == {str(clinic.therapists[0].pk)}
    assert api.delete(f"shifts/{shift['id']}/").status_code == 204


def test_the_practice_is_one_and_changes_with_its_tag(api: Api, clinic: factories.Clinic) -> None:
    listed = api.get("practices/").json()
    assert [row["id"] for row in listed["results"]] == [str(clinic.practice.pk)]
    assert listed["next"] is None
    address = f"practices/{clinic.practice.pk}/"
    read = api.get(address)
    changed = api.patch(address, {"message_name": "Your clinic"}, if_match=read["ETag"])
    assert changed.json()["message_name"] == "Your clinic"
    assert api.patch(address, {"message_name": "Other"}, if_match=read["ETag"]).status_code == 412


def test_settings_that_cannot_be_used_are_refused_and_change_nothing(
    api: Api, clinic: factories.Clinic
) -> None:
    address = f"practices/{clinic.practice.pk}/"
    read = api.get(address)
    wrong = {"severity_hours": {"x": 1}, "planner_weights": {"spacing_day": "a"}}
    refused = api.patch(address, {"name": "Other", "settings": wrong}, if_match=read["ETag"])
    assert refused.status_code == 400
    assert set(refused.json()["fields"]) == {
        "settings.severity_hours.x",
        "settings.planner_weights.spacing_day",
    }
    assert api.get(address).json() == read.json()
    kept = api.patch(address, {"settings": {"severity_hours": {"dose": 36}}}, if_match=read["ETag"])
    assert (kept.status_code, kept.json()["settings"]) == (200, {"severity_hours": {"dose": 36}})


def test_a_protocol_is_kept_as_it_stands_and_changed_by_a_new_version(api: Api) -> None:
    entry = factories.document("esketamine_spravato_trd")
    made = api.post("protocols/", entry)
    assert made.status_code == 201, made.content
    assert made.json()["document"] == entry
    assert (made.json()["version"], made.json()["is_plannable"]) == (1, True)
    address = f"protocols/{made.json()['id']}/"
    changed = api.patch(address, {"name": "Our own"}, if_match=made["ETag"])
    assert (changed.json()["version"], changed.json()["name"]) == (2, "Our own")
    assert changed.json()["document"]["phases"] == entry["phases"]
    assert api.put(address, entry, if_match=made["ETag"]).status_code == 412
    assert api.put(address, entry, if_match=changed["ETag"]).json()["version"] == 3


def test_a_document_without_a_plan_is_not_plannable(api: Api, clinic: factories.Clinic) -> None:
    entry: dict[str, Any] = {name: factories.document()[name] for name in ("name", "modality", "phases")}
    made = api.post("protocols/", {"key": "unmapped", **entry})
    assert made.json()["is_plannable"] is False
    refused = api.post(
        "courses/propose/",
        {"patient": str(clinic.patient.pk), "protocol": "unmapped", "start_on_or_after": "2026-12-01"},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "unplannable")
