"""Every kind of message, and the rules that go with it: one line each, and no branch elsewhere. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COURSE_BOOKED = "course_booked"
    VISIT_MOVED = "visit_moved"
    VISIT_CANCELLED = "visit_cancelled"
    PREPARATION = "preparation"
    REMINDER_72H = "reminder_72h"
    MEASURE_DUE = "measure_due"
    REMINDER_24H = "reminder_24h"
    RIDE_HOME = "ride_home"
    CHECK_IN = "check_in"
    FOLLOW_UP_MISSING = "follow_up_missing"
    WINDOW_HALF = "window_half"
    NO_SHOW = "no_show"
    WAITLIST_OFFER = "waitlist_offer"
    VISIT_LINK = "visit_link"
    NEXT_LINK = "next_link"
    CHOOSE_TIME = "choose_time"
    VISIT_LIST = "visit_list"
    DIGEST = "digest"
    STAFF_ALERT = "staff_alert"
    OPT_OUT_CONFIRMED = "opt_out_confirmed"
    OPT_IN_CONFIRMED = "opt_in_confirmed"
    CONSENT_CONFIRMED = "consent_confirmed"
    HELP = "help"
    VISIT_CONFIRMED = "visit_confirmed"
    STAFF_REPLY = "staff_reply"
    WORDING_TRIAL = "wording_trial"


class Together(StrEnum):
    """What one text can say: of each the messages of one day to one patient become one."""

    COMING = "coming"
    MOVED = "moved"
    CANCELLED = "cancelled"
    AFTERWARDS = "afterwards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for every message of a kind.

    `reply`: it answers what the patient just asked or said, at once, at any hour, outside every cap (R-08:
    one confirmation, within minutes). `news`: it tells what was just done, with a calendar part, and its
    e-mail goes at any hour. `uncapped_for_doses`: before a dose no cap holds it back. `call`: whom no channel
    reaches is called; what a patient does not expect is not worth a call, and may go by the next channel
    `onward`. `asks`: one letter answers it. `once`: what it says of a visit is not said again when the visit
    moves. `first`: the channel that is tried before the others. `hours`: how long before a visit, or after
    one that is over, unless a protocol or the practice says otherwise (`terms`). `category`: what consent and
    its withdrawal name (R-09).
    """

    hours: float = 0
    together: Together | None = None
    reply: bool = False
    news: bool = False
    uncapped_for_doses: bool = False
    call: bool = False
    asks: bool = False
    onward: bool = False
    category: str = "reminders"
    once: bool = False
    first: str = ""


# In the order of precedence: when a cap must choose, the first one goes; of those that go together, the first
# one says it.
RULES: Mapping[str, Rule] = {
    # It tells the time as well: what follows is said by it, unless somebody has been named.
    Kind.RIDE_HOME: Rule(hours=24, together=Together.COMING, uncapped_for_doses=True, call=True, asks=True),
    Kind.REMINDER_24H: Rule(
        hours=24, together=Together.COMING, uncapped_for_doses=True, call=True, asks=True
    ),
    # It is of use for an hour or two, and somebody else waits for the same place.
    Kind.WAITLIST_OFFER: Rule(call=True),
    Kind.VISIT_MOVED: Rule(together=Together.MOVED, news=True, call=True, asks=True),
    Kind.VISIT_CANCELLED: Rule(together=Together.CANCELLED, news=True, call=True),
    Kind.COURSE_BOOKED: Rule(news=True, call=True, asks=True),
    Kind.FOLLOW_UP_MISSING: Rule(hours=20, together=Together.AFTERWARDS, call=True),
    # Somebody here has decided that it goes today.
    Kind.CHOOSE_TIME: Rule(onward=True),
    # The open unit stands on the worklist meanwhile: nobody needs to be told to call a second time.
    Kind.WINDOW_HALF: Rule(together=Together.AFTERWARDS, onward=True),
    Kind.NO_SHOW: Rule(call=True),
    Kind.REMINDER_72H: Rule(hours=72, together=Together.COMING, call=True, asks=True),
    Kind.PREPARATION: Rule(hours=168, call=True, once=True, first="email"),
    # The link of every reminder of that day leads to the same questions.
    Kind.MEASURE_DUE: Rule(hours=48, together=Together.COMING, onward=True, category="forms"),
    Kind.CHECK_IN: Rule(hours=20, together=Together.AFTERWARDS, onward=True, category="check_ins"),
    Kind.VISIT_LINK: Rule(reply=True, call=True, asks=True),
    Kind.NEXT_LINK: Rule(reply=True, call=True),
    Kind.VISIT_LIST: Rule(news=True),
    Kind.OPT_OUT_CONFIRMED: Rule(reply=True),
    Kind.OPT_IN_CONFIRMED: Rule(reply=True),
    Kind.HELP: Rule(reply=True),
    Kind.VISIT_CONFIRMED: Rule(reply=True),
    Kind.STAFF_REPLY: Rule(reply=True),
    # Not an answer to a text: it waits for the morning.
    Kind.CONSENT_CONFIRMED: Rule(),
    Kind.DIGEST: Rule(),
    Kind.STAFF_ALERT: Rule(),
    Kind.WORDING_TRIAL: Rule(),
}
_RANKS = {kind: rank for rank, kind in enumerate(RULES)}


def rule(kind: str) -> Rule:
    """Its rule; of a kind that nobody knows, and that is never sent, one that says nothing."""
    return RULES.get(kind, Rule())


def hours(kind: str) -> float:
    """How long before a visit, or after it, it goes unless somebody says otherwise."""
    return rule(kind).hours


def rank(kind: str) -> int:
    """Its place in the order of precedence: the lowest goes first."""
    return _RANKS.get(kind, len(RULES))


def said_with(kind: str) -> tuple[str, ...]:
    """The kinds that one text can say together with this one, itself included; none where it goes alone."""
    group = rule(kind).together
    return tuple(each for each, known in RULES.items() if group and known.together is group)
