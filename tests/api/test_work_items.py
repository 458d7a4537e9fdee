"""Tasks for people as programs see them: what a patient answered is for those who may read patients."""

from typing import Any

import pytest
from django.utils import timezone

from clinic.practice import work
from clinic.practice.models import WorkItem
from tests import factories
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db
REASON = "The question about self-harm was answered above 0."


@pytest.fixture
def answered(clinic: factories.Clinic) -> WorkItem:
    """A task about an answer, beside one about something else."""
    factories.task(clinic)
    work.raise_item(
        practice_id=clinic.practice.pk,
        kind="harm_item",
        dedupe_key="an answer",
        subject_kind="patient",
        subject_id=clinic.patient.pk,
        patient_id=clinic.patient.pk,
        role="prescriber",
        reason=REASON,
        due_at=timezone.now(),
    )
    return WorkItem.objects.get(kind="harm_item")


def kinds(api: Api, query: str = "") -> list[tuple[str, str]]:
    found: list[dict[str, Any]] = api.get(f"work-items/{query}").json()["results"]
    return sorted((one["kind"], one["reason"]) for one in found)


def test_without_leave_to_read_patients_an_answer_has_no_name_and_no_reason(
    clinic: factories.Clinic, answered: WorkItem
) -> None:
    api = program(clinic.practice, "read:work", "write:work")
    assert kinds(api) == [("clinical", ""), ("patient_unreachable", "")]
    answers = [api.get(f"work-items/{answered.pk}/"), api.post(f"work-items/{answered.pk}/done/", {})]
    for one in answers:
        assert one.status_code == 200
        assert (one.json()["kind"], one.json()["reason"]) == ("clinical", "")
        assert "harm" not in one.content.decode()
    answered.refresh_from_db()
    assert (answered.kind, answered.reason, answered.done_at is None) == ("harm_item", REASON, False)


def test_nor_can_it_be_looked_for(clinic: factories.Clinic, answered: WorkItem) -> None:
    api = program(clinic.practice, "read:work")
    assert kinds(api, "?kind=harm_item") == []
    assert kinds(api, "?kind=clinical") == [("clinical", "")]
    assert kinds(api, "?kind=patient_unreachable") == [("patient_unreachable", "")]


def test_who_may_read_patients_is_told(clinic: factories.Clinic, answered: WorkItem) -> None:
    api = program(clinic.practice, "read:work", "read:patients")
    assert kinds(api, "?kind=harm_item") == [("harm_item", REASON)]
    assert ("harm_item", REASON) in kinds(api)
    assert api.get(f"work-items/{answered.pk}/").json()["reason"] == REASON
