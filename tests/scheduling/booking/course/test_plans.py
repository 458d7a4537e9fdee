"""A plan is worked out once for all who ask the same, and anew as soon as anything has changed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest

from scheduling.booking.course import courses, plans
from scheduling.booking.wanted import proposals
from scheduling.errors import SlotTaken
from scheduling.models import Absence
from scheduling.planning import course as planner
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the planner was asked."""
    asked: list[Any] = []
    plan_course = planner.plan_course

    def noted(**question: Any) -> Any:
        asked.append(question)
        return plan_course(**question)

    monkeypatch.setattr(planner, "plan_course", noted)
    plans._answers.clear()
    yield asked
    plans._answers.clear()


def another(clinic: factories.Clinic) -> factories.Clinic:
    patient = factories.patient(clinic.site, consents=False)
    factories.ready(patient, clinic.version)
    clinic.patient = patient
    return clinic


def test_two_patients_who_ask_the_same_are_shown_the_same_plan(
    clinic: factories.Clinic, planned: list[Any]
) -> None:
    first = booked.propose(clinic, alternatives=1)[0]
    second = booked.propose(another(clinic), alternatives=1)[0]
    assert len(planned) == 1
    assert second.plan == first.plan
    contents = proposals.read(actor=clinic.admin, token=second.token, now=NOW)
    assert contents.order.patient == str(clinic.patient.pk), "each proposal is the patient's own"


def test_who_is_too_late_is_planned_another_course(clinic: factories.Clinic, planned: list[Any]) -> None:
    first = booked.propose(clinic, alternatives=1)[0]
    second = booked.propose(another(clinic), alternatives=1)[0]
    third = booked.propose(another(clinic), alternatives=1)[0]
    courses.book(actor=clinic.admin, now=NOW, proposal=first.token)
    offered = []
    for late in (second, third):
        with pytest.raises(SlotTaken) as refused:
            courses.book(actor=clinic.admin, now=NOW, proposal=late.token)
        offered.append(refused.value.alternative)
    assert len(planned) == 2, "once for all who propose, once for all who come too late"
    one, other = (alternative["visits"] for alternative in offered if alternative)
    assert one == other != first.as_dict()["visits"]
    assert courses.book(actor=clinic.admin, now=NOW, proposal=offered[0]["token"])


def test_a_patient_who_is_busy_is_planned_around(clinic: factories.Clinic, planned: list[Any]) -> None:
    booked.book(clinic)
    mine = booked.propose(clinic, alternatives=1)[0]
    theirs = booked.propose(another(clinic), alternatives=1)[0]
    assert len(planned) == 3
    assert mine.plan != theirs.plan


def test_a_change_of_the_roster_is_planned_anew(clinic: factories.Clinic, planned: list[Any]) -> None:
    best = booked.propose(clinic, alternatives=1)[0]
    dose = best.visits[0]
    for person in dose.staffing:
        Absence.objects.create(staff_id=person.practitioner, starts_at=dose.start, ends_at=dose.end)
    assert booked.propose(clinic, alternatives=1)[0].plan != best.plan
    assert len(planned) == 2


def test_nobody_is_shown_a_plan_of_a_minute_ago(clinic: factories.Clinic, planned: list[Any]) -> None:
    booked.propose(clinic, alternatives=1)
    order = {"patient_id": clinic.patient.pk, "protocol_id": clinic.version.template_id}
    later = NOW + timedelta(minutes=2)
    courses.propose(actor=clinic.admin, now=later, start_on_or_after=booked.START, alternatives=1, **order)
    assert len(planned) == 2
    assert planned[1]["request"].not_before >= later


def question(clinic: factories.Clinic, planned: list[Any]) -> plans.Question:
    """One that the tests below answer themselves."""
    booked.propose(clinic, alternatives=1)
    [(asked, _)] = plans._answers.values()
    plans._answers.clear()
    return asked


def test_many_at_once_wait_for_one_answer(clinic: factories.Clinic, planned: list[Any]) -> None:
    asked = question(clinic, planned)
    barrier, worked = Barrier(8), []
    begun, go_on = Event(), Event()

    def work() -> tuple[()]:
        worked.append(1)
        begun.set()
        assert go_on.wait(30)
        return ()

    def ask() -> object:
        barrier.wait(30)
        return plans._answered(asked, work)

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        assert begun.wait(30)
        go_on.set()
        assert [one.result(30) for one in answers] == [()] * 8
    assert worked == [1]


def test_a_failure_is_not_kept(clinic: factories.Clinic, planned: list[Any]) -> None:
    asked = question(clinic, planned)

    def fail() -> tuple[()]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        plans._answered(asked, fail)
    assert plans._answered(asked, lambda: ()) == ()


def test_only_the_latest_answers_are_kept(clinic: factories.Clinic, planned: list[Any]) -> None:
    for day in range(plans.KEPT + 2):
        booked.propose(clinic, alternatives=1, start_on_or_after=booked.START + timedelta(days=day))
    assert len(plans._answers) == plans.KEPT
