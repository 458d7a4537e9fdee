"""Whether a kind of message goes, and how many hours from its visit: what may be said of that, and who is
heard. Pure.

Heard first is the patient, then the protocol of the course, then the practice, then what is built in. Each
value is settled by itself: a protocol that says another hour leaves it to the practice whether it goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from notifications.planning import kinds
from notifications.planning.kinds import Kind

LONGEST_REASON = 200
# S-11 and R-06: the last word before a dose. Whoever takes it away says why.
NEEDS_REASON = (Kind.REMINDER_24H, Kind.RIDE_HOME)
FIELDS = ("on", "hours", "reason")


class Level(StrEnum):
    """Who said it, in the order in which they are heard."""

    PATIENT = "patient"
    PROTOCOL = "protocol"
    PRACTICE = "practice"
    BUILT_IN = "built_in"


@dataclass(frozen=True, slots=True)
class Hours:
    """Whole hours that may be chosen, `after` a visit's end or before its start."""

    least: int
    most: int
    after: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """What a protocol or a practice says of one kind; None: nothing."""

    on: bool | None = None
    hours: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds: `by` is who said whether it goes, `hours_by` when."""

    on: bool
    hours: float
    by: Level
    hours_by: Level


# What can be said otherwise. The news of a booking, a move or a cancellation always goes: nobody is left with
# a time that is not true. What somebody asks for goes too. The early reminder is always before the last one.
CHOICES: Mapping[str, Hours | None] = {
    Kind.PREPARATION: Hours(96, 336),
    Kind.REMINDER_72H: Hours(36, 168),
    # The questions are open for three days.
    Kind.MEASURE_DUE: Hours(12, 72),
    Kind.REMINDER_24H: Hours(12, 30),
    # At the hour of the last reminder: one text says both.
    Kind.RIDE_HOME: None,
    Kind.CHECK_IN: Hours(12, 48, after=True),
    Kind.FOLLOW_UP_MISSING: Hours(12, 48, after=True),
    Kind.WINDOW_HALF: None,
    Kind.NO_SHOW: None,
    # A practice may rather call who waits.
    Kind.WAITLIST_OFFER: None,
}
NOTHING = Term()
Terms = Mapping[str, Term]


def settle(*, kind: str, refused: bool = False, protocol: Terms, practice: Terms) -> Settled:
    """What holds for a kind. `refused`: the patient wants none of it."""
    said = [
        (Level.PATIENT, Term(on=False) if refused else NOTHING),
        (Level.PROTOCOL, protocol.get(kind, NOTHING)),
        (Level.PRACTICE, practice.get(kind, NOTHING)),
    ]
    on = next(((term.on, level) for level, term in said if term.on is not None), (True, Level.BUILT_IN))
    hours = next(
        ((float(term.hours), level) for level, term in said if term.hours is not None),
        (kinds.hours(kind), Level.BUILT_IN),
    )
    return Settled(on=on[0] is True, hours=hours[0], by=on[1], hours_by=hours[1])


def problems(*, kind: str, term: Term) -> dict[str, str]:
    """What is wrong with what is said of a kind, by field; empty where it may be said."""
    if kind not in CHOICES:
        return {"": f"There is no such message to choose; there are {', '.join(CHOICES)}."}
    hours, found = CHOICES[kind], {}
    if term.hours is not None and hours is None:
        found["hours"] = "Its time follows from something else: it has no hours."
    elif term.hours is not None and hours and not hours.least <= term.hours <= hours.most:
        found["hours"] = f"Must be from {hours.least} to {hours.most}."
    if term.on is False and kind in NEEDS_REASON and not term.reason.strip():
        found["reason"] = "Say why nobody is reminded the day before: it is kept with your name."
    if len(term.reason) > LONGEST_REASON:
        found["reason"] = f"At most {LONGEST_REASON} characters."
    return found


def read(value: Any) -> tuple[dict[str, Term], dict[str, str]]:
    """What the `messages` of a protocol's document say, and what is wrong with it, by path."""
    if value is None:
        return {}, {}
    if not isinstance(value, Mapping):
        return {}, {"": "an object is needed"}
    said: dict[str, Term] = {}
    wrong: dict[str, str] = {}
    for name, given in value.items():
        kind = str(name)[:50]
        term, found = _term(given)
        found = found or problems(kind=kind, term=term)
        wrong |= {f"{kind}.{field}".rstrip("."): text for field, text in found.items()}
        if not found:
            said[kind] = term
    return said, wrong


def _term(given: Any) -> tuple[Term, dict[str, str]]:
    if not isinstance(given, Mapping):
        return NOTHING, {"": "an object is needed"}
    found = {str(name)[:50]: "this field is unknown" for name in given if name not in FIELDS}
    on, hours, reason = given.get("on"), given.get("hours"), given.get("reason", "")
    if on is not None and not isinstance(on, bool):
        found["on"] = "true or false is needed"
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, int)):
        found["hours"] = "a whole number is needed"
    if not isinstance(reason, str):
        found["reason"] = "a text is needed"
    return (NOTHING, found) if found else (Term(on, hours, reason), {})
