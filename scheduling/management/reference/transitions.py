"""states.md: the tables of moves, drawn and listed."""

from notifications.planning import ledger
from scheduling import states
from scheduling.booking.visit import appointments
from scheduling.followups.rules import GapState
from scheduling.management.reference.markdown import table
from scheduling.states import Machine

# How each state of a follow-up unit is said in one line; the full meaning is an explanation of its own.
GAP_WORDS = {
    GapState.VOID: "No dose of the unit is live or given: nothing is owed.",
    GapState.WAIVED: "Somebody permitted said, with a reason, that no follow-up is needed.",
    GapState.CLOSED: "Enough visits were attended; `late` when only the grace made it enough.",
    GapState.COVERED: "Enough visits are attended or still to come in the window.",
    GapState.PROSPECTIVE: "Something is missing, and the window has not closed.",
    GapState.OPEN: "The window has closed and the grace has not; `booked_late` when a visit stands in "
    "the grace.",
    GapState.LAPSED: "The grace has ended as well.",
}

# Made by `scheduling/booking/waiting/holds.py`.
OF_HOLDS = ("book", "release", "expire")


def page() -> str:
    parts = [
        "# States and moves\n\n",
        "Each machine is one table in the code. A move that is not in its table is refused with\n",
        "`409 invalid_transition`, and the answer lists the moves that are possible. A late entry is a "
        "move that may be\n",
        "recorded after it happened, with `at`; nothing can be recorded in the future.\n\n",
        *_machine("Appointment", "scheduling/states.py", states.APPOINTMENT),
        f"No use case makes these moves yet: {_waiting()}. They are in the table so that a state means\n",
        "the same from the start.\n\n",
        "A correction (`POST appointments/{id}/correct/`) is no move: it says that the record was wrong. "
        "From each\n",
        "state, what the visit may turn out to have been:\n\n",
        states.corrections_as_table(),
        "\n",
        *_machine("Course", "scheduling/states.py", states.COURSE),
        "A course is held first (a `draft`) or booked (`active` at once). `ask_review`, `withdraw_review`, "
        "and `complete`\n",
        "and `reopen` where they follow from the facts, are made by no one: see [the life of a course]"
        "(../explanation/life-of-a-course.md).\n\n",
        *_machine("Waitlist entry", "scheduling/states.py", states.WAITLIST),
        *_follow_up(),
        *_message(),
    ]
    return "".join(parts)


def _waiting() -> str:
    verbs = dict.fromkeys(move.verb for move in states.APPOINTMENT.moves)
    made = {*appointments.CAPABILITY, *OF_HOLDS, "reinstate", "enter_in_error"}
    return ", ".join(f"`{verb}`" for verb in verbs if verb not in made)


def _machine(title: str, source: str, machine: Machine) -> list[str]:
    return [
        f"## {title}\n\nFrom `{source}`.\n\n",
        f"```mermaid\n{states.as_mermaid(machine)}```\n\n",
        states.as_table(machine),
        "\n",
    ]


def _follow_up() -> list[str]:
    rows = [(f"`{state.value}`", GAP_WORDS[state]) for state in GapState]
    return [
        "## Follow-up unit\n\n",
        "A unit has no table of moves: its state is computed from the stored facts and the time\n",
        "(`scheduling/followups/rules.py`). The first line that fits is the state.\n\n",
        table(("State", "When"), rows),
        "\nThe exact meaning is in [the integration window](../explanation/integration-window.md).\n\n",
    ]


def message_diagram() -> str:
    """The states of a message, for the page that explains them."""
    return f"```mermaid\n{ledger.as_mermaid()}```\n"


def _message() -> list[str]:
    rows = [
        (
            f"`{move.verb}`",
            ", ".join(state for state in ledger.STATES if state in move.sources),
            move.target,
            "yes" if move.fenced else "no",
        )
        for move in ledger.MOVES
    ]
    return [
        "## Message\n\nFrom `notifications/planning/ledger.py`. A fenced move can be made by the current "
        "attempt only.\n\n",
        f"{message_diagram()}\n",
        table(("Move", "From", "To", "Fenced"), rows),
    ]
