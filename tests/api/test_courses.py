"""The main job by REST: propose, book whole, walk the day, see what is owed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling.planning import course as planner
from tests import factories
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db


def proposals(api: Api, clinic: factories.Clinic, **wishes: Any) -> Any:
    body = {
        "patient": str(clinic.patient.pk),
        "protocol": factories.IV,
        "start_on_or_after": (timezone.now() + timedelta(days=7)).date().isoformat(),
        **wishes,
    }
    return api.post("courses/propose/", body)


def book(api: Api, clinic: factories.Clinic, **more: Any) -> Any:
    token = proposals(api, clinic).json()["proposals"][0]["token"]
    return api.post(
        "courses/", {"proposal": token, **more}, idempotency_key=f"book-{timezone.now().timestamp()}"
    )


@pytest.fixture
def course(api: Api, clinic: factories.Clinic) -> Any:
    """A booked course, as the API answered it."""
    booked = book(api, clinic)
    assert booked.status_code == 201, booked.content
    return booked.json()


def test_a_proposal_tells_every_visit_and_books_nothing(api: Api, clinic: factories.Clinic) -> None:
    answer = proposals(api, clinic)
    assert answer.status_code == 200, answer.content
    first = answer.json()["proposals"][0]
    assert {"token", "expires_at", "cost", "cost_breakdown", "trades", "visits"} <= set(first)
    doses = [visit for visit in first["visits"] if visit["kind"] == "dosing"]
    follow_ups = [visit for visit in first["visits"] if visit["kind"] == "integration"]
    assert len(doses) == len(follow_ups) == 6
    assert all(visit["window"]["opens_at"] <= visit["start"] for visit in follow_ups)
    assert api.get("courses/").json()["results"] == []


@pytest.mark.parametrize("proven", [True, False])
def test_a_proposal_says_whether_it_is_proven_to_be_the_best(
    api: Api, clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch, proven: bool
) -> None:
    made = planner.plan_course

    def stopped(**asked: Any) -> Any:
        return tuple(replace(plan, proven=proven) for plan in made(**asked))

    monkeypatch.setattr(planner, "plan_course", stopped)
    assert {one["proven"] for one in proposals(api, clinic).json()["proposals"]} == {proven}


def test_a_course_is_booked_whole_and_told_again(api: Api, clinic: factories.Clinic, course: Any) -> None:
    assert course["status"] == "active"
    assert course["time_zone"] == "America/New_York"
    assert sum(visit["kind"] == "dosing" for visit in course["visits"]) == 6
    assert {gap["status"] for gap in course["gaps"]} == {"covered"}
    read = api.get(f"courses/{course['id']}/")
    assert read.json() == course
    assert read["ETag"] == '"1"'
    listed = api.get(f"courses/?patient={clinic.patient.pk}").json()["results"]
    assert [row["id"] for row in listed] == [course["id"]]
    assert "visits" not in listed[0]


def test_the_visits_of_a_proposal_can_be_sent_back_as_they_are(api: Api, clinic: factories.Clinic) -> None:
    visits = proposals(api, clinic).json()["proposals"][0]["visits"]
    body = {"patient": str(clinic.patient.pk), "protocol": str(clinic.version.template_id), "visits": visits}
    booked = api.post("courses/", body, idempotency_key="by-hand")
    assert booked.status_code == 201, booked.content
    told = {(visit["ref"], visit["kind"]) for visit in booked.json()["visits"]}
    assert told == {(visit["ref"], visit["kind"]) for visit in visits}


def test_a_dose_without_its_follow_up_is_booked_and_owed(api: Api, clinic: factories.Clinic) -> None:
    booked = book(api, clinic, skip=["integration-1"])
    assert booked.status_code == 201, booked.content
    owed = [gap for gap in booked.json()["gaps"] if gap["status"] == "prospective"]
    assert len(owed) == 1
    told = api.get(f"gaps/{owed[0]['id']}/explain/").json()
    assert told["because"].startswith("The window has not closed")
    assert told["slots_left"] > 0
    assert [visit["ref"] for visit in told["doses"]] == ["dose-1"]
    wanted = {
        "patient": str(clinic.patient.pk),
        "course": booked.json()["id"],
        "kind": "integration",
        "follows": told["doses"][0]["id"],
        "mode": "video",
    }
    made = api.post("appointments/", {**wanted, "start": slot_in(api, clinic, owed[0])})
    assert made.status_code == 201, made.content
    assert made.json()["follows"] == told["doses"][0]["id"]
    assert api.get(f"gaps/{owed[0]['id']}/").json()["status"] == "covered"
    assert api.get(f"gaps/{owed[0]['id']}/").json()["visits"] == [made.json()["id"]]


def slot_in(api: Api, clinic: factories.Clinic, gap: Any) -> str:
    """A start inside the unit's window at which a therapist and the patient are free."""
    window = gap["window"]
    for therapist in clinic.therapists:
        free = api.get(
            f"availability/?patient={clinic.patient.pk}&practitioner={therapist.pk}&site={clinic.site.pk}"
            f"&start_from={window['opens_at']}&start_before={window['closes_at']}&minutes=75"
        )
        for interval in free.json()["intervals"]:
            return str(interval["start"])
    raise AssertionError("no therapist is free in the window")


def test_the_slot_is_taken_once(api: Api, clinic: factories.Clinic) -> None:
    token = proposals(api, clinic).json()["proposals"][0]["token"]
    assert api.post("courses/", {"proposal": token}, idempotency_key="first").status_code == 201
    second = api.post("courses/", {"proposal": token}, idempotency_key="second")
    assert (second.status_code, second.json()["code"]) == (409, "slot_taken")
    assert second["Content-Type"] == "application/problem+json"
    assert second.json()["clashes"]
    assert set(second.json()["alternative"]) >= {"token", "visits"}
    better = api.post(
        "courses/", {"proposal": second.json()["alternative"]["token"]}, idempotency_key="third"
    )
    assert better.status_code == 201, better.content


def test_a_day_of_a_dose(api: Api, clinic: factories.Clinic, course: Any) -> None:
    """Late entry makes the whole day recordable now; each step shows in the next answer."""
    dose = next(visit for visit in course["visits"] if visit["kind"] == "dosing")
    at = f"appointments/{dose['id']}"
    early = api.post(f"{at}/discharge/")
    assert (early.status_code, early.json()["code"]) == (409, "invalid_transition")
    assert "confirm" in early.json()["allowed"]
    for verb, status in (("confirm", "confirmed"), ("check-in", "arrived"), ("start", "in_progress")):
        moved = api.post(f"{at}/{verb}/")
        assert (moved.status_code, moved.json()["status"]) == (200, status), moved.content
    ended = api.post(f"{at}/end-administration/")
    assert ended.json()["status"] == "monitoring"
    hasty = api.post(f"{at}/discharge/")
    assert (hasty.status_code, hasty.json()["code"]) == (422, "rule_violation")
    assert hasty.json()["violations"][0]["rule_id"] == "S-09"
    future = api.post(f"{at}/discharge/", {"at": (timezone.now() + timedelta(hours=3)).isoformat()})
    assert (future.status_code, future.json()["code"]) == (422, "in_the_future")
    let_go = api.post(
        f"{at}/discharge/", {"overrides": [{"rule_id": "S-09", "reason": "Signed out by the prescriber."}]}
    )
    assert let_go.json()["status"] == "fulfilled", let_go.content
    names = [fact["name"] for fact in let_go.json()["facts"]]
    assert names == ["confirmed", "arrived", "started", "administration_ended", "discharged"]
    assert all(fact["by"].startswith("client:") for fact in let_go.json()["facts"])


def test_a_cancelled_course_frees_its_visits(api: Api, course: Any) -> None:
    address = f"courses/{course['id']}/cancel/"
    assert list(api.post(address, {}).json()["fields"]) == ["reason_code"]
    stale = api.post(address, {"reason": "Moved away."}, if_match='"7"')
    assert stale.status_code == 412
    stopped = api.post(address, {"reason": "Moved away."}, if_match='"1"')
    assert stopped.status_code == 200, stopped.content
    assert stopped.json()["status"] == "stopped"
    assert {visit["status"] for visit in stopped.json()["visits"]} == {"cancelled"}
    assert api.post(address, {"reason": "Again."}).json()["code"] == "invalid_transition"


def test_what_people_do_with_a_follow_up(api: Api, clinic: factories.Clinic, course: Any) -> None:
    gap = course["gaps"][0]
    at = f"gaps/{gap['id']}"
    given = api.post(f"{at}/assign/", {"assignee": str(clinic.therapists[0].pk)})
    assert given.json()["assignee"] == str(clinic.therapists[0].pk), given.content
    until = (timezone.now() + timedelta(days=2)).isoformat()
    assert api.post(f"{at}/snooze/", {"until": until}).json()["snoozed_until"]
    waived = api.post(f"{at}/waive/", {"reason": "Seen by the family doctor."})
    assert (waived.json()["status"], waived.json()["reason"]) == ("waived", "Seen by the family doctor.")
    assert api.post(f"{at}/unwaive/").json()["status"] == "covered"
    assert api.post(f"{at}/unwaive/").status_code == 409
    attested = api.post(f"{at}/attest/", {"attended_on": "2020-01-01", "provider": "Outside"})
    assert attested.status_code == 200, attested.content
    listed = api.get(f"gaps/?course={course['id']}&assignee={clinic.therapists[0].pk}").json()["results"]
    assert [row["id"] for row in listed] == [gap["id"]]


def test_the_roster_and_what_is_free(api: Api, clinic: factories.Clinic, course: Any) -> None:
    dose = next(visit for visit in course["visits"] if visit["kind"] == "dosing")
    day = dose["start"][:10]
    roster = api.get(f"roster/?site={clinic.site.pk}&day={day}").json()
    assert dose["id"] in [visit["id"] for visit in roster["visits"]]
    monitor = next(line for line in roster["practitioners"] if line["practitioner"] == str(clinic.monitor.pk))
    assert dose["id"] in monitor["visits"]
    assert len(monitor["on_shift"]) == 1
    own = api.get(f"roster/?practitioner={clinic.monitor.pk}&day={day}").json()
    assert own["site"] is None
    assert dose["id"] in [visit["id"] for visit in own["visits"]]
    assert api.get("roster/").status_code == 400
    free = api.get(
        f"availability/?patient={clinic.patient.pk}&site={clinic.site.pk}"
        f"&start_from={day}T00:00:00Z&start_before={day}T23:59:00Z"
    )
    assert free.status_code == 200, free.content
    assert all(one["end"] <= dose["start"] or one["start"] >= dose["end"] for one in free.json()["intervals"])


def test_messages_are_told_with_their_reason(api: Api, clinic: factories.Clinic, course: Any) -> None:
    listed = api.get(f"messages/?course={course['id']}").json()["results"]
    assert listed, "a booked course queues messages"
    assert {row["patient"] for row in listed} == {str(clinic.patient.pk)}
    one = api.get(f"messages/{listed[0]['id']}/")
    assert one.json() == listed[0]
    assert one["ETag"]
