"""S-22: an answer about self-harm is before somebody who can look, whatever else becomes of the form."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice import work
from clinic.practice.models import StaffMember, WorkItem
from patients.models import Measure, MeasureForm
from scheduling.models import Appointment
from scheduling.planning import measures
from tests.web.conftest import World, signed_in
from tests.web.patient.conftest import prove, text_of
from tests.web.patient.test_questions import CALM, GAD, asks, everything, send

HARM: dict[str, Any] = CALM | {"q9": "2"}


def test_an_answer_about_self_harm_is_before_a_clinician_at_once(
    world: World, http: Client, path: str
) -> None:
    prove(http, path)
    told = text_of(http.get(send(http, path, **{**CALM, "q9": "1"})["Location"]))
    assert told.index("988") < told.index("expects you")
    items = WorkItem.objects.filter(kind="harm_item").order_by("due_at")
    assert [(one.role, one.due_at - items[0].due_at) for one in items] == [
        ("prescriber", timedelta(0)),
        ("clinical_lead", timedelta(hours=1)),
    ]
    prescriber = signed_in(world.clinic.prescriber)
    assert "See today" in text_of(prescriber.get("/overview/"))
    for page in ("/messages/", "/follow-ups/", "/roster/"):
        assert "answered above 0" in text_of(prescriber.get(page))
        assert "self-harm" not in text_of(signed_in(world.clinic.front_desk).get(page))
    course = f"/courses/{world.course.pk}/"
    assert text_of(prescriber.get(course)).count("answered above 0") >= 1
    assert "answered above 0" not in text_of(signed_in(world.clinic.front_desk).get(course))
    prescriber.post(f"/tasks/{items[0].pk}/done/")
    assert not WorkItem.objects.filter(kind="harm_item", done_at=None).exists()
    assert "answered above 0" not in text_of(prescriber.get("/messages/"))


def test_an_answer_that_is_only_kept_is_heard_too(http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, later="1", q1="2", q9="0")
    assert harm() == []
    told = text_of(http.get(send(http, path, later="1", q9="1")["Location"]))
    assert told.index("988") < told.index("expects you")
    [item] = harm()
    assert MeasureForm.objects.get().sent_at is None
    # Said again, and sent: the same answer is the same task.
    send(http, path, later="1", q2="1")
    assert send(http, path, **{**CALM, "q9": "1"}).status_code == 303
    assert harm() == [item]


def test_it_stands_before_older_tasks(world: World, http: Client, path: str) -> None:
    for number in range(12):
        work.raise_item(
            practice_id=world.clinic.practice.pk,
            kind="missed_dose",
            dedupe_key=f"older {number}",
            subject_kind="appointment",
            subject_id=world.dose.pk,
            role="prescriber",
            due_at=timezone.now() - timedelta(days=1),
        )
    prove(http, path)
    send(http, path, **{**CALM, "q9": "3"})
    home = text_of(signed_in(world.clinic.prescriber).get("/overview/"))
    assert home.index("See today") < home.index("Missed dose")


def test_a_practice_without_a_prescriber_asks_its_lead_at_once(world: World, http: Client, path: str) -> None:
    world.staff("clinical_lead")
    StaffMember.objects.filter(roles__contains=["prescriber"]).update(is_active=False)
    prove(http, path)
    send(http, path, **{**CALM, "q9": "2"})
    item = WorkItem.objects.get(kind="harm_item")
    assert item.role == "clinical_lead"
    assert item.due_at <= timezone.now()


def harm() -> list[WorkItem]:
    """What prescribers are asked at once and have not looked at."""
    found = WorkItem.objects.filter(kind="harm_item", done_at=None, due_at__lte=timezone.now())
    return list(found.order_by("id"))


def test_what_is_missing_elsewhere_hides_no_answer_about_self_harm(http: Client, path: str) -> None:
    prove(http, path)
    assert send(http, path, q1="1", q9="1").status_code == 422
    [item] = harm()
    # The same answer again is the same task.
    assert send(http, path, **{**CALM, "q9": "1"}).status_code == 303
    assert harm() == [item]


def test_a_second_tab_that_tells_of_self_harm_is_heard(http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, **CALM)
    assert harm() == []
    assert send(http, path, **HARM).status_code == 303
    assert len(harm()) == 1
    assert MeasureForm.objects.get().answers[8] == 0
    assert Measure.objects.get().score == 8


def test_a_worse_answer_after_the_first_was_looked_at_is_seen(world: World, http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, q9="1")
    signed_in(world.clinic.prescriber).post(f"/tasks/{harm()[0].pk}/done/")
    assert harm() == []
    send(http, path, **{**CALM, "q9": "3"})
    assert len(harm()) == 1


def test_an_answer_about_self_harm_that_comes_too_late_is_heard(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    with time_machine.travel(visit.start + timedelta(minutes=30)):
        prove(http, path)
        Appointment.objects.filter(pk=visit.pk).update(status="in_progress")
        answer = send(http, path, **HARM)
        assert answer.status_code == 409
        told = text_of(answer)
        assert told.index("988") < told.index("expects you")
        assert [(one.subject_id, one.patient_id) for one in harm()] == [
            (world.course.pk, world.clinic.patient.pk)
        ]
        assert not MeasureForm.objects.exists()
        # Whoever only keeps them, or says no, asks nobody.
        assert send(http, path, **CALM).status_code == 409
        assert len(harm()) == 1


@pytest.mark.parametrize(
    ("gone", "role"),
    [
        (["prescriber", "clinical_lead"], "therapist"),
        (["prescriber", "clinical_lead", "therapist", "monitor", "operator"], "practice_admin"),
    ],
)
def test_a_practice_where_nobody_prescribes_asks_whoever_is_there(
    world: World, http: Client, path: str, gone: list[str], role: str
) -> None:
    reader = signed_in(world.staff(role)) if role == "practice_admin" else None
    StaffMember.objects.filter(roles__overlap=gone).update(is_active=False)
    prove(http, path)
    send(http, path, **HARM)
    assert [one.role for one in harm()] == [role]
    reader = reader or signed_in(world.clinic.therapists[0])
    assert "answered above 0" in text_of(reader.get("/messages/"))


def test_only_who_treats_or_is_asked_says_that_it_was_looked_at(
    world: World, http: Client, path: str
) -> None:
    prove(http, path)
    send(http, path, **HARM)
    [item] = harm()
    for role in ("front_desk", "practice_admin"):
        assert signed_in(world.staff(role)).post(f"/tasks/{item.pk}/done/").status_code == 404
    assert harm() == [item]
    assert signed_in(world.staff("therapist")).post(f"/tasks/{item.pk}/done/").status_code == 303
    assert harm() == []


def test_no_answer_calls_nobody(http: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(monkeypatch, measures.Asked(("PHQ-9", "GAD-7")))
    prove(http, path)
    send(http, path, **CALM)
    send(http, path, GAD, **everything("3", 7))
    assert not WorkItem.objects.filter(kind="harm_item").exists()
