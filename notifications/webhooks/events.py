"""Which lines of the trail are events: the one place that says so. Pure.

A line of the trail is written in the transaction of what it tells, so an event can neither be lost nor told
of something that did not happen. What is not in this table is nobody's business outside.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

# The trail names some moves by their verb and some by what was done: receivers are told what was done.
_DONE = {
    "appointment": {
        "check_in": "arrived",
        "start": "started",
        "end_administration": "monitoring",
        "discharge": "fulfilled",
        "complete": "fulfilled",
        "confirm": "confirmed",
        "book": "booked",
        "hold": "held",
        "release": "released",
        "expire": "expired",
        "move": "moved",
        "reassign": "reassigned",
        "displace": "displaced",
        "cancel": "cancelled",
        "no_show": "no_show",
        "reinstate": "reinstated",
        "correct": "corrected",
        "enter_in_error": "entered_in_error",
    },
    "course": {
        "book": "booked",
        "hold": "held",
        "activate": "booked",
        "release": "released",
        "expire": "expired",
        "adopt": "adopted",
        "replan": "replanned",
        "pause": "paused",
        "resume": "resumed",
        "ask_review": "review_due",
        "withdraw_review": "review_withdrawn",
        "review": "reviewed",
        "complete": "completed",
        "stop": "stopped",
        "cancel": "cancelled",
        "reopen": "reopened",
        "enter_in_error": "entered_in_error",
    },
}
# Said in one word only.
_ALSO = {
    "appointment": ("adopted", "recorded"),
    "course": (),
    "follow_up": ("prospective", "covered", "open", "closed", "lapsed", "waived", "void"),
}
_NAMED = {
    f"{noun}.{word}": f"{noun}.{done}"
    for noun, words in _DONE.items()
    for verb, done in words.items()
    for word in (verb, done)
} | {f"{noun}.{word}": f"{noun}.{word}" for noun, words in _ALSO.items() for word in words}
# Plain records say a verb and what they are.
_PLAIN = {
    ("patient", "create"): "patient.created",
    ("patient", "update"): "patient.changed",
    ("patient", "merge"): "patient.merged",
    ("patient", "merge_into"): "patient.merged_into",
}
TYPES = tuple(sorted({*_NAMED.values(), *_PLAIN.values()}))
_EVENTS = UUID("b0a9c5de-0d5e-5f5e-8d0a-5b1f5f6a7e21")


@dataclass(frozen=True, slots=True)
class Line:
    """What an event is made from: a line of the trail."""

    id: int
    at: datetime
    verb: str
    subject_kind: str
    subject_id: UUID
    course_id: UUID | None
    patient_id: UUID | None


def type_of(*, verb: str, subject_kind: str) -> str | None:
    """The event's type; None when nobody outside is told."""
    return _NAMED.get(verb) or _PLAIN.get((subject_kind, verb))


def verbs_of(*, types: Collection[str]) -> set[str]:
    """The trail's verbs behind these types: what a query can narrow by before each line is looked at."""
    named = {verb for verb, told in _NAMED.items() if told in types}
    return named | {verb for (_, verb), told in _PLAIN.items() if told in types}


def event_id(*, line_id: int) -> str:
    """The event's id, the same for every receiver, try and replay; it tells nothing of how many there are."""
    return f"evt_{uuid5(_EVENTS, str(line_id)).hex}"


def payload(*, line: Line) -> Mapping[str, Any]:
    """What is sent: ids, type and time. Everything else the receiver reads, with its own scopes."""
    kind = "follow_up" if line.subject_kind == "gap" else line.subject_kind
    data: dict[str, Any] = {"object": kind, "id": str(line.subject_id)}
    if line.course_id:
        data["course"] = str(line.course_id)
    if line.patient_id:
        data["patient"] = str(line.patient_id)
    return {
        "id": event_id(line_id=line.id),
        "type": type_of(verb=line.verb, subject_kind=line.subject_kind),
        "timestamp": line.at.isoformat().replace("+00:00", "Z"),
        "api_version": "v1",
        "data": data,
    }
