"""What a patient's reply means, by keyword. Pure."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    CONFIRM = "confirm"
    CHANGE = "change"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply means. `ask_staff`: a person must look at it too; `may_mean_stop`: and soon.

    `start_if_out`: from a number that has opted out it means START, as providers take it (R-13).
    """

    meaning: Meaning
    ask_staff: bool = False
    may_mean_stop: bool = False
    start_if_out: bool = False


# the keywords of the providers (Twilio, AWS); R-07: the words that the FCC takes as revoking, by
# themselves.
_STOP = frozenset(
    {"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel", "arret", "remove", "td"}
    | {"alto", "baja", "parar", "cancelar"}
)
# To a visit, a yes confirms; Spanish without its accent is what telephones type.
_YES = frozenset({"yes", "y", "si"})
_KEYWORDS = {
    **dict.fromkeys(("start", "unstop", "alta", "empezar"), Meaning.START),
    **dict.fromkeys(("help", "info", "ayuda"), Meaning.HELP),
    **dict.fromkeys(("c", "confirm", "confirmar", "confirmo", *_YES), Meaning.CONFIRM),
    **dict.fromkeys(("r", "reschedule", "change", "cambiar"), Meaning.CHANGE),
    **dict.fromkeys(_STOP, Meaning.STOP),
}
_STOP_INSIDE = frozenset({"stop", "stopall", "unsubscribe", "quit", "revoke", "optout", "parar", "baja"})
_STOP_PHRASES = (
    "opt out",
    "do not text",
    "dont text",
    "do not contact",
    "dont contact",
    "no more text",
    "no more message",
    "leave me alone",
    "no mas mensajes",
    "no me escrib",
    "no me mand",
    "no me envi",
)


def read_reply(*, text: str) -> Reading:
    """The meaning of a patient's reply, whatever its case, accents and punctuation.

    R-07: a word of the STOP family opts out at once. CANCEL does as the law demands and may well mean the
    visit, so staff are asked too; a sentence that might revoke goes to a person, because any reasonable
    wording counts.
    """
    plain = unicodedata.normalize("NFKD", text).casefold().replace("'", "").replace("\u2019", "")
    kept = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    words = kept.split()
    meaning = _KEYWORDS.get("".join(words), Meaning.UNCLEAR)
    if meaning is not Meaning.UNCLEAR:
        return Reading(
            meaning,
            ask_staff=meaning is Meaning.CHANGE or words[0].startswith("cancel"),
            start_if_out="".join(words) in _YES,
        )
    sentence = " ".join(words)
    may_stop = bool(_STOP_INSIDE.intersection(words)) or any(one in sentence for one in _STOP_PHRASES)
    return Reading(Meaning.UNCLEAR, ask_staff=True, may_mean_stop=may_stop)
