"""Which room answers the questions that a room below it declares."""

from clinic.practice import ports as practice
from notifications.inbox import threads
from notifications.planning import ports
from notifications.wording import trials
from scheduling.booking.moving import closures
from scheduling.booking.own import own_measures, own_replies
from scheduling.booking.writing import message_facts
from scheduling.followups import alerts, digest, gaps


def wire() -> None:
    """Called once, when every app is loaded."""
    ports.wire(
        {
            **message_facts.sources(),
            **own_measures.sources(),
            **digest.sources(),
            **alerts.sources(),
            **trials.sources(),
            **threads.sources(),
        }
    )
    ports.wire_visits(own_replies)
    practice.wire(on_terms=gaps.judge_anew, on_closure=closures.changed)
