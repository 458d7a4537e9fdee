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
    "follow_up_missing": "Please book your follow-up",
    "no_show": "Sorry that we missed you",
    "visit_link": "Link to the visit",
    "visit_list": "The list of visits",
    "digest": "Morning digest, to staff",
    "wording_trial": "Test of a wording",
}
CHANNELS = {"sms": "Text message", "email": "E-mail"}
# Why a message was not sent, or was taken back. What is missing here is shown as its code in words.
WHY = {
    "no_consent": "no consent for this channel",
    "consent_revoked": "the consent was revoked",
    "no_messages": "the patient wants no messages",
    "no_address": "no address is on file",
    "opted_out": "the address opted out",
    "no_such_address": "the address does not exist",
    "no_provider": "no provider is set up for this channel",
    "over_cap": "enough messages went out that day",
    "quiet_hours": "it would have come in the quiet hours",
    "merged": "said in another message",
    "superseded": "a newer one replaced it",
    "skipped_stale": "it was no longer useful",
    "visit_moved": "the visit was moved",
    "visit_cancelled": "the visit was cancelled",
    "visit_begun": "the visit had begun",
    "visit_gone": "the visit is gone",
    "follow_up_covered": "the follow-up is booked",
    "follow_up_closed": "the follow-up took place",
    "follow_up_waived": "the follow-up was waived",
    "nothing_booked": "nothing is booked any more",
    "rebooked": "a new time is booked",
    "record_corrected": "the record was corrected",
    "lease_expired": "it broke off while it was handed over",
    "no_link": "the visit has no link any more",
    "entered_in_error": "it was entered in error",
    "address_of_a_patient": "a patient has this address",
    "nothing_open": "nothing was open any more",
}
WORK = {
    "harm_item": "See today: self-harm was answered above 0",
    "missed_dose": "Missed dose",
    "orphaned_follow_up": "Follow-up without its dose",
    "patient_unreachable": "Call: no message gets through",
    "needs_new_place": "Visit that needs a new time",
    "kept_follow_up": "Follow-up of a stopped course",
    "course_review": "Review due",
    "course_paused": "Paused course",
    "course_to_replan": "Course to plan anew",
    "escalated_follow_up": "Follow-up that nobody settled",
    "message_in_doubt": "Message in doubt",
    "message_failed": "Message failed",
    "wording_refused": "Own wording that breaks a rule",
    "webhook_disabled": "Webhook that stopped working",
    "follow_up_record_differs": "Follow-up record that is not true",
    "patient_cannot_come": "Patient cannot come",
    "patient_wants_to_come": "Patient would confirm, but papers are missing",
    "patient_cancelled": "Cancelled by the patient",
    "patient_link_locked": "Locked link: wrong birth dates",
}
TRAIL = {
    "appointment.confirm": "confirmed",
    "appointment.cannot_come": "not possible for the patient",
    "appointment.can_come": "possible for the patient after all",
    "link.locked": "link locked after wrong birth dates",
    "appointment.move": "moved",
    "appointment.pin": "fixed where it is",
    "appointment.unpin": "may move again",
    "appointment.reassign": "given to somebody else, or another room",
    "appointment.check_in": "checked in",
    "appointment.start": "started",
    "appointment.end_administration": "administration ended",
    "appointment.discharge": "discharged",
    "appointment.complete": "completed",
    "appointment.cancel": "cancelled",
    "appointment.cancelled": "cancelled",
    "appointment.booked": "booked",
    "appointment.no_show": "did not come",
    "appointment.held": "held",
    "appointment.book": "booked from its hold",
    "appointment.release": "no longer held",
    "appointment.expire": "held too long, and free again",
    "appointment.displace": "lost its place, and needs a new time",
    "appointment.recorded": "written down afterwards",
    "appointment.adopted": "taken over",
    "appointment.reinstate": "takes place after all",
    "appointment.correct": "record corrected",
    "appointment.enter_in_error": "entered in error",
    "booked": "booked",
    "course.booked": "Course booked",
    "course.held": "Course held",
    "course.activate": "Course booked from its hold",
    "course.adopted": "Course taken over",
    "course.replan": "Course planned anew",
    "course.replanned": "Course planned anew",
    "course.cancelled": "Course cancelled",
    "course.review_due": "Review due",
    "course.withdraw_review": "Review not due any more",
    "course.reviewed": "Reviewed",
    "course.paused": "Course paused",
    "course.resumed": "Course resumed",
    "course.reopened": "Course reopened",
    "course.visits_mailed": "List of visits mailed",
    "course.completed": "Course completed",
    "course.enter_in_error": "Course entered in error",
    "message.sent": "Message sent",
    "message.delivered": "Message delivered",
    "message.undelivered": "Message did not arrive",
    "message.suppressed": "Message not sent",
    "message.failed": "Message failed",
    "follow_up.assigned": "Follow-up assigned",
    "follow_up.snoozed": "Follow-up put off",
    "follow_up.waived": "Follow-up waived",
    "follow_up.unwaived": "Waiver taken back",
    "follow_up.escalated": "Follow-up brought before the clinical lead",
    "follow_up.attested": "Outside follow-up recorded",
    "follow_up.prospective": "Follow-up owed",
    "follow_up.covered": "Follow-up booked in its window",
    "follow_up.open": "Follow-up overdue",
    "follow_up.closed": "Follow-up took place",
    "follow_up.lapsed": "Follow-up lost",
    "follow_up.void": "Follow-up no longer owed",
}
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


def why(code: str) -> str:
    """Why a message was not sent; a number is the provider's."""
    number = code.removeprefix("undelivered:")
    if number.isdigit():
        return f"the provider says {number}"
    return WHY.get(code) or plain(code)


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
