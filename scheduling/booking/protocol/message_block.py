"""The `messages` of a protocol's document: what it says of kinds of messages, before the practice is heard.

`{"reminder_72h": {"on": false}, "preparation": {"hours": 240}}`: what `notifications.planning.terms` reads,
less what this protocol makes impossible.
"""

from collections.abc import Callable, Mapping
from typing import Any

from notifications.planning import terms
from notifications.planning.kinds import Kind
from patients import instruments
from scheduling import states
from scheduling.planning import measures
from scheduling.planning.protocol import Coverage, Protocol

Document = Mapping[str, Any]
# Owed by no dose, so that none is ever missing.
_NOT_OWED = (Coverage.SERIES, Coverage.NONE)


def _no_ride(document: Document, protocol: Protocol) -> bool:
    return document.get("escort_required") is not True


def _no_measures(document: Document, protocol: Protocol) -> bool:
    return not measures.asked(measures=document.get("measures"), known=instruments.BY_CODE).codes


def _not_monitored(document: Document, protocol: Protocol) -> bool:
    return protocol.dose_kind not in states.MONITORED


def _none_owed(document: Document, protocol: Protocol) -> bool:
    return protocol.follow_up is None or protocol.follow_up.coverage in _NOT_OWED


_IMPOSSIBLE: Mapping[str, tuple[Callable[[Document, Protocol], bool], str]] = {
    Kind.RIDE_HOME: (_no_ride, "This protocol asks for nobody who takes the patient home."),
    Kind.MEASURE_DUE: (_no_measures, "This protocol asks for no measures that patients fill in."),
    Kind.CHECK_IN: (_not_monitored, "It goes after a dose that is monitored; this protocol has none."),
    Kind.FOLLOW_UP_MISSING: (_none_owed, "No dose of this protocol owes a follow-up of its own."),
    Kind.WINDOW_HALF: (_none_owed, "No dose of this protocol owes a follow-up of its own."),
}


def problems(*, document: Document, protocol: Protocol | None) -> dict[str, list[str]]:
    """What is wrong with the block, by path; `protocol` is None for a document that is not plannable."""
    said, wrong = terms.read(document.get("messages"))
    found = {f"messages.{path}".rstrip("."): [text] for path, text in wrong.items()}
    for kind, term in said.items():
        never, why = _IMPOSSIBLE.get(kind, (None, ""))
        wanted = term.on or term.hours is not None
        if wanted and never and protocol and never(document, protocol):
            found[f"messages.{kind}.{'on' if term.on else 'hours'}"] = [why]
    late = said.get(Kind.FOLLOW_UP_MISSING, terms.NOTHING).hours
    follow_up = protocol.follow_up if protocol else None
    if late is not None and follow_up and late >= follow_up.max_hours:
        found.setdefault(
            f"messages.{Kind.FOLLOW_UP_MISSING}.hours", ["The window of the follow-up has closed by then."]
        )
    return found
