"""Why there is no plan."""

from scheduling.planning.extras import NoTimedReview
from scheduling.planning.menus import Calendar
from scheduling.planning.values import NoPlan, UnmetRule


def explain(calendar: Calendar) -> NoPlan:
    """Placeholder until the diagnosis is written."""
    return NoPlan((UnmetRule("no_plan", None, "No plan keeps the rules."),))


def nothing_to_plan(calendar: Calendar) -> NoPlan:
    """Every dose is given."""
    return NoPlan((UnmetRule("nothing_to_plan", None, "Every dose of the course is given."),))


def no_timed_review(calendar: Calendar, none: NoTimedReview) -> NoPlan:
    """A medication review that is due by time has no place."""
    return NoPlan((UnmetRule("medication_review_due", None, f"No medication review fits by {none.due}."),))
