"""The values of a protocol that a form changes, each by its place in the document: numbers, and what it says
of messages."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from clinic.practice.errors import Invalid
from notifications.planning import terms
from notifications.planning.terms import Term
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
ON, HOURS, REASON = "on", "hours", "reason"
WHETHER = (("", "As the practice says"), ("yes", "Goes"), ("no", "Does not go"))
LONGEST, LONGEST_TOLD = 8, 300


@dataclass(frozen=True, slots=True)
class Knob:
    """One value: a number, one of the `choices`, or where it is `told` a few words. `name` is its place:
    `phases.0.sessions`; a blank one is open-ended, or of messages as the practice says."""

    name: str
    label: str
    value: str
    problem: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    told: bool = False


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
    # What cannot be read says nothing.
    said, _ = terms.read(document.get("messages"))
    found += [_of_messages(kind, said.get(kind, terms.NOTHING)) for kind in terms.CHOICES]
    return tuple(
        Group(one.title, tuple(_typed(knob, typed, wrong or {}) for knob in one.knobs)) for one in found
    )


def _group(title: str, place: str, held: Mapping[str, Any], table: Mapping[str, str]) -> Group:
    return Group(
        title, tuple(Knob(f"{place}.{name}", label, _text(held.get(name))) for name, label in table.items())
    )


def _of_messages(kind: str, held: Term) -> Group:
    """What the protocol says of a kind of message."""
    place, on = f"messages.{kind}", held.on
    knobs = [
        Knob(f"{place}.{ON}", "Whether it goes", "" if on is None else "yes" if on else "no", choices=WHETHER)
    ]
    if hours := terms.CHOICES[kind]:
        label = f"Hours {'after the dose' if hours.after else 'before the visit'}"
        told = f"{label} ({hours.least} to {hours.most})"
        knobs.append(Knob(f"{place}.{HOURS}", told, _text(held.hours)))
    if kind in terms.NEEDS_REASON:
        knobs.append(Knob(f"{place}.{REASON}", "Why, if it does not go", held.reason, told=True))
    return Group(f"Message: {words.MESSAGE_KINDS[kind]}", tuple(knobs))


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}"


def _typed(knob: Knob, typed: QueryDict | None, wrong: Mapping[str, list[str]]) -> Knob:
    value = knob.value if typed is None else typed.get(knob.name, "")
    return dataclasses.replace(knob, value=value, problem=" ".join(wrong.get(knob.name, ())))


def changed(*, document: Document, post: QueryDict) -> dict[str, Any]:
    """A copy of the document with what was typed in it. Raises Invalid for what is no number."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    wrong: dict[str, list[str]] = {}
    for knob in (knob for group in groups(document=document) for knob in group.knobs):
        text = post.get(knob.name, knob.value).strip()
        if text == knob.value:
            continue
        try:
            if knob.name.startswith("messages."):
                _say(copy, knob, text)
            else:
                _put(copy, knob.name, _number(text))
        except ValueError:
            wrong[knob.name] = ["A number."]
    if wrong:
        raise Invalid(wrong)
    return copy


def _say(document: dict[str, Any], knob: Knob, text: str) -> None:
    """What is blank is not said: nothing stays of a kind of which nothing is."""
    _, kind, what = knob.name.split(".")
    said = document.setdefault("messages", {})
    of_kind = said.setdefault(kind, {})
    of_kind[what] = text == "yes" if knob.choices else text[:LONGEST_TOLD] if knob.told else _number(text)
    if not text:
        del of_kind[what]
    for holder, name in ((said, kind), (document, "messages")):
        if not holder[name]:
            del holder[name]


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
