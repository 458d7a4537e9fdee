"""The states of a message and the moves between them, and how a provider's reports are merged. Pure.

The states are chosen so that any crash leaves a row that says what is known. A hand-over is committed
before the provider is called: a process that dies in between leaves `handing_over`, which becomes
`in_doubt`, never a silent second message.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from clinic.practice import errors

STATES = (
    "planned",
    "leased",
    "handing_over",
    "accepted",
    "delivered",
    "undelivered",
    "in_doubt",
    "cancelled",
    "suppressed",
    "failed_final",
)
INITIAL = ("planned",)
# Nothing was handed over: the row may still be withdrawn or found untrue.
UNSENT = frozenset({"planned", "leased"})
# A provider has it, or may have: sending it again would risk a second message.
HANDED_OVER = frozenset({"handing_over", "accepted", "delivered", "undelivered", "in_doubt"})
FINAL = frozenset({"delivered", "undelivered", "cancelled", "suppressed", "failed_final"})


class InvalidMove(errors.Conflict):
    """The message is not in a state that allows this."""

    code = "invalid_message_move"

    def __init__(self, *, state: str, verb: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"message is {state}: {verb} is not possible.", state=state, verb=verb, allowed=list(allowed)
        )
        self.state = state
        self.verb = verb
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. `fenced`: only the attempt that is the row's current one may make it."""

    verb: str
    sources: frozenset[str]
    target: str
    fenced: bool = False


def _from(*states: str) -> frozenset[str]:
    return frozenset(states)


MOVES = (
    Move("lease", _from("planned"), "leased"),
    # The lease ran out and nothing had begun, or quiet hours put it off.
    Move("give_back", _from("leased"), "planned"),
    Move("begin", _from("leased"), "handing_over"),
    Move("accept", _from("handing_over"), "accepted", fenced=True),
    # The provider said that it did not take it.
    Move("retry", _from("handing_over"), "planned", fenced=True),
    Move("fail", _from("planned", "leased"), "failed_final"),
    Move("refuse", _from("handing_over"), "failed_final", fenced=True),
    # A crash or a timeout: the provider may have taken it.
    Move("doubt", _from("handing_over"), "in_doubt"),
    # Doubt is resolved by evidence alone: a look-up, a replay with the same key, a report, or a person.
    Move("resolve_sent", _from("in_doubt"), "accepted"),
    Move("resolve_not_sent", _from("in_doubt"), "planned"),
    # A report on a hand-over that was thought not to have been taken: it must not go again.
    Move("resolve_late", UNSENT, "accepted"),
    # A report that comes before the answer to the hand-over is evidence as well.
    Move("deliver", UNSENT | _from("handing_over", "in_doubt", "accepted", "undelivered"), "delivered"),
    Move("undeliver", _from("handing_over", "in_doubt", "accepted"), "undelivered"),
    Move("cancel", UNSENT, "cancelled"),
    Move("suppress", UNSENT, "suppressed"),
)


def move(*, state: str, verb: str) -> str:
    """The state that `verb` leads to; InvalidMove names what would be possible instead."""
    for row in _rows(state):
        if row.verb == verb:
            return row.target
    raise InvalidMove(state=state, verb=verb, allowed=allowed(state=state))


def allowed(*, state: str) -> tuple[str, ...]:
    """The verbs that the state allows, in the order of the table."""
    return tuple(row.verb for row in _rows(state))


def as_mermaid() -> str:
    """The table as a Mermaid state diagram: one arrow for each pair of states, with its verbs."""
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in INITIAL)]
    for source in STATES:
        arrows: dict[str, list[str]] = {}
        for row in _rows(source):
            arrows.setdefault(row.target, []).append(row.verb)
        lines += [f"    {source} --> {target}: {', '.join(verbs)}" for target, verbs in arrows.items()]
    return "\n".join(lines) + "\n"


# the provider's statuses (twilio-python) in the order in which a later one may replace an earlier
# one. Reports come twice and out of order, so the merge is a maximum: any order of the same reports ends
# the same.
PROVIDER_STATUSES = (
    "accepted",
    "scheduled",
    "queued",
    "sending",
    "sent",
    "canceled",
    "failed",
    "undelivered",
    "partially_delivered",
    "delivered",
    "read",
)
NOT_TAKEN = frozenset({"canceled", "failed"})
_VERBS = {
    "canceled": "undeliver",
    "failed": "undeliver",
    "undelivered": "undeliver",
    "delivered": "deliver",
    "read": "deliver",
}
_ON_WHAT_IT_HAS = {
    "in_doubt": "resolve_sent",
    "handing_over": "accept",
    "planned": "resolve_late",
    "leased": "resolve_late",
}


def merge_status(*, known: str, reported: str) -> str:
    """The provider status that stands after a report; an unknown report changes nothing. `known` may be
    blank.
    """
    if reported not in PROVIDER_STATUSES:
        return known
    if known not in PROVIDER_STATUSES:
        return reported
    return max(known, reported, key=PROVIDER_STATUSES.index)


def after_report(*, state: str, status: str) -> str:
    """The message's state after a provider's status; a report that says nothing new, or comes too late,
    leaves it.
    """
    verb = _VERBS.get(status)
    if verb is None and status in PROVIDER_STATUSES:
        # It reports on what it has: evidence that comes before its answer, or instead of it.
        verb = _ON_WHAT_IT_HAS.get(state)
    return move(state=state, verb=verb) if verb in allowed(state=state) else state


def _rows(state: str) -> Iterator[Move]:
    return (row for row in MOVES if state in row.sources)
