"""What each role, and each scope of a program, may do: one table. `check` raises, `allows` answers."""

from dataclasses import dataclass

from clinic.practice.actor import Actor
from clinic.practice.errors import NotAllowed

DESK, PRESCRIBER, MONITOR, THERAPIST = "front_desk", "prescriber", "monitor", "therapist"
OPERATOR, LEAD, ADMIN = "operator", "clinical_lead", "practice_admin"
EVERYONE = frozenset({DESK, PRESCRIBER, MONITOR, THERAPIST, OPERATOR, LEAD, ADMIN})
CLINICIANS = frozenset({PRESCRIBER, MONITOR, THERAPIST, OPERATOR, LEAD})
BOOKERS = frozenset({DESK, PRESCRIBER, THERAPIST, LEAD, ADMIN})


@dataclass(frozen=True, slots=True)
class Grant:
    """Roles of staff, and the scope of a program, that may do one thing. No scope: programs may not."""

    roles: frozenset[str]
    scope: str | None


# A capability that is not in this table is allowed to nobody.
GRANTS: dict[str, Grant] = {
    "practices.read": Grant(EVERYONE, "read:practices"),
    "practices.write": Grant(frozenset({ADMIN}), "write:practices"),
    "sites.read": Grant(EVERYONE, "read:sites"),
    "sites.write": Grant(frozenset({ADMIN}), "write:sites"),
    "rooms.read": Grant(EVERYONE, "read:rooms"),
    "rooms.write": Grant(frozenset({ADMIN}), "write:rooms"),
    "practitioners.read": Grant(EVERYONE, "read:practitioners"),
    "practitioners.write": Grant(frozenset({ADMIN}), "write:practitioners"),
    "shifts.read": Grant(EVERYONE, "read:shifts"),
    "shifts.write": Grant(frozenset({DESK, LEAD, ADMIN}), "write:shifts"),
    "closures.read": Grant(EVERYONE, "read:closures"),
    "closures.write": Grant(frozenset({DESK, LEAD, ADMIN}), "write:closures"),
    "protocols.read": Grant(EVERYONE, "read:protocols"),
    "protocols.write": Grant(frozenset({PRESCRIBER, LEAD, ADMIN}), "write:protocols"),
    "patients.read": Grant(EVERYONE, "read:patients"),
    "patients.write": Grant(BOOKERS, "write:patients"),
    # There is no way back from one record to two.
    "patients.merge": Grant(frozenset({LEAD, ADMIN}), "write:patients"),
    # Eligibility and consent are decided by people with the licence for it (S-01, S-02).
    "patients.decide_eligibility": Grant(frozenset({PRESCRIBER, LEAD}), "write:patients"),
    "patients.record_consent": Grant(BOOKERS | {MONITOR}, "write:patients"),
    "patients.record_measure": Grant(CLINICIANS | {DESK}, "write:patients"),
    "courses.read": Grant(EVERYONE, "read:courses"),
    "courses.book": Grant(BOOKERS, "write:courses"),
    # What a course goes on with after a phase is a clinician's decision (S-17).
    "courses.review": Grant(frozenset({PRESCRIBER, LEAD}), "write:courses"),
    # Which rule asks for which of the two is said by scheduling's rulebook.
    "courses.override": Grant(frozenset({PRESCRIBER, LEAD}), "write:courses"),
    "roster.override": Grant(frozenset({PRESCRIBER, LEAD, ADMIN}), "write:courses"),
    "appointments.read": Grant(EVERYONE, "read:appointments"),
    "appointments.book": Grant(BOOKERS, "write:appointments"),
    "appointments.confirm": Grant(EVERYONE, "write:appointments"),
    "appointments.move": Grant(BOOKERS, "write:appointments"),
    "appointments.attend": Grant(EVERYONE, "write:appointments"),
    "appointments.discharge": Grant(frozenset({PRESCRIBER, MONITOR, LEAD}), "write:appointments"),
    "appointments.cancel": Grant(BOOKERS, "write:appointments"),
    "appointments.correct": Grant(BOOKERS | {MONITOR}, "write:appointments"),
    "appointments.record_past": Grant(EVERYONE, "write:appointments"),
    "waitlist.read": Grant(EVERYONE, "read:waitlist"),
    # Take or decline what is offered: also patients, what is offered to them.
    "waitlist.answer": Grant(BOOKERS, "write:appointments"),
    "waitlist.work": Grant(BOOKERS, "write:waitlist"),
    "gaps.read": Grant(EVERYONE, "read:gaps"),
    "gaps.work": Grant(BOOKERS, "write:gaps"),
    # Book the visit that a unit lacks: also patients, at a time that is offered to them.
    "gaps.fill": Grant(BOOKERS, "write:appointments"),
    "gaps.waive": Grant(frozenset({PRESCRIBER, THERAPIST, LEAD}), "write:gaps"),
    "work.read": Grant(EVERYONE, "read:work"),
    "work.finish": Grant(EVERYONE, "write:work"),
    # Everybody names who stands in for them; for somebody else it needs `practitioners.write`.
    "delegations.read": Grant(EVERYONE, "read:practitioners"),
    "delegations.write": Grant(EVERYONE, "write:practitioners"),
    # Which e-mails one gets oneself.
    "own_mails.write": Grant(EVERYONE, None),
    "roster.read": Grant(EVERYONE, "read:roster"),
    "availability.read": Grant(EVERYONE, "read:availability"),
    "messages.read": Grant(EVERYONE, "read:messages"),
    # Who read what says as much of a patient as what was read.
    "access_log.read": Grant(frozenset({ADMIN}), "read:access-log"),
    "messages.work": Grant(BOOKERS, "write:messages"),
    # An address that is not written to is written to again.
    "suppressions.lift": Grant(frozenset({LEAD, ADMIN}), None),
    # What messages say is written on a page, by people; programs send none.
    "wordings.read": Grant(EVERYONE, None),
    "wordings.write": Grant(frozenset({ADMIN}), None),
    "webhooks.read": Grant(frozenset({ADMIN}), "read:webhooks"),
    "webhooks.write": Grant(frozenset({ADMIN}), "write:webhooks"),
    "calendar_feeds.read": Grant(frozenset({LEAD, ADMIN}), "read:calendar-feeds"),
    "calendar_feeds.write": Grant(frozenset({LEAD, ADMIN}), "write:calendar-feeds"),
}

# What patients may do by a link: to their visits, to what they still lack, and to what they say of
# themselves. Whose it is is asked where rows are found.
BY_LINK = frozenset(
    {
        "appointments.confirm",
        "appointments.move",
        "appointments.cancel",
        "gaps.fill",
        "gaps.read",
        "own_record.write",
        "waitlist.answer",
    }
)

SCOPES: dict[str, str] = {
    grant.scope: f"{grant.scope.split(':')[0].capitalize()} {grant.scope.split(':')[1]}"
    for grant in GRANTS.values()
    if grant.scope
}


def allows(*, actor: Actor, capability: str) -> bool:
    """Whether this actor may do this. The system may do everything that time does, a patient what a link
    grants."""
    if actor.kind == "patient":
        return capability in BY_LINK
    grant = GRANTS.get(capability)
    if grant is None:
        return False
    if actor.kind == "system":
        return True
    if actor.kind == "staff":
        return bool(actor.roles & grant.roles)
    if actor.kind == "client":
        return grant.scope is not None and grant.scope in actor.scopes
    return False


def check(*, actor: Actor, capability: str) -> None:
    """Raise NotAllowed unless this actor may do this."""
    if not allows(actor=actor, capability=capability):
        raise NotAllowed(capability=capability)
