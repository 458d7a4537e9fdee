"""Whether a planned message is still true, and what it says: asked at the moment it is handed over.

`clinic.config.wiring` gives these answers to `notifications`, which knows nothing of appointments.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from notifications.models import Message
from notifications.policy import Kind
from notifications.ports import Facts, Silence, Source, Visit
from scheduling.booking.writing import links
from scheduling.booking.writing.reminders import EXPECTED
from scheduling.models import Appointment, FollowUpGap
from scheduling.models.appointment import Mode, Status
from scheduling.models.followup import GapStatus


def sources() -> dict[str, Source]:
    """Who answers for which kind of message."""
    return {
        Kind.COURSE_BOOKED: booked,
        Kind.VISIT_LIST: booked,
        Kind.VISIT_MOVED: at_its_time,
        Kind.REMINDER_72H: at_its_time,
        Kind.REMINDER_24H: at_its_time,
        Kind.FOLLOW_UP_MISSING: follow_up_missing,
        Kind.NO_SHOW: no_show,
        Kind.VISIT_LINK: link,
    }


def booked(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """What of it still stands: the course's coming visits, or those booked together with this one."""
    coming = Appointment.objects.select_related("site").filter(
        practice_id=message.practice_id, status__in=EXPECTED, start__gt=now
    )
    if message.subject_kind == "course":
        coming = coming.filter(course_id=message.subject_id)
    else:
        coming = coming.filter(_with(message))
    visits = list(coming.order_by("start", "pk"))
    if not visits:
        return Silence("nothing_booked")
    return Facts(
        visits=tuple(_visit(one) for one in visits),
        phone=_phone(visits[0], message),
        link=links.address(visit_id=visits[0].pk),
    )


def at_its_time(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The visit, if it is still to come at the time it was planned for; with it the others that are."""
    planned = {one.subject_id: one for one in (*also, message)}
    found = Appointment.objects.select_related("site").in_bulk(list(planned))
    reason = _untrue(found.get(message.subject_id), message, now)
    if reason:
        return Silence(reason)
    true = [
        (found[one.subject_id], one)
        for one in planned.values()
        if one.subject_id in found and not _untrue(found[one.subject_id], one, now)
    ]
    true.sort(key=lambda pair: (pair[0].start, pair[0].pk))
    told = {one.subject_id for _, one in true}
    return Facts(
        visits=tuple(_visit(appointment) for appointment, _ in true),
        phone=_phone(found[message.subject_id], message),
        covers=tuple(one.pk for one in also if one.subject_id in told),
        link=links.address(visit_id=true[0][0].pk),
    )


def follow_up_missing(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Silent once a follow-up is booked, waived or no longer owed."""
    dose = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    if dose is None or dose.status not in (Status.FULFILLED, Status.MONITORING):
        return Silence("no_dose")
    gap = FollowUpGap.objects.filter(doses__appointment_id=dose.pk).first()
    if gap is None:
        return Silence("no_follow_up_owed")
    if gap.status not in (GapStatus.PROSPECTIVE, GapStatus.OPEN) or gap.booked_late:
        return Silence(f"follow_up_{gap.status}")
    return Facts(phone=_phone(dose, message))


def no_show(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Silent when the record was corrected, or a new time has been found meanwhile."""
    missed = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    if missed is None or missed.status != Status.NO_SHOW:
        return Silence("not_missed")
    again = Appointment.objects.filter(
        patient_id=missed.patient_id,
        course_id=missed.course_id,
        kind=missed.kind,
        status__in=EXPECTED,
        start__gt=now,
        created_at__gte=missed.no_show_at or missed.start,
    )
    if again.exists():
        return Silence("rebooked")
    return Facts(phone=_phone(missed, message))


def link(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The link alone, as somebody asked for it; silent once the visit is not expected any more."""
    visit = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    reason = _untrue(visit, message, now)
    address = links.address(visit_id=message.subject_id)
    if visit is None or reason or not address:
        return Silence(reason or "no_link")
    return Facts(phone=_phone(visit, message), link=address)


def _with(message: Message) -> Q:
    """The visit itself; when it is new, also those that were booked in the same act, which have no message of
    their own.
    """
    itself = Q(pk=message.subject_id)
    if message.subject_version > 1:
        return itself
    act = Appointment.objects.filter(itself).values("created_at")
    return itself | Q(patient_id=message.patient_id, created_at__in=act)


def _untrue(appointment: Appointment | None, message: Message, now: datetime) -> str:
    """Why a message of this visit at its time would be untrue; blank when it is not."""
    if appointment is None or appointment.patient_id != message.patient_id:
        return "visit_gone"
    if appointment.status not in EXPECTED:
        return f"visit_{appointment.status}"
    if message.subject_at is not None and appointment.start != message.subject_at:
        return "visit_moved"
    return "visit_begun" if appointment.start <= now else ""


def _visit(appointment: Appointment) -> Visit:
    return Visit(
        uid=appointment.pk,
        sequence=appointment.version,
        start=appointment.start,
        end=appointment.end,
        zone=appointment.time_zone,
        place=appointment.site.address if appointment.mode == Mode.IN_PERSON else "",
    )


def _phone(appointment: Appointment, message: Message) -> str:
    return appointment.site.phone or message.practice.phone
