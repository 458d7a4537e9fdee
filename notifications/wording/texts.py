"""The texts that the service sends: one a message, language and channel; what each may and must say.

The built-in wordings are files in `templates/messages`, in the language of `placeholders`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clinic.practice.errors import NotFound
from notifications.planning.kinds import Kind

LANGUAGES = ("en", "es")
FOLDER = Path(__file__).resolve().parent.parent / "templates" / "messages"

# How to make it stop. Its words are ours: no wording can lose or bend them.
STOP = {
    ("sms", "en"): "STOP to opt out.",
    ("sms", "es"): "STOP para darse de baja.",
    ("email", "en"): "To stop these messages, tell us by phone or at the front desk.",
    ("email", "es"): "Si no desea recibir estos mensajes, díganoslo por teléfono o en recepción.",
}
# What carriers and the law want said in so many words: ours too.
OURS = {
    "en": {
        "frequency": "Frequency varies.",
        "rates": "Msg&data rates may apply.",
        "help": "HELP for help.",
        "ended": "no further messages like these will come",
    },
    "es": {
        "frequency": "La frecuencia varía.",
        "rates": "Pueden aplicarse tarifas.",
        "help": "AYUDA para ayuda.",
        "ended": "no recibirá más mensajes como estos",
    },
}
_ALWAYS = ("clinic", "phone", "stop")
_TIMES = ("times", "first", "list")
_VISITS = (*_ALWAYS, *_TIMES, "total", "several", "place", "link")
# Where an answer of one letter would be understood.
_ANSWERED = (*_VISITS, "reply")
# They stand for nothing and choose a wording: for several visits, and where a reply is asked for.
SILENT = ("several", "reply")
# What a line that others see may hold: neither times nor links.
IN_SUBJECT = ("clinic", "several", "total", "count")
# A text message has no lines: its times stand in one.
_NOT_IN_SMS = ("list",)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said: the subject of an e-mail, blank for an SMS, and the text."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a kind of message may say (`names`) and what must stand in it wherever it is known: of each group
    in `needs` at least one.
    """

    names: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...] = ("sms", "email")
    languages: tuple[str, ...] = LANGUAGES

    def known(self, channel: str) -> tuple[str, ...]:
        return tuple(name for name in self.names if channel != "sms" or name not in _NOT_IN_SMS)


# who writes, whom to call, and how to make it stop.
_LAWFUL = (("clinic",), ("phone",), ("stop",))
_OF_VISITS = Said(_VISITS, (*_LAWFUL, _TIMES))
_OF_A_VISIT = Said(_ANSWERED, (*_LAWFUL, _TIMES))
_TO_CALL = Said(_ALWAYS, _LAWFUL)
# The link is known where patients may choose a time themselves.
_TO_CHOOSE = Said((*_ALWAYS, "link"), _LAWFUL)

_OPTED_IN = Said(
    ("clinic", "phone", "frequency", "rates", "help", "stop"),
    (("clinic",), ("frequency",), ("rates",), ("help",), ("stop",)),
    channels=("sms",),
)

KINDS: dict[str, Said] = {
    Kind.COURSE_BOOKED: _OF_VISITS,
    Kind.VISIT_MOVED: _OF_VISITS,
    # There is nothing to open: a new time is asked for by telephone.
    Kind.VISIT_CANCELLED: Said((*_ALWAYS, *_TIMES, "total", "several"), (*_LAWFUL, _TIMES)),
    Kind.REMINDER_72H: _OF_A_VISIT,
    Kind.REMINDER_24H: _OF_A_VISIT,
    Kind.RIDE_HOME: _OF_VISITS,
    Kind.PREPARATION: _OF_VISITS,
    Kind.MEASURE_DUE: Said((*_ALWAYS, "first", "link"), (*_LAWFUL, ("link",))),
    Kind.CHECK_IN: Said((*_ALWAYS, "first", "link"), _LAWFUL),
    Kind.FOLLOW_UP_MISSING: _TO_CHOOSE,
    Kind.WINDOW_HALF: _TO_CHOOSE,
    Kind.NO_SHOW: _TO_CHOOSE,
    Kind.VISIT_LINK: Said((*_ALWAYS, "link"), (*_LAWFUL, ("link",))),
    Kind.WAITLIST_OFFER: Said(
        (*_ALWAYS, "first", "until", "place", "link"), (*_LAWFUL, ("first",), ("until",), ("link",))
    ),
    Kind.CHOOSE_TIME: Said((*_ALWAYS, "link"), (*_LAWFUL, ("link",))),
    Kind.NEXT_LINK: Said((*_ALWAYS, "link"), (*_LAWFUL, ("link",))),
    Kind.VISIT_CONFIRMED: Said(_VISITS, (*_LAWFUL, _TIMES), channels=("sms",)),
    Kind.VISIT_LIST: Said(_VISITS, (*_LAWFUL, _TIMES), channels=("email",)),
    Kind.CONSENT_CONFIRMED: _OPTED_IN,
    Kind.OPT_IN_CONFIRMED: _OPTED_IN,
    Kind.OPT_OUT_CONFIRMED: Said(("clinic", "phone", "ended"), (("clinic",), ("ended",)), channels=("sms",)),
    Kind.HELP: Said(
        ("clinic", "phone", "rates", "stop"),
        (("clinic",), ("phone",), ("rates",), ("stop",)),
        channels=("sms",),
    ),
    # To staff, who are no patients: nothing to stop.
    Kind.DIGEST: Said(
        ("clinic", "count", "several", "home"),
        (("count", "several"), ("home",)),
        channels=("email",),
        languages=("en",),
    ),
    Kind.STAFF_ALERT: Said(
        ("clinic", "count", "several", "matters", "home"),
        (("matters",), ("home",)),
        channels=("email",),
        languages=("en",),
    ),
}


@dataclass(frozen=True, slots=True, order=True)
class Which:
    """One text: of this kind, in this language, by this channel."""

    kind: str
    language: str
    channel: str


def every() -> Iterator[Which]:
    """Every text that there is, in the order of the kinds."""
    for kind, said in KINDS.items():
        for channel in said.channels:
            for language in said.languages:
                yield Which(str(kind), language, channel)


def which(*, kind: str, language: str, channel: str) -> Which:
    """Raises NotFound for a text that there is not."""
    said = KINDS.get(kind)
    if said is None or language not in said.languages or channel not in said.channels:
        raise NotFound()
    return Which(kind, language, channel)


@cache
def builtin(text: Which) -> Words:
    """What is said unless a practice says it in its own words."""
    raw = (FOLDER / text.language / f"{text.kind}.{text.channel}.txt").read_text(encoding="utf-8").strip()
    if text.channel == "sms":
        return Words("", raw)
    head, _, body = raw.partition("\n")
    return Words(head.removeprefix("Subject:").strip(), body.strip())
