"""Putting a visit right: it takes place after all, was recorded wrongly, or should never have been there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.web import times
from clinic.practice.web.pages import Refusal
from scheduling import states
from scheduling.booking.reading import rows
from scheduling.booking.visit import corrections, reinstating
from scheduling.web import forms, words

Overrides = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Mend:
    """`told` says what it does, `said` are reasons that people give."""

    label: str
    done: str
    told: str
    capability: str
    do: Callable[[HttpRequest, Actor, rows.Visit, Overrides, datetime], None]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactField:
    """The time of one fact: `value` is the site's local time that stands, or that was typed."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Form:
    """One thing that may be put right. `states` and `facts` are those that a correction chooses from."""

    verb: str
    mend: Mend
    states: tuple[tuple[str, str], ...]
    facts: tuple[FactField, ...]


def _reinstate(
    request: HttpRequest, actor: Actor, visit: rows.Visit, overrides: Overrides, now: datetime
) -> None:
    reinstating.reinstate(
        actor=actor,
        appointment_id=visit.id,
        reason=forms.text(request, "reason", longest=200),
        overrides=overrides,
        version=forms.version(request),
        now=now,
    )


def _correct(
    request: HttpRequest, actor: Actor, visit: rows.Visit, overrides: Overrides, now: datetime
) -> None:
    corrections.correct(
        actor=actor,
        appointment_id=visit.id,
        reason=forms.text(request, "reason", longest=200),
        status=forms.text(request, "status", longest=20) or None,
        facts=_facts(request, visit),
        overrides=overrides,
        version=forms.version(request),
        now=now,
    )


def _in_error(
    request: HttpRequest, actor: Actor, visit: rows.Visit, overrides: Overrides, now: datetime
) -> None:
    corrections.enter_in_error(
        actor=actor,
        appointment_id=visit.id,
        reason=forms.text(request, "reason", longest=200),
        version=forms.version(request),
        now=now,
    )


MENDS: dict[str, Mend] = {
    "reinstate": Mend(
        "Takes place after all",
        "It takes place after all.",
        "It comes back to its time and its place, if they are free.",
        reinstating.CAPABILITY,
        _reinstate,
        ("The patient comes after all", "It was cancelled by mistake"),
    ),
    "correct": Mend(
        "Correct the record",
        "The record is corrected.",
        "What really happened, and when. Times that stay as they are need not be touched.",
        corrections.CAPABILITY,
        _correct,
        ("Recorded for another patient", "Wrong time", "Recorded too early", "The patient came after all"),
    ),
    "enter_in_error": Mend(
        "Entered in error",
        "It is marked as entered in error.",
        "It should never have been written, and counts for nothing. Nothing leads back.",
        corrections.CAPABILITY,
        _in_error,
        ("Booked for another patient", "Booked twice"),
    ),
}


def offered(*, actor: Actor, visit: rows.Visit, refusal: Refusal | None, now: datetime) -> list[Form]:
    """What of it the state allows and this actor may do."""
    return [
        Form(verb, mend, *_choices(verb, visit, refusal))
        for verb, mend in MENDS.items()
        if _fits(verb, visit, now) and permissions.allows(actor=actor, capability=mend.capability)
    ]


def _fits(verb: str, visit: rows.Visit, now: datetime) -> bool:
    if verb == "correct":
        return visit.status in states.CORRECTIONS
    # What is past is not brought back but corrected.
    return verb in visit.allowed and (verb != "reinstate" or visit.start > now)


def _choices(
    verb: str, visit: rows.Visit, refusal: Refusal | None
) -> tuple[tuple[tuple[str, str], ...], tuple[FactField, ...]]:
    if verb != "correct":
        return (), ()
    possible = [
        one
        for one in states.CORRECTIONS[visit.status]
        if one != "monitoring" or visit.kind in states.MONITORED
    ]
    typed: Mapping[str, str] = refusal.typed if refusal and refusal.form == verb else {}
    named = {fact for one in possible for fact in states.possible_facts(status=one, kind=visit.kind)}
    stand = _stand(visit)
    fields = tuple(
        FactField(name, words.FACTS[name], typed.get(name, stand.get(name, "")))
        for name in states.DAY
        if name in named
    )
    return tuple((one, words.STATUSES[one].word) for one in possible), fields


def _stand(visit: rows.Visit) -> dict[str, str]:
    return {fact.name: times.wall(fact.at, visit.time_zone) for fact in visit.facts}


def _facts(request: HttpRequest, visit: rows.Visit) -> dict[str, datetime | None]:
    """The times that were typed anew; one that still says what stands there is not touched."""
    stand = _stand(visit)
    found: dict[str, datetime | None] = {}
    for name in states.DAY:
        at = forms.local_time(request, name, zone=visit.time_zone)
        if at is not None and request.POST.get(name) != stand.get(name):
            found[name] = at
    return found
