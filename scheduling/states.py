"""The tables of allowed moves, a course's and an appointment's. Pure; the docs draw their diagrams from them.

A move is named after the transition of the public contract (`check_in`, `end_administration` ...). Whether
the actor may, the place is free and the patient is ready is decided elsewhere: here only, whether the state
allows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from clinic.practice import errors

KINDS = frozenset(
    {
        "screening",
        "preparation",
        "dosing",
        "device",
        "integration",
        "group_integration",
        "therapy",
        "medication_review",
        "plan_review",
    }
)
# Only a dose impairs: its patient is watched until a clinician says that they may leave (S-09: the label
# asks for two hours). A device session (TMS) ends when it is complete.
MONITORED = frozenset({"dosing"})
# What a course is counted in: each has its place in a phase.
DOSES = MONITORED | {"device"}
# Drugs and devices are given between a recorded start and a recorded end; a talk may be recorded in one step.
TALKS = KINDS - DOSES

# `held` is live only until its hold expires: ask `is_live`, which knows.
LIVE = frozenset({"held", "booked", "confirmed", "arrived", "in_progress", "monitoring"})
ATTENDED = frozenset({"fulfilled"})
# Over without the patient having had it.
UNATTENDED = frozenset({"cancelled", "no_show", "displaced", "entered_in_error"})
# Everything that no longer takes time and place. Only `reinstate`, `move` and `enter_in_error` lead out.
TERMINAL = ATTENDED | UNATTENDED


class InvalidTransition(errors.Conflict):
    """This cannot be done in the present state."""

    code = "invalid_transition"

    def __init__(self, *, machine: str, state: str, verb: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"{machine} is {state}: {verb} is not possible.",
            machine=machine,
            state=state,
            verb=verb,
            allowed=list(allowed),
        )
        self.state = state
        self.verb = verb
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a table.

    `fact` is the pair `{fact}_at` and `{fact}_by` that the move records, `clears` the facts it makes untrue.
    `late`: may be recorded after it happened (with `at`); a change of plan happens when it is made.
    """

    verb: str
    sources: frozenset[str]
    target: str
    kinds: frozenset[str] | None = None  # None: of every kind
    fact: str | None = None
    clears: tuple[str, ...] = ()
    late: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    states: tuple[str, ...]
    initial: tuple[str, ...]
    moves: tuple[Move, ...]


def _from(*states: str) -> frozenset[str]:
    return frozenset(states)


_COURSE_STATES = ("draft", "active", "paused", "review_due", "completed", "stopped", "entered_in_error")

COURSE = Machine(
    name="course",
    states=_COURSE_STATES,
    initial=("draft", "active"),  # a booked or adopted course is active at once
    moves=(
        Move("activate", _from("draft"), "active"),
        Move("pause", _from("active", "review_due"), "paused"),
        Move("resume", _from("paused"), "active"),
        # S-17: a phase that asks for a review ends in one (label: evaluate benefit at the end of induction).
        Move("ask_review", _from("active"), "review_due"),
        # What made it due was recorded wrongly.
        Move("withdraw_review", _from("review_due"), "active"),
        # A review may also be held before it falls due.
        Move("review", _from("active", "review_due"), "active"),
        Move("complete", _from("active", "review_due"), "completed"),
        Move("cancel", _from("draft", "active", "paused", "review_due"), "stopped"),
        # After a relapse the finished course goes on, with its history.
        Move("reopen", _from("completed", "stopped"), "active"),
        Move("enter_in_error", frozenset(_COURSE_STATES) - {"entered_in_error"}, "entered_in_error"),
    ),
)

_APPOINTMENT_STATES = (
    "held",
    "booked",
    "confirmed",
    "arrived",
    "in_progress",
    "monitoring",
    "fulfilled",
    "cancelled",
    "no_show",
    "displaced",
    "entered_in_error",
)

APPOINTMENT = Machine(
    name="appointment",
    states=_APPOINTMENT_STATES,
    initial=("held", "booked"),
    moves=(
        Move("book", _from("held"), "booked"),
        Move("release", _from("held"), "cancelled", fact="cancelled"),
        Move("expire", _from("held"), "cancelled", fact="cancelled"),
        Move("confirm", _from("booked"), "confirmed", fact="confirmed", late=True),
        # A visit at a new time is not confirmed; one that lost its place gets a new one by a move.
        Move("move", _from("booked", "confirmed", "displaced"), "booked", clears=("confirmed",)),
        # Somebody else, or another room, for the same time: whoever has said that they come still comes.
        Move("reassign", _from("booked"), "booked"),
        Move("reassign", _from("confirmed"), "confirmed"),
        Move("reassign", _from("arrived"), "arrived"),
        Move(
            "displace", _from("booked", "confirmed", "arrived"), "displaced", clears=("confirmed", "arrived")
        ),
        Move("check_in", _from("booked", "confirmed"), "arrived", fact="arrived", late=True),
        Move("start", _from("arrived"), "in_progress", fact="started", late=True),
        Move(
            "end_administration",
            _from("in_progress"),
            "monitoring",
            kinds=MONITORED,
            fact="administration_ended",
            late=True,
        ),
        Move("discharge", _from("monitoring"), "fulfilled", kinds=MONITORED, fact="discharged", late=True),
        Move(
            "complete", _from("arrived", "in_progress"), "fulfilled", kinds=TALKS, fact="completed", late=True
        ),
        Move(
            "complete",
            _from("in_progress"),
            "fulfilled",
            kinds=KINDS - MONITORED - TALKS,
            fact="completed",
            late=True,
        ),
        # Once started there is no cancelling: part of a dose is a dose. It is ended, or entered in error.
        Move("cancel", _from("booked", "confirmed", "arrived"), "cancelled", fact="cancelled", late=True),
        Move("no_show", _from("booked", "confirmed"), "no_show", fact="no_show", late=True),
        Move(
            "reinstate",
            _from("cancelled", "no_show", "displaced"),
            "booked",
            clears=("confirmed", "arrived", "cancelled", "no_show"),
        ),
        Move("enter_in_error", frozenset(_APPOINTMENT_STATES) - {"entered_in_error"}, "entered_in_error"),
    ),
)

WAITLIST = Machine(
    name="waitlist_entry",
    states=("waiting", "offered", "booked", "withdrawn"),
    initial=("waiting",),
    moves=(
        Move("offer", _from("waiting"), "offered"),
        Move("accept", _from("offered"), "booked"),
        Move("decline", _from("offered"), "waiting"),
        Move("retract", _from("offered"), "waiting"),
        Move("expire", _from("offered"), "waiting"),
        Move("withdraw", _from("waiting", "offered"), "withdrawn"),
    ),
)


# A correction is no move: it says that the record was wrong, and what is true instead. From each state, what
# it may turn out to have been. A place that was never taken is taken by `reinstate`, a visit that was another
# patient's by `enter_in_error`.
_HAPPENED = ("arrived", "in_progress", "monitoring", "fulfilled")
CORRECTIONS: dict[str, tuple[str, ...]] = {
    "confirmed": ("booked", "confirmed"),
    "arrived": ("booked", "confirmed", "arrived", "no_show"),
    "in_progress": ("booked", "confirmed", "arrived", "in_progress", "no_show"),
    "monitoring": ("booked", "confirmed", "arrived", "in_progress", "monitoring", "no_show"),
    "fulfilled": ("booked", "confirmed", *_HAPPENED, "no_show"),
    "no_show": ("booked", "confirmed", *_HAPPENED, "no_show"),
    "cancelled": (*_HAPPENED, "cancelled", "no_show"),
    "displaced": (*_HAPPENED, "no_show"),
}
# The facts of a day in their order, and which of them each state asks for.
DAY = ("arrived", "started", "administration_ended", "discharged", "completed")
_NEEDED = {
    "confirmed": ("confirmed",),
    "arrived": ("arrived",),
    "in_progress": ("arrived", "started"),
    "monitoring": ("arrived", "started", "administration_ended"),
    "cancelled": ("cancelled",),
    "no_show": ("no_show",),
}


def needed_facts(*, status: str, kind: str) -> tuple[str, ...]:
    """The facts without which a visit of this kind cannot be in this state."""
    if status != "fulfilled":
        return _NEEDED.get(status, ())
    if kind in MONITORED:
        return ("arrived", "started", "administration_ended", "discharged")
    return ("arrived", "completed") if kind in TALKS else ("arrived", "started", "completed")


def possible_facts(*, status: str, kind: str) -> frozenset[str]:
    """The facts that may stand beside this state; a correction to it takes back all others."""
    found = set(needed_facts(status=status, kind=kind))
    if status != "booked":
        found.add("confirmed")
    if status == "fulfilled" and kind in TALKS:
        found.add("started")
    if status == "cancelled":
        found.add("arrived")
    return frozenset(found)


def check_correction(*, status: str, to: str, kind: str) -> None:
    """Raise InvalidTransition unless a visit recorded as `status` may turn out to have been `to`."""
    allowed = CORRECTIONS.get(status, ())
    fits = to != "monitoring" or kind in MONITORED
    if to not in allowed or not fits:
        raise InvalidTransition(
            machine=APPOINTMENT.name, state=status, verb=f"a correction to {to}", allowed=allowed
        )


def find(*, machine: Machine, state: str, verb: str, kind: str | None = None) -> Move:
    """The row of the table for this verb in this state; InvalidTransition when there is none."""
    for row in _rows(machine, state, kind):
        if row.verb == verb:
            return row
    raise InvalidTransition(
        machine=machine.name, state=state, verb=verb, allowed=allowed(machine=machine, state=state, kind=kind)
    )


def move(*, machine: Machine, state: str, verb: str, kind: str | None = None) -> str:
    """The state that `verb` leads to; InvalidTransition names what would be possible instead."""
    return find(machine=machine, state=state, verb=verb, kind=kind).target


def allowed(*, machine: Machine, state: str, kind: str | None = None) -> tuple[str, ...]:
    """The verbs that the state allows, in the order of the table: what a screen offers as buttons."""
    return tuple(row.verb for row in _rows(machine, state, kind))


def is_live(*, status: str, hold_expires_at: datetime | None, now: datetime) -> bool:
    """Whether the appointment takes time and place now. A hold past its expiry is as if it were cancelled."""
    if status == "held":
        return hold_expires_at is not None and hold_expires_at > now
    return status in LIVE


def as_mermaid(machine: Machine) -> str:
    """The table as a Mermaid state diagram: one arrow for each pair of states, with its verbs."""
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in machine.initial)]
    for source in machine.states:
        arrows: dict[str, list[str]] = {}
        for row in machine.moves:
            if source in row.sources:
                verbs = arrows.setdefault(row.target, [])
                if row.verb not in verbs:
                    verbs.append(row.verb)
        lines += [f"    {source} --> {target}: {', '.join(verbs)}" for target, verbs in arrows.items()]
    return "\n".join(lines) + "\n"


def as_table(machine: Machine) -> str:
    """The table as Markdown, for the reference: verb, from, to, kinds, what is recorded, late entry."""
    lines = ["| Move | From | To | Kinds | Records | Late entry |", "|---|---|---|---|---|---|"]
    for row in machine.moves:
        cells = (
            f"`{row.verb}`",
            ", ".join(state for state in machine.states if state in row.sources),
            row.target,
            "all" if row.kinds is None else ", ".join(sorted(row.kinds)),
            f"`{row.fact}_at`, `{row.fact}_by`" if row.fact else "",
            "yes" if row.late else "no",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def corrections_as_table() -> str:
    """What each recorded state may be corrected to, as Markdown."""
    lines = ["| Recorded as | May be corrected to |", "|---|---|"]
    lines += [f"| {state} | {', '.join(targets)} |" for state, targets in CORRECTIONS.items()]
    return "\n".join(lines) + "\n"


def _rows(machine: Machine, state: str, kind: str | None) -> Iterator[Move]:
    for row in machine.moves:
        if state in row.sources and (row.kinds is None or kind in row.kinds):
            yield row
