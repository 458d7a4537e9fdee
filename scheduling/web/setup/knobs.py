"""The values of a protocol that a form changes, each by its place in the document."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from clinic.practice.errors import Invalid
from scheduling.booking.protocol.protocols import Document
from scheduling.web import words

OF_A_PHASE = {
    "sessions": "How many doses",
    "interval_min_days": "Days from dose to dose, at least",
    "interval_ideal_days": "best",
    "interval_max_days": "at most",
    "max_per_rolling_7_days": "Doses in any 7 days, at most",
}
OF_THE_DOSE = {
    "check_in": "Minutes before the dose",
    "administration": "Minutes of the dose",
    "monitoring": "Minutes of observation",
    "discharge": "Minutes until the patient leaves",
}
OF_THE_WINDOW = {
    "min": "Hours from the dose's end, at least",
    "ideal_from": "best from",
    "ideal_to": "best to",
    "max": "at most",
    "grace": "counted as late until",
}
LONGEST = 8


@dataclass(frozen=True, slots=True)
class Knob:
    """One number. `name` is its place: `phases.0.sessions`; a blank one is open-ended."""

    name: str
    label: str
    value: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    knobs: tuple[Knob, ...]


def groups(
    *, document: Document, typed: QueryDict | None = None, wrong: Mapping[str, list[str]] | None = None
) -> tuple[Group, ...]:
    """The numbers of a document, or what was typed for them."""
    found = []
    for number, phase in enumerate(document["phases"]):
        place = f"phases.{number}"
        found.append(_group(words.sentence(str(phase["name"])), place, phase, OF_A_PHASE))
    plan = document.get("plan", {})
    found.append(_group("One dose", "plan.block_minutes", plan.get("block_minutes", {}), OF_THE_DOSE))
    if follow_up := plan.get("follow_up"):
        window = follow_up.get("window_hours", {})
        found.append(_group("The follow-up's window", "plan.follow_up.window_hours", window, OF_THE_WINDOW))
        found.append(_group("The follow-up", "plan.follow_up", follow_up, {"minutes": "Minutes"}))
    return tuple(
        Group(one.title, tuple(_typed(knob, typed, wrong or {}) for knob in one.knobs)) for one in found
    )


def _group(title: str, place: str, held: Mapping[str, Any], table: Mapping[str, str]) -> Group:
    return Group(
        title, tuple(Knob(f"{place}.{name}", label, _text(held.get(name))) for name, label in table.items())
    )


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}"


def _typed(knob: Knob, typed: QueryDict | None, wrong: Mapping[str, list[str]]) -> Knob:
    value = knob.value if typed is None else typed.get(knob.name, "")
    return Knob(knob.name, knob.label, value, " ".join(wrong.get(knob.name, ())))


def changed(*, document: Document, post: QueryDict) -> dict[str, Any]:
    """A copy of the document with what was typed in it. Raises Invalid for what is no number."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    wrong: dict[str, list[str]] = {}
    for knob in (knob for group in groups(document=document) for knob in group.knobs):
        text = post.get(knob.name, knob.value).strip()
        if text == knob.value:
            continue
        try:
            _put(copy, knob.name, _number(text))
        except ValueError:
            wrong[knob.name] = ["A number."]
    if wrong:
        raise Invalid(wrong)
    return copy


def _number(text: str) -> float | int | None:
    if not text:
        return None
    if len(text) > LONGEST or not text.isascii():
        raise ValueError(text)
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return int(value) if value == int(value) else value


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    *way, last = name.split(".")
    at: Any = document
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[last] = value
