"""What may be done with a whole course: each act one form and one use case. The forms are a table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time

from django.http import HttpRequest

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from scheduling import reasons
from scheduling.booking.course import courses, pauses, reviews
from scheduling.booking.reading import rows
from scheduling.booking.visit import corrections
from scheduling.planning import windows
from scheduling.web import forms, words

MORNING = time(8)
# Which of the fields each act asks for.
WHY, CODE, UNTIL, DECISION = "why", "code", "until", "decision"


@dataclass(frozen=True, slots=True)
class Act:
    """`told` says what it does before it is done, `done` afterwards, `said` are reasons that people give."""

    label: str
    done: str
    told: str
    capability: str
    asks: tuple[str, ...]
    do: Callable[[HttpRequest, Actor, rows.Course, datetime], None]
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    verb: str
    act: Act


def _review(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    reviews.review(
        actor=actor,
        course_id=course.id,
        decision=forms.text(request, "decision", longest=20),
        reason=forms.text(request, "reason"),
        phase=forms.text(request, "phase", longest=100) or None,
        review_on=_date(request, "review_on"),
        version=forms.version(request),
        now=now,
    )


def _pause(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    until = _date(request, "until")
    wall = datetime.combine(until, MORNING) if until else None
    pauses.pause(
        actor=actor,
        course_id=course.id,
        reason=forms.text(request, "reason"),
        until=windows.resolve_local(zone=course.time_zone, wall=wall, fold=0) if wall else None,
        version=forms.version(request),
        now=now,
    )


def _cancel(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    courses.cancel(
        actor=actor,
        course_id=course.id,
        reason=forms.text(request, "reason"),
        reason_code=forms.text(request, "reason_code", longest=30),
        version=forms.version(request),
        now=now,
    )


def _resume(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    reason, version = forms.text(request, "reason"), forms.version(request)
    pauses.resume(actor=actor, course_id=course.id, reason=reason, version=version, now=now)


def _reopen(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    reason, version = forms.text(request, "reason"), forms.version(request)
    pauses.reopen(actor=actor, course_id=course.id, reason=reason, version=version, now=now)


def _complete(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    reason, version = forms.text(request, "reason"), forms.version(request)
    pauses.complete(actor=actor, course_id=course.id, reason=reason, version=version, now=now)


def _in_error(request: HttpRequest, actor: Actor, course: rows.Course, now: datetime) -> None:
    reason, version = forms.text(request, "reason"), forms.version(request)
    corrections.enter_course_in_error(
        actor=actor, course_id=course.id, reason=reason, version=version, now=now
    )


def _date(request: HttpRequest, name: str) -> date | None:
    value = request.POST.get(name, "")
    try:
        found = date.fromisoformat(value) if value else None
    except ValueError:
        raise Invalid({name: ["A date, such as 2026-05-04."]}) from None
    if found is not None and not 2000 <= found.year < 2100:
        # At the ends of the calendar the clock of a site cannot be reckoned.
        raise Invalid({name: ["A date between the years 2000 and 2099."]})
    return found


# In the order in which they stand on the page.
ACTS: dict[str, Act] = {
    "review": Act(
        "Decide how it goes on",
        "The decision is recorded.",
        "What was found, and what follows.",
        "courses.review",
        (DECISION, WHY),
        _review,
        ("Responds well", "Responds in part", "No response", "Not tolerated", "The patient wants to stop"),
    ),
    "pause": Act(
        "Pause",
        "The course is paused.",
        "Its visits to come are given up. Follow-ups of doses that were given stay.",
        "courses.book",
        (WHY, UNTIL),
        _pause,
        ("The patient is unwell", "The patient travels", "Tests are needed first", "Blood pressure"),
    ),
    "resume": Act(
        "Go on with it",
        "The course goes on.",
        "What was given up comes back to its places, all or none.",
        "courses.book",
        (WHY,),
        _resume,
        ("The patient is well again", "The patient is back", "Tests are done"),
    ),
    "complete": Act(
        "Complete",
        "The course is completed.",
        "It has reached its end. No dose may still be to come.",
        "courses.review",
        (WHY,),
        _complete,
        ("Remission", "Treatment goes on elsewhere"),
    ),
    "reopen": Act(
        "Reopen",
        "The course is open again.",
        "It goes on with its history; what was given up comes back if its places are free.",
        "courses.book",
        (WHY,),
        _reopen,
        ("Relapse", "It was stopped by mistake"),
    ),
    "cancel": Act(
        "Cancel the course",
        "The course is cancelled.",
        "Its visits to come are freed. Follow-ups of doses that were given are asked about.",
        "courses.book",
        (CODE, WHY),
        _cancel,
    ),
    "enter_in_error": Act(
        "Entered in error",
        "The course is marked as entered in error.",
        "It should never have been written. Nothing leads back, and nobody is told.",
        "courses.book",
        (WHY,),
        _in_error,
        ("Booked for another patient", "Booked twice", "Another protocol was meant"),
    ),
}
DECISIONS = {
    "continue": "Go on as planned",
    "change": "Go on with another phase",
    "complete": "Complete the course",
    "stop": "Stop the course",
}


def offered(*, actor: Actor, course: rows.Course) -> list[Form]:
    """The acts that the state allows and this actor may do."""
    return [
        Form(verb, act)
        for verb, act in ACTS.items()
        if verb in course.allowed and permissions.allows(actor=actor, capability=act.capability)
    ]


def choices(course: rows.Course) -> dict[str, object]:
    """What the forms choose from."""
    return {
        "cancel_reasons": [(code, reasons.CANCELLATION[code].words) for code in reasons.CHOICES],
        "decisions": DECISIONS.items(),
        "phase_names": [(phase.name, words.sentence(phase.name)) for phase in course.phases],
    }
