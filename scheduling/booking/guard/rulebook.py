"""Every rule that can refuse a booking or a step: how severe it is, and who may break it on purpose.

One table. `planning` says whether a rule is broken and whether this case of it can be overridden at all; who
may do that is said here alone.
"""

from dataclasses import dataclass
from typing import Any

from clinic.practice import permissions
from clinic.practice.actor import Actor

ERROR, WARNING = "error", "warning"
# Care: a clinician answers for it. Work: whose shift and which room, the practice answers for it.
CARE, WORK = "courses.override", "roster.override"


@dataclass(frozen=True, slots=True)
class Rule:
    """`capability` is what an override needs; None where nobody may: nobody is in two places."""

    severity: str
    capability: str | None
    meaning: str

    @property
    def overridable(self) -> bool:
        return self.capability is not None

    @property
    def may_override(self) -> list[str]:
        """The roles of staff that may."""
        return sorted(permissions.GRANTS[self.capability].roles) if self.capability else []


def _never(meaning: str) -> Rule:
    return Rule(ERROR, None, meaning)


def _care(meaning: str, severity: str = ERROR) -> Rule:
    return Rule(severity, CARE, meaning)


def _work(meaning: str, severity: str = ERROR) -> Rule:
    return Rule(severity, WORK, meaning)


RULES: dict[str, Rule] = {
    "visit_times": _never("A visit ends after it starts."),
    "not_before": _work("No visit before the moment of asking."),
    "grid": _work("Starts lie on the site's grid.", WARNING),
    "patient_twice": _never("Two visits of the course at once."),
    "patient_busy": _never("The patient is booked elsewhere."),
    "patient_limits": _work("A day or time at which the patient can never come."),
    "staff": _never("One person for two needs, or for a role that they do not have."),
    "staff_shift": _work("Not on shift for the whole visit."),
    "staff_busy": _never("No place left with this person."),
    "staff_missing": _care("A role that the visit needs is not filled."),
    "room_missing": _work("A visit in person needs a room."),
    "room_kind": _care("Not a kind of room that the protocol names."),
    "room_closed": _never("The room is not open for the visit and its turnover."),
    "room_busy": _never("The room is taken."),
    "room_turnover": _never("The room is still being made ready."),
    "group_session": _never("There is no such group session at this time."),
    "group_full": _never("The group session has no place left."),
    "start_day": _work("The first dose is on or after the day that was asked for."),
    "spacing_min": _care("Too few days after the dose before (S-14)."),
    "spacing_max": _care("Too many days after the dose before."),
    "rolling_cap": _care("Too many doses in 7 days (S-14)."),
    "follow_up_window": _care("The follow-up starts outside its window."),
    "follow_up_window_empty": _care("No start lets the follow-up end before the next dose."),
    "follow_up_missing": _care("A dose without its follow-up: it is recorded as a gap.", WARNING),
    "preparation_hours": _care("Outside its hours before the first dose."),
    "preparation_missing": _care("A preparation is not planned.", WARNING),
    "plan_review": _care("A review is needed between two phases (S-17)."),
    "plan_review_missing": _care("The review after this dose is not planned.", WARNING),
    "medication_review_missing": _care("The medication review after this dose is not planned.", WARNING),
    # Values of the protocol that are changed for one dose at planning.
    "window": _care("The hours of one dose's window, changed for this course."),
    "spacing": _care("The longest spacing before one dose, changed for this course."),
    # Of one visit that is booked or reinstated by itself.
    "shift": _work("Nobody who could do it is on shift at that time."),
    "practitioner_busy": _never("Nobody who could do it is free at that time."),
    "room": _work("No suitable room is open at that time; in a plan, too few rooms are free."),
    # Of the day itself.
    "S-01": _care("A clinician has found the patient eligible (S-01)."),
    "S-02": _care("Consent to this protocol and version is on file (S-02)."),
    "S-09": _care("The observation time has run before the patient leaves (S-09)."),
    "S-17": _care("The phase before was reviewed (S-17)."),
    # Of a plan that cannot be made, beside those above.
    "dose_start": _never("A dose has no start that keeps the other rules."),
    "review": _never("A review has no place between two phases."),
    "medication_review_due": _never("A medication review by time has no place."),
    "given": _never("A visit that happened or is under way was put elsewhere."),
    "dose_order": _never("A dose would pass one that comes before it and cannot move."),
    "no_other_place": _never("A visit would have to make room and nothing is free for it."),
    "no_repair": _never("No arrangement of the visits that may move keeps every rule."),
    "nothing_to_plan": _never("Every dose is given already."),
    "no_plan": _never("The rules cannot hold together."),
    "search_limit": _never("The search was ended before it had an answer: nothing is claimed."),
}
# A rule that the table does not know can be broken by nobody.
UNKNOWN = _never("A rule that this table does not know.")


def of(rule_id: str) -> Rule:
    return RULES.get(rule_id, UNKNOWN)


def told(violation: dict[str, Any]) -> dict[str, Any]:
    """A violation as it is answered: with the roles that may break the rule, none where this case of it
    stands for everybody."""
    rule = of(violation["rule_id"])
    overridable = bool(violation["overridable"]) and rule.overridable
    return {
        **violation,
        "overridable": overridable,
        "may_override": rule.may_override if overridable else [],
    }


def check(*, actor: Actor, rule_id: str) -> None:
    """Raise NotAllowed unless this actor may break this rule; one that nobody may break simply stands."""
    if capability := of(rule_id).capability:
        permissions.check(actor=actor, capability=capability)
