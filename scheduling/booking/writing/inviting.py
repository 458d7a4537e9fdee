"""Whether patients may choose the time of a missing follow-up themselves, and the link by which they do."""

from datetime import datetime
from uuid import UUID

from scheduling.booking.writing import links
from scheduling.followups import facts
from scheduling.models import Appointment, FollowUpGap
from scheduling.models.followup import GapStatus
from scheduling.models.patient_link import Purpose
from scheduling.planning.protocol import Coverage

# Owed, and still to be booked: what lapsed is for people.
MISSING = (GapStatus.PROSPECTIVE, GapStatus.OPEN)


def is_missing(*, gap: FollowUpGap) -> bool:
    """Whether nothing is booked for a unit that can still be met."""
    return gap.status in MISSING and not gap.booked_late


def may_choose(*, gap: FollowUpGap) -> bool:
    """Whether the practice lets patients choose (`follow_ups.self_booking`), and there is anything to choose
    from: a group's visits are at fixed times."""
    if gap.practice.settings.get("follow_ups", {}).get("self_booking") is False:
        return False
    rule = facts.protocol_of(gap.course.protocol_version_id).follow_up
    return rule is not None and rule.coverage is not Coverage.GROUP


def invite(*, dose: Appointment, now: datetime) -> None:
    """The link that a message about this dose's follow-up may carry, in the caller's transaction."""
    links.make(visits=[(dose.practice_id, dose.pk)], purpose=Purpose.NEXT, now=now)


def address(*, dose: Appointment, gap: FollowUpGap) -> str:
    """The link as a message says it; empty where patients are to call."""
    return links.address(visit_id=dose.pk, purpose=Purpose.NEXT) if may_choose(gap=gap) else ""


def unit_of(*, dose_id: UUID) -> FollowUpGap | None:
    """The follow-up unit of a dose, with its practice and its course."""
    units = FollowUpGap.objects.select_related("practice", "course")
    return units.filter(doses__appointment_id=dose_id).first()


def choice(*, dose: Appointment | None) -> str:
    """The link by which the patient chooses the time of what is still missing after a dose; empty where
    nothing is, or they are to call."""
    gap = unit_of(dose_id=dose.pk) if dose else None
    missing = dose is not None and gap is not None and is_missing(gap=gap)
    return address(dose=dose, gap=gap) if missing and dose and gap else ""
