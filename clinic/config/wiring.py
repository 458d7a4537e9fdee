"""Which room answers the questions that a room below it declares."""

from clinic.practice import ports as practice
from notifications import ports, trials
from scheduling.booking.moving import closures
from scheduling.booking.writing import message_facts
from scheduling.followups import digest, gaps


def wire() -> None:
    """Called once, when every app is loaded."""
    ports.wire({**message_facts.sources(), **digest.sources(), **trials.sources()})
    practice.wire(on_terms=gaps.judge_anew, on_closure=closures.changed)
