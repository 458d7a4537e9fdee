"""What people do with a follow-up gap: take it, put it off, waive it, or attest that it was met elsewhere."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import StaffMember
from clinic.practice.trail import Step
from scheduling.booking.guard import access, locks
from scheduling.booking.reading import progress
from scheduling.errors import InTheFuture
from scheduling.followups import gaps as stored
from scheduling.models import ExternalVisit, FollowUpGap
from scheduling.models.followup import GapStatus
from scheduling.planning import windows

LONGEST_SNOOZE = timedelta(days=14)
# A repeated key has no second effect.
Key = idempotency.Key | None


def assign(
    *,
    actor: Actor,
    gap_id: UUID,
    assignee_id: UUID | None,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Give the gap an owner, or none. Raises Invalid for somebody who is not active in this practice."""
    with locks.unit_of_work():
        if _repeated(actor, key, gap_id, "gaps.work", now):
            return
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="gaps.work", version=version)
        staff = StaffMember.objects.filter(practice_id=actor.practice_id, is_active=True)
        if assignee_id is not None and not staff.filter(id=assignee_id).exists():
            raise Invalid({"assignee": ["An active member of this practice."]})
        FollowUpGap.objects.filter(id=gap.id).update(assignee_id=assignee_id, **access.touched())
        _tell(actor, gap, "assigned", now, data={"assignee": str(assignee_id) if assignee_id else None})


def snooze(
    *,
    actor: Actor,
    gap_id: UUID,
    until: datetime,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Keep the gap off the worklist until a time: never longer than its window leaves something to do."""
    with locks.unit_of_work():
        if _repeated(actor, key, gap_id, "gaps.work", now):
            return
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="gaps.work", version=version)
        if not now < until <= now + LONGEST_SNOOZE:
            raise Invalid({"until": ["A time in the next fourteen days."]})
        if gap.status == GapStatus.PROSPECTIVE and gap.closes_at and until > gap.closes_at:
            raise Invalid({"until": ["The window closes before that."]})
        FollowUpGap.objects.filter(id=gap.id).update(snoozed_until=until, **access.touched())
        _tell(actor, gap, "snoozed", now, data={"until": until.isoformat()})


def waive(
    *,
    actor: Actor,
    gap_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Say that this follow-up is not needed, and why. Only somebody permitted may."""
    if not reason.strip():
        raise Invalid({"reason": ["Say why no follow-up is needed."]})
    with locks.unit_of_work():
        if _repeated(actor, key, gap_id, "gaps.waive", now):
            return
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="gaps.waive", version=version)
        if gap.status in (GapStatus.VOID, GapStatus.CLOSED):
            raise Conflict(f"The follow-up is {gap.status}: there is nothing to waive.")
        FollowUpGap.objects.filter(id=gap.id).update(
            waived_at=now, waived_by=actor.ref, reason=reason, **access.touched()
        )
        _tell(actor, gap, "waived", now, reason=reason)
        stored.refresh(course_ids=[gap.course_id], now=now, actor=actor)
        progress.judge(actor=actor, course=gap.course, now=now)


def unwaive(
    *,
    actor: Actor,
    gap_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Take a waiver back: the follow-up is owed again."""
    with locks.unit_of_work():
        if _repeated(actor, key, gap_id, "gaps.waive", now):
            return
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="gaps.waive", version=version)
        if gap.waived_at is None:
            raise Conflict("The follow-up was not waived.")
        FollowUpGap.objects.filter(id=gap.id).update(
            waived_at=None, waived_by=None, reason="", **access.touched()
        )
        _tell(actor, gap, "unwaived", now, reason=reason)
        stored.refresh(course_ids=[gap.course_id], now=now, actor=actor)


def attest(
    *,
    actor: Actor,
    gap_id: UUID,
    now: datetime,
    attended_at: datetime | None = None,
    attended_on: date | None = None,
    provider: str = "",
    version: int | None = None,
    key: Key = None,
) -> UUID:
    """Record that the patient was seen outside the practice; a date alone means local noon of it. Returns its
    id."""
    permissions.check(actor=actor, capability="gaps.work")
    if (attended_at is None) == (attended_on is None):
        raise Invalid({"attended_at": ["Give a time, or a date alone."]})
    with locks.unit_of_work():
        visit_id = new_id()
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="external_visit", object_id=visit_id
        )
        if replay:
            return replay.object_id
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="gaps.work", version=version)
        if attended_on is not None:
            noon = datetime.combine(attended_on, time(12))
            moment = windows.resolve_local(zone=gap.site.time_zone, wall=noon)
        else:
            moment = (attended_at or now).astimezone(UTC)
        today = windows.local_day(zone=gap.site.time_zone, instant=now)
        # A date alone may be today, although its noon is still to come.
        if attended_on > today if attended_on else moment > now:
            raise InTheFuture(at=moment.isoformat())
        visit = ExternalVisit.objects.create(
            id=visit_id,
            gap=gap,
            attended_at=moment,
            date_only=attended_on is not None,
            provider=provider,
            attested_at=now,
            attested_by=actor.ref,
        )
        _tell(actor, gap, "attested", now, data={"attended_at": moment.isoformat()})
        stored.refresh(course_ids=[gap.course_id], now=now, actor=actor)
        progress.judge(actor=actor, course=gap.course, now=now)
        return visit.id


def _repeated(actor: Actor, key: Key, gap_id: UUID, capability: str, now: datetime) -> bool:
    permissions.check(actor=actor, capability=capability)
    replay = idempotency.claim(key=key, now=now, status_code=200, object_kind="gap", object_id=gap_id)
    return replay is not None


def _tell(
    actor: Actor,
    gap: FollowUpGap,
    verb: str,
    now: datetime,
    *,
    reason: str = "",
    data: dict[str, str | None] | None = None,
) -> None:
    step = Step(f"follow_up.{verb}", "gap", gap.id, gap.course_id, gap.patient_id, reason, dict(data or {}))
    trail.record(actor=actor, at=now, steps=[step])
