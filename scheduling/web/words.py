"""The words, icons and tones of the pages. A state is told by all three, never by colour alone (WCAG)."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from scheduling.booking.reading.rows import Gap, Visit
from scheduling.planning.needs import Lacking
from scheduling.planning.protocol import Phase, Protocol

_REF = re.compile(r"\b([a-z_]+)-(\d+)\b")
_CODE = re.compile(r"(?<=[a-z])_(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Badge:
    """`icon` names a symbol of components/icons.html, `tone` a class of clinic.css."""

    word: str
    icon: str
    tone: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """A transition as a button (`do`), and as what has happened (`done`)."""

    do: str
    done: str


KINDS = {
    "screening": "Screening",
    "preparation": "Preparation",
    "dosing": "Dose",
    "device": "Device session",
    "integration": "Integration",
    "group_integration": "Group integration",
    "therapy": "Therapy",
    "medication_review": "Medication review",
    "plan_review": "Plan review",
}
# In the order in which a day's columns stand.
ROLES = {
    "prescriber": "Prescriber",
    "monitor": "Monitor",
    "therapist": "Therapist",
    "operator": "Operator",
    "clinical_lead": "Clinical lead",
    "front_desk": "Front desk",
    "practice_admin": "Practice admin",
}
STATUSES = {
    "held": Badge("Held", "clock", "neutral"),
    "booked": Badge("Booked", "calendar", "neutral"),
    "confirmed": Badge("Confirmed", "check", "info"),
    "arrived": Badge("Here", "person", "warn"),
    "in_progress": Badge("In treatment", "play", "good"),
    "monitoring": Badge("Monitoring", "eye", "watch"),
    "fulfilled": Badge("Done", "check", "done"),
    "cancelled": Badge("Cancelled", "cross", "done"),
    "no_show": Badge("Did not come", "absent", "bad"),
    "displaced": Badge("Needs a new time", "alert", "bad"),
    "entered_in_error": Badge("Entered in error", "cross", "done"),
}
VERBS = {
    "confirm": Verb("Confirm", "Confirmed."),
    "check_in": Verb("Check in", "Checked in."),
    "start": Verb("Start", "Started."),
    "end_administration": Verb("End administration", "Administration ended; monitoring goes on."),
    "discharge": Verb("Discharge", "Discharged."),
    "complete": Verb("Complete", "Completed."),
    "cancel": Verb("Cancel the visit", "The visit is cancelled."),
    "no_show": Verb("Did not come", "Recorded: did not come."),
}
# A discharge before the observation has run (S-09).
EARLY = "Discharge early"
FACTS = {
    "confirmed": "Confirmed",
    "arrived": "Arrived",
    "started": "Started",
    "administration_ended": "Administration ended",
    "discharged": "Discharged",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "no_show": "Did not come",
}
MODES = {"in_person": "", "video": "by video", "phone": "by phone"}
GAPS = {
    "prospective": Badge("No follow-up yet", "alert", "warn", "Nothing is booked in the window."),
    "covered": Badge("Follow-up booked", "check", "good", "It is booked inside the window."),
    "open": Badge("Follow-up overdue", "alert", "bad", "The window has closed; the grace is running."),
    "closed": Badge("Followed up", "check", "done", "The follow-up took place."),
    "lapsed": Badge("Follow-up lost", "absent", "bad", "The grace has run out without a follow-up."),
    "waived": Badge("Follow-up waived", "minus", "done", "Somebody permitted said that none is needed."),
    "void": Badge("No follow-up owed", "minus", "done", "Its doses did not take place."),
}
SEVERITIES = {
    "high": Badge("High", "alert", "bad"),
    "moderate": Badge("Moderate", "alert", "warn"),
    "low": Badge("Low", "minus", "neutral"),
}
COURSES = {
    "draft": Badge("Draft", "clock", "neutral"),
    "active": Badge("Active", "play", "good"),
    "paused": Badge("Paused", "minus", "warn"),
    "review_due": Badge("Review due", "alert", "warn"),
    "completed": Badge("Completed", "check", "done"),
    "stopped": Badge("Stopped", "cross", "done"),
    "entered_in_error": Badge("Entered in error", "cross", "done"),
}
MESSAGES = {
    "planned": Badge("Will be sent", "clock", "neutral"),
    "leased": Badge("Being sent", "play", "info"),
    "handing_over": Badge("Being sent", "play", "info"),
    "accepted": Badge("Sent", "check", "info"),
    "delivered": Badge("Delivered", "check", "good"),
    "undelivered": Badge("Not delivered", "alert", "bad"),
    "in_doubt": Badge("Perhaps sent", "alert", "warn"),
    "cancelled": Badge("Withdrawn", "minus", "done"),
    "suppressed": Badge("Not sent", "minus", "warn"),
    "failed_final": Badge("Failed", "cross", "bad"),
}
MESSAGE_KINDS = {
    "course_booked": "What was booked",
    "visit_moved": "New times",
    "reminder_72h": "Reminder, 3 days before",
    "reminder_24h": "Reminder, 1 day before",
    "ride_home": "Who takes you home?",
    "preparation": "How to prepare",
    "measure_due": "Questions before the visit",
    "check_in": "How are you?",
    "window_half": "Still time for your follow-up",
    "follow_up_missing": "Please book your follow-up",
    "no_show": "Sorry that we missed you",
    "visit_link": "Link to the visit",
    "waitlist_offer": "A place is free",
    "next_link": "Link to choose a time",
    "choose_time": "Link to choose a time, sent by us",
    "visit_list": "The list of visits",
    "visit_cancelled": "Visit cancelled",
    "visit_confirmed": "Thank you for confirming",
    "opt_out_confirmed": "Answer to STOP",
    "opt_in_confirmed": "Answer to START",
    "consent_confirmed": "Texts are agreed to",
    "help": "Answer to HELP",
    "staff_reply": "Reply by staff",
    "digest": "Morning digest, to staff",
    "staff_alert": "What became urgent, to staff",
    "wording_trial": "Test of a wording",
}
CHANNELS = {"sms": "Text message", "email": "E-mail"}
ROOMS = {
    "infusion_chair": "Infusion chair",
    "infusion_room": "Infusion room",
    "observation_recliner": "Observation recliner",
    "therapy_room": "Therapy room",
    "therapy_room_recliner": "Therapy room with recliner",
    "consult_room": "Consulting room",
    "group_room": "Group room",
    "tms_device": "TMS device",
}


def lacks(lacking: Lacking) -> tuple[str, ...]:
    """What a site has not, in words."""
    rooms = (" or ".join(ROOMS.get(kind, plain(kind)).lower() for kind in kinds) for kinds in lacking.rooms)
    roles = (ROLES.get(role, plain(role)).lower() for role in lacking.roles)
    return (*(f"no {room}" for room in rooms), *(f"nobody with a shift is: {role}" for role in roles))


def plain(code: str) -> str:
    """A code that has no words of its own, readable: `visit_gone` becomes `visit gone`."""
    return code.replace("_", " ").replace(".", " ").replace(":", ": ")


def sentence(code: str) -> str:
    text = plain(code)
    return text[:1].upper() + text[1:]


def seats(taken: int, places: int) -> str:
    """How full a group session is; never who comes to it."""
    return f"{taken} of {places} places taken"


def rank(roles: Collection[str]) -> int:
    """Where somebody with these roles stands among the columns of a day."""
    order = [*ROLES]
    return min((order.index(one) for one in roles if one in ROLES), default=len(order))


def number_of(visit: Visit) -> str:
    """The visit's number in its plan: the `4` of `integration-4`."""
    tail = visit.ref.rpartition("-")[2]
    return tail if tail.isdigit() else ""


def named(ref: str) -> str:
    """A visit's own name in its plan, in words: `dose-4` becomes `Dose 4`, `plan_review` `Plan review`."""
    return sentence(ref.replace("-", " "))


def told(message: str) -> str:
    """A sentence of the domain without codes: `dose-4` becomes `dose 4`, `acute_series` `acute series`."""
    return _CODE.sub(" ", _REF.sub(r"\1 \2", message))


def title(visit: Visit, planned: int | None = None, *, phase: bool = False) -> str:
    """`Dose 3 of 6`, `Dose 7 (6 planned)`, `Integration 2`, `Induction, dose 3 of 8`."""
    word = KINDS[visit.kind]
    if visit.sequence is not None and visit.kind in ("dosing", "device"):
        counted = f"{word} {visit.sequence}"
        if planned:
            more = visit.sequence > planned
            counted += f" ({planned} planned)" if more else f" of {planned}"
        return (
            f"{sentence(visit.phase)}, {counted[:1].lower()}{counted[1:]}"
            if phase and visit.phase
            else counted
        )
    return f"{word} {number_of(visit)}".strip()


def status_badge(visit: Visit, now: datetime) -> Badge:
    """The state of a visit; one that is over by the clock and that nobody recorded says so."""
    badge = STATUSES[visit.status]
    if visit.status in ("booked", "confirmed") and visit.end <= now:
        return Badge(f"{badge.word}, not recorded", "alert", "warn", "Did the patient come? Record it.")
    return badge


def gap_badge(gap: Gap) -> Badge:
    """The state of a follow-up unit, with what makes it special."""
    badge = GAPS[gap.status]
    if gap.status == "closed" and gap.late:
        return Badge("Followed up late", "check", "warn", badge.hint)
    if gap.status == "open" and gap.booked_late:
        return Badge("Booked late", "clock", "warn", "A visit is booked in the grace.")
    if gap.status == "prospective" and not gap.flagged:
        return Badge(badge.word, "clock", "neutral", badge.hint)
    return badge


def overridden_badge(visit: Visit) -> Badge:
    """That rules were broken for this visit on purpose; the hint says which and why."""
    told = "; ".join(f"{one.rule_id}: {one.reason}" for one in visit.overrides)
    return Badge("Rule overridden", "alert", "warn", told)


def protocol(found: Protocol) -> str:
    """What a protocol asks of a patient: `6 doses, about every 3 days; a follow-up after each dose`."""
    one, many = ("session", "sessions") if found.dose_kind == "device" else ("dose", "doses")
    planned = _planned_at_first(found)
    total = sum(phase.sessions or 0 for phase in planned)
    told = [f"{total} {one if total == 1 else many}" if total else f"{many} until a review".capitalize()]
    pace = planned[0].interval_ideal_days
    if pace and total > 1:
        told[0] += f", about every {pace} days" if pace > 1 else ", every day"
    if found.preparation is not None:
        count = found.preparation.count
        told.append(f"{count} preparation {'visit' if count == 1 else 'visits'}")
    if found.follow_up is not None and found.follow_up.coverage in FOLLOW_UPS:
        told.append(FOLLOW_UPS[found.follow_up.coverage].format(n=found.follow_up.n, one=one, many=many))
    return "; ".join(told)


FOLLOW_UPS = {
    "each_dosing": "a follow-up after each {one}",
    "each_n": "a follow-up after every {n} {many}",
    "weekly": "a follow-up in each week with {many}",
    "group": "a group visit after each {one}",
}


def _planned_at_first(found: Protocol) -> list[Phase]:
    """The phases that are planned at once: up to the first one that ends with a review."""
    planned: list[Phase] = []
    for phase in found.phases:
        planned.append(phase)
        if phase.exit_review_required:
            break
    return planned
