"""What a practice copies into the registration of its number (10DLC): the texts as they will be sent (R-11,
R-12), with sample visits and nobody's data.
"""

from dataclasses import dataclass

from clinic.practice import queries
from clinic.practice.actor import Actor
from notifications.planning.kinds import Kind
from notifications.wording import checking, texts, wordings
from notifications.wording.texts import Which, Words

ASKED = (Kind.CONSENT_CONFIRMED, Kind.OPT_IN_CONFIRMED, Kind.HELP, Kind.OPT_OUT_CONFIRMED)
SAMPLES = (Kind.COURSE_BOOKED, Kind.REMINDER_24H, Kind.VISIT_MOVED, Kind.FOLLOW_UP_MISSING, Kind.NO_SHOW)


@dataclass(frozen=True, slots=True)
class Copied:
    """One text, filled. `own`: in the practice's own words."""

    which: Which
    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """`asked`: the texts for which the form has a field, in each language; `samples` are in the first."""

    clinic: str
    asked: tuple[Copied, ...]
    samples: tuple[Copied, ...]


def sheet(*, actor: Actor) -> Registration:
    """The texts as they stand. Own words that may not be sent are not shown: the built-in ones go instead."""
    held = {one.which: one for one in wordings.listing(actor=actor)}
    practice = queries.practice(actor=actor)

    def copied(kind: Kind, language: str) -> Copied:
        one = held[Which(str(kind), language, "sms")]
        own = one.own and not one.refused
        words: Words = one.words if own else texts.builtin(one.which)
        found = checking.check(
            which=one.which, words=words, clinic=practice.message_name, phone=practice.phone
        )
        return Copied(one.which, found.previews[0].text if found.previews else words.body, own)

    return Registration(
        clinic=practice.message_name,
        asked=tuple(copied(kind, language) for kind in ASKED for language in texts.LANGUAGES),
        samples=tuple(copied(kind, texts.LANGUAGES[0]) for kind in SAMPLES),
    )
