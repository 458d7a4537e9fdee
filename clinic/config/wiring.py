"""Which room answers the questions that a room below it declares."""

from clinic.practice import ports as practice
from notifications.inbox import threads
from notifications.planning import ports, practice_terms, welcoming
from notifications.wording import trials
from patients import ports as patients
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
            **welcoming.sources(),
        }
    )
    ports.wire_visits(own_replies)
    patients.wire(on_texts=welcoming.confirm)
    practice.wire(on_terms=gaps.judge_anew, on_closure=closures.changed, on_messages=practice_terms.ask)
