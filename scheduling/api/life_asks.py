"""What is asked for in the life of a course and of its visits. Every list of fields is a literal."""

from clinic.practice.api.fields import Choice, Day, Instant, Text
from clinic.practice.api.shapes import Body
from scheduling import reasons, states
from scheduling.api.asks import OverrideAsk, TransitionAsk
from scheduling.models.review import Decision

FOLLOW_UP = [(name, name) for name in ("keep", "cancel")]
CORRECTED = [(name, name) for name in sorted({one for to in states.CORRECTIONS.values() for one in to})]


class CourseCancelAsk(Body):
    """A reason of the list, a reason in words, or both."""

    reason_code = Choice(choices=reasons.CHOICES, allow_blank=True, default="")
    reason = Text(max_length=200, allow_blank=True, default="")


class PauseAsk(Body):
    reason = Text(max_length=200)
    until = Instant(
        required=False, allow_null=True, help_text="When somebody is asked whether the course goes on."
    )


class ReviewAsk(Body):
    """How the course goes on."""

    decision = Choice(choices=Decision.choices)
    phase = Text(
        max_length=100, required=False, allow_null=True, help_text="With a change: the phase that follows."
    )
    review_on = Day(required=False, allow_null=True, help_text="When an open-ended phase is looked at again.")
    reason = Text(max_length=500)


class CancelAsk(TransitionAsk):
    """A reason of the list, a reason in words, or both."""

    reason_code = Choice(choices=reasons.CHOICES, allow_blank=True, default="")
    follow_up = Choice(
        choices=FOLLOW_UP,
        required=False,
        help_text="Of a dose: what becomes of the visits that follow it. Unsaid, people are asked.",
    )


class ReinstateAsk(Body):
    reason = Text(max_length=200)
    overrides = OverrideAsk(many=True, default=list)


class FactsAsk(Body):
    """When things really happened; null for what did not. What is left out stays as it is."""

    confirmed = Instant(required=False, allow_null=True)
    arrived = Instant(required=False, allow_null=True)
    started = Instant(required=False, allow_null=True)
    administration_ended = Instant(required=False, allow_null=True)
    discharged = Instant(required=False, allow_null=True)
    completed = Instant(required=False, allow_null=True)
    cancelled = Instant(required=False, allow_null=True)
    no_show = Instant(required=False, allow_null=True)


class CorrectAsk(Body):
    """What state the visit is really in, and when things really happened; what is right is left out."""

    status = Choice(choices=CORRECTED, required=False)
    facts = FactsAsk(required=False)
    reason = Text(max_length=200)
    overrides = OverrideAsk(many=True, default=list)
