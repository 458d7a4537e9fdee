"""The life of a course over the API: a course that pauses and goes on, a record that is put right."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from scheduling.booking.course import courses
from scheduling.models import Appointment
from tests import factories
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(clinic: factories.Clinic) -> str:
    now = timezone.now()
    found = courses.propose(
        actor=clinic.admin,
        now=now,
        patient_id=clinic.patient.pk,
        protocol_key=factories.IV,
        start_on_or_after=(now + timedelta(days=7)).date(),
        alternatives=1,
    )
    return str(courses.book(actor=clinic.admin, now=now, proposal=found[0].token))


def visit(course: str, ref: str) -> Appointment:
    return Appointment.objects.get(course_id=course, ref=ref)


def test_a_course_pauses_and_goes_on(api: Api, course: str) -> None:
    paused = api.post(f"courses/{course}/pause/", {"reason": "On holiday."}, idempotency_key="p1")
    assert (paused.status_code, paused.json()["status"]) == (200, "paused")
    waiting = paused.json()["to_replan"]
    assert str(visit(course, "dose-1").pk) in waiting
    again = api.post(f"courses/{course}/pause/", {"reason": "On holiday."}, idempotency_key="p1")
    assert again.json() == paused.json()
    refused = api.post(f"courses/{course}/pause/", {"reason": "Again."})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_transition")
    stale = api.post(f"courses/{course}/resume/", {}, if_match='"1"')
    assert stale.status_code == 412
    resumed = api.post(f"courses/{course}/resume/", {}, if_match=paused["ETag"])
    assert (resumed.json()["status"], resumed.json()["to_replan"]) == ("active", [])


def test_a_review_is_shown_with_the_course(api: Api, course: str) -> None:
    body = {"decision": "continue", "reason": "Doing well."}
    told = api.post(f"courses/{course}/review/", body).json()
    assert told["through_phase"] == "maintenance"
    [review] = told["reviews"]
    assert (review["decision"], review["phase"], review["next_phase"]) == (
        "continue",
        "acute_series",
        "maintenance",
    )


def test_a_cancelled_visit_says_why_and_comes_back(api: Api, course: str) -> None:
    dose = visit(course, "dose-2")
    body = {"reason_code": "weather", "follow_up": "cancel"}
    gone = api.post(f"appointments/{dose.pk}/cancel/", body).json()
    assert (gone["status"], gone["cancel_reason_code"], gone["cancel_reason"]) == ("cancelled", "weather", "")
    assert visit(course, "integration-2").cancel_code == "dose_cancelled"
    back = api.post(f"appointments/{dose.pk}/reinstate/", {"reason": "The sun is out."})
    assert (back.status_code, back.json()["status"]) == (200, "booked")
    assert back["ETag"] != f'"{gone["version"]}"'
    unknown = api.post(f"appointments/{dose.pk}/cancel/", {"reason_code": "boredom"})
    assert (unknown.status_code, list(unknown.json()["fields"])) == (400, ["reason_code"])


def test_a_wrong_no_show_is_put_right(api: Api, course: str) -> None:
    talk = visit(course, "integration-1")
    with time_machine.travel(talk.end + timedelta(hours=1), tick=False):
        # The token is older than its hour by then.
        late = Api(token=_fresh(api, talk))
        assert late.post(f"appointments/{talk.pk}/no-show/", {}).json()["status"] == "no_show"
        facts: dict[str, Any] = {"arrived": talk.start.isoformat(), "completed": talk.end.isoformat()}
        body = {"status": "fulfilled", "facts": facts, "reason": "The wrong patient was ticked."}
        told = late.post(f"appointments/{talk.pk}/correct/", body)
        assert (told.status_code, told.json()["status"]) == (200, "fulfilled")
        assert {fact["name"] for fact in told.json()["facts"]} == {"arrived", "completed"}
        odd = late.post(f"appointments/{talk.pk}/correct/", {**body, "facts": {"lunch": None}})
        assert (odd.status_code, list(odd.json()["fields"])) == (400, ["facts.lunch"])


def _fresh(api: Api, talk: Appointment) -> str:
    return str(program(talk.practice).token)


def test_a_broken_rule_names_who_may_break_it(api: Api, course: str) -> None:
    dose = visit(course, "dose-1")
    with time_machine.travel(dose.start, tick=False):
        late = Api(token=_fresh(api, dose))
        for verb in ("check-in", "start", "end-administration"):
            assert late.post(f"appointments/{dose.pk}/{verb}/", {}).status_code == 200
        told = late.post(f"appointments/{dose.pk}/discharge/", {})
        assert (told.status_code, told.json()["code"]) == (422, "rule_violation")
        [broken] = told.json()["violations"]
        assert (broken["rule_id"], broken["may_override"]) == ("S-09", ["clinical_lead", "prescriber"])
        excuse = {"overrides": [{"rule_id": "S-09", "reason": "Taken to hospital."}]}
        gone = late.post(f"appointments/{dose.pk}/discharge/", excuse).json()
        assert [(one["rule_id"], one["reason"]) for one in gone["overrides"]] == [
            ("S-09", "Taken to hospital.")
        ]


def test_who_stands_in_for_whom(api: Api, clinic: factories.Clinic) -> None:
    first, second = clinic.therapists
    span = {"starts_at": "2026-07-01T00:00:00Z", "ends_at": "2026-07-15T00:00:00Z"}
    body = {"staff": str(first.pk), "delegate": str(second.pk), **span}
    made = api.post("delegations/", body, idempotency_key="d1")
    assert made.status_code == 201
    again = api.post("delegations/", body, idempotency_key="d1")
    assert again.json() == made.json()
    listed = api.get(f"delegations/?staff={first.pk}").json()["results"]
    assert [one["delegate"] for one in listed] == [str(second.pk)]
    wrong = api.post("delegations/", {**body, "delegate": str(first.pk)})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["delegate"])
    backwards = api.post("delegations/", {**body, "starts_at": span["ends_at"], "ends_at": span["starts_at"]})
    assert (backwards.status_code, list(backwards.json()["fields"])) == (400, ["ends_at"])
    assert api.delete(f"delegations/{made.json()['id']}/").status_code == 204


def test_a_task_is_listed_until_it_is_done(api: Api, course: str) -> None:
    api.post(f"courses/{course}/pause/", {"reason": "On holiday."})
    [item] = api.get(f"work-items/?open=true&subject={course}").json()["results"]
    assert (item["kind"], item["role"], item["version"]) == ("course_paused", "prescriber", 1)
    done = api.post(f"work-items/{item['id']}/done/", {}, if_match='"1"')
    assert (done.status_code, done.json()["version"]) == (200, 2)
    assert api.get(f"work-items/?open=true&subject={course}").json()["results"] == []
    assert api.get(f"work-items/?open=false&subject={course}").json()["results"] == [done.json()]
