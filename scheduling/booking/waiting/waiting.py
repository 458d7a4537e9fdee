"""Reading the waitlist: its entries, and whom a place that is free would fit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, QuerySet

from clinic.practice import paging, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Site
from scheduling.booking.guard import access
from scheduling.booking.reading import rows
from scheduling.booking.wanted import given, nearest
from scheduling.booking.wanted.nearest import Fit, Wanted
from scheduling.booking.wanted.orders import TIMES_OF_DAY
from scheduling.followups import facts
from scheduling.models import Appointment, FollowUpGap, WaitlistEntry, WaitlistOffer
from scheduling.models.course import CourseStatus
from scheduling.models.followup import GapStatus
from scheduling.models.waitlist import WaitlistStatus
from scheduling.planning.values import Availability, Span
from scheduling.roster import availability

# The most urgent so many are looked at; more people than fit a place are no help to who calls them.
CANDIDATES = 200
LONGEST = timedelta(hours=24)
FOLLOW_UPS = ("integration", "group_integration")
# What the front desk sees at once: those who wait, and what was answered since.
LISTED, ANSWERED = 100, 20
ANSWERED_IN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Opening:
    """A place that is free, or may be: at a site from `start` to `end`; with a person or a room, if it is
    theirs."""

    site_id: UUID
    start: datetime
    end: datetime
    practitioner_id: UUID | None = None
    room_id: UUID | None = None


def entries(*, actor: Actor, part: paging.Cut, where: dict[str, Any]) -> paging.Page[rows.Waiting]:
    """One page of the list; `where` are look-ups."""
    permissions.check(actor=actor, capability="waitlist.read")
    stored, last = paging.cut(rows=_of(actor), part=part, where=where)
    return paging.Page(rows=tuple(_row(one) for one in stored), next=last)


def entry(*, actor: Actor, entry_id: UUID, capability: str = "waitlist.read") -> rows.Waiting:
    """One entry; raises NotFound, also for one of another practice."""
    permissions.check(actor=actor, capability=capability)
    found = _of(actor).filter(pk=entry_id).first()
    if found is None:
        raise NotFound()
    return _row(found)


@dataclass(frozen=True, slots=True)
class Desk:
    """A site's list as the front desk works it: the offers that stand, what was answered of late, and who
    waits, the most urgent first; `count` are all who do."""

    offered: tuple[rows.Waiting, ...]
    answered: tuple[rows.Waiting, ...]
    waiting: tuple[rows.Waiting, ...]
    count: int


def desk(*, actor: Actor, site_id: UUID, now: datetime) -> Desk:
    """The list of a site; raises NotAllowed, NotFound."""
    permissions.check(actor=actor, capability="waitlist.read")
    here = _of(actor).filter(site=access.site(actor=actor, site_id=site_id))
    offered = [_row(one) for one in here.filter(status=WaitlistStatus.OFFERED)[:LISTED]]
    settled = WaitlistOffer.objects.filter(entry__in=here.values("pk"), settled_at__gte=now - ANSWERED_IN)
    latest = list(settled.order_by("-settled_at", "-id").values_list("entry_id", flat=True)[: 5 * ANSWERED])
    answered = [_row(one) for one in here.filter(pk__in=latest).exclude(status=WaitlistStatus.OFFERED)]
    waiting = here.filter(status=WaitlistStatus.WAITING, latest__gte=now)
    urgent = waiting.order_by("-priority", "created_at", "id")[:LISTED]
    return Desk(
        offered=tuple(sorted(offered, key=lambda one: one.offer.expires_at if one.offer else now)),
        answered=tuple(sorted(answered, key=lambda one: latest.index(one.id))[:ANSWERED]),
        waiting=tuple(_row(one) for one in urgent),
        count=waiting.count(),
    )


def place_of(*, actor: Actor, appointment_id: UUID) -> Opening:
    """The place of a visit: what was freed when it was cancelled or missed."""
    permissions.check(actor=actor, capability="waitlist.read")
    visit = (
        Appointment.objects.filter(practice_id=actor.practice_id, pk=appointment_id)
        .prefetch_related("staffing")
        .first()
    )
    if visit is None:
        raise NotFound()
    people = [one.staff_id for one in visit.staffing.all() if one.seats]
    alone = people[0] if len(people) == 1 else None
    return Opening(visit.site_id, visit.start, visit.end, practitioner_id=alone, room_id=visit.room_id)


def fits(*, actor: Actor, opening: Opening, now: datetime) -> tuple[rows.WaitlistFit, ...]:
    """Whom the place fits, the most urgent first, then by wishes met, then who waits longest.

    A place fits when the patient is free and asked for that time, somebody for such a visit and a room are
    free, and a follow-up lies in a window that needs one. It fits each of them alone: who takes it has it.
    """
    permissions.check(actor=actor, capability="waitlist.read")
    site = access.site(actor=actor, site_id=opening.site_id)
    span = Span(max(opening.start, now), opening.end)
    if span.start >= span.end or span.end - span.start > LONGEST:
        return ()
    waiting = list(
        _of(actor)
        .filter(site=site, status=WaitlistStatus.WAITING, earliest__lte=span.end, latest__gte=span.start)
        .order_by("-priority", "created_at", "id")[:CANDIDATES]
    )
    free = nearest_calendar(site, span, now)
    busy = availability.busy_patients(patient_ids={one.patient_id for one in waiting}, span=span, now=now)
    windows = _windows(waiting)
    found = [
        fit
        for one in waiting
        if (fit := _fit(one, site, opening, span, replace(free, patient_busy=busy[one.patient_id]), windows))
    ]
    return tuple(sorted(found, key=lambda one: (-one.entry.priority, -len(one.meets), one.entry.created_at)))


def nearest_calendar(site: Site, span: Span, now: datetime) -> Availability:
    return availability.calendar(
        practice_id=site.practice_id, site_id=site.pk, patient_id=None, span=span, now=now
    ).availability()


def _fit(
    one: WaitlistEntry,
    site: Site,
    opening: Opening,
    span: Span,
    free: Availability,
    windows: dict[UUID, list[Span]],
) -> rows.WaitlistFit | None:
    if one.course and one.course.status != CourseStatus.ACTIVE:
        return None
    protocol = facts.protocol_of(one.course.protocol_version_id) if one.course else None
    length = timedelta(minutes=given.minutes_of(protocol=protocol, kind=one.kind))
    needed = (opening.practitioner_id,) if opening.practitioner_id else ()
    wanted = Wanted(
        practice_id=one.practice_id,
        site_id=site.pk,
        patient_id=one.patient_id,
        kind=one.kind,
        start=span.start,
        length=length,
        grid_minutes=site.grid_minutes,
        mode=one.mode,
        protocol=protocol,
        ordinal=1,
        people=needed or tuple(one.practitioners),
        room_id=opening.room_id,
    )
    for start in _starts(site, span, length):
        if not one.earliest <= start <= one.latest or not _in_window(one, start, windows):
            continue
        found = nearest.fit(wanted=wanted, free=free, start=start)
        if isinstance(found, Fit):
            people = tuple(UUID(part.practitioner) for part in found.staffing)
            if set(needed) <= set(people):
                return rows.WaitlistFit(
                    entry=_row(one),
                    start=start,
                    end=start + length,
                    practitioners=people,
                    room=UUID(found.room) if found.room else None,
                    meets=_meets(one, start, people),
                )
    return None


def _starts(site: Site, span: Span, length: timedelta) -> Iterable[datetime]:
    step = timedelta(minutes=site.grid_minutes)
    moment = span.start.replace(minute=0, second=0, microsecond=0)
    while moment + length <= span.end:
        if moment >= span.start:
            yield moment
        moment += step


def _windows(waiting: Sequence[WaitlistEntry]) -> dict[UUID, list[Span]]:
    """By entry, the windows in which its follow-up would count."""
    courses = {one.course_id for one in waiting if one.course_id and one.kind in FOLLOW_UPS}
    needing = FollowUpGap.objects.filter(
        course_id__in=courses, status__in=(GapStatus.PROSPECTIVE, GapStatus.OPEN), closes_at__isnull=False
    ).prefetch_related("doses")
    by_course: dict[UUID, list[FollowUpGap]] = defaultdict(list)
    for gap in needing:
        by_course[gap.course_id].append(gap)
    found: dict[UUID, list[Span]] = {}
    for one in waiting:
        if one.course_id in courses and one.course_id:
            found[one.pk] = [
                Span(gap.opens_at, gap.grace_until if gap.status == GapStatus.OPEN else gap.closes_at)
                for gap in by_course[one.course_id]
                if gap.opens_at
                and gap.closes_at
                and gap.grace_until
                and (
                    one.follows_id is None
                    or one.follows_id in {dose.appointment_id for dose in gap.doses.all()}
                )
            ]
    return found


def _in_window(one: WaitlistEntry, start: datetime, windows: dict[UUID, list[Span]]) -> bool:
    mine = windows.get(one.pk)
    return mine is None or any(window.start <= start <= window.end for window in mine)


def _meets(one: WaitlistEntry, start: datetime, people: Sequence[UUID]) -> tuple[str, ...]:
    wall = start.astimezone(ZoneInfo(one.site.time_zone))
    met = []
    if one.practitioners and set(people) & set(one.practitioners):
        met.append("practitioners")
    if one.weekdays and wall.isoweekday() in one.weekdays:
        met.append("weekdays")
    if one.time_of_day:
        first, last = TIMES_OF_DAY[one.time_of_day]
        if first <= wall.time() < last:
            met.append("time_of_day")
    return tuple(met)


def _of(actor: Actor) -> QuerySet[WaitlistEntry]:
    offers = WaitlistOffer.objects.select_related("appointment").order_by("-offered_at", "-id")
    return (
        WaitlistEntry.objects.filter(practice_id=actor.practice_id)
        .select_related("patient", "site", "course")
        .prefetch_related(Prefetch("offers", offers))
    )


def _row(one: WaitlistEntry) -> rows.Waiting:
    latest = next(iter(one.offers.all()), None)
    return rows.Waiting(
        id=one.pk,
        version=one.version,
        status=one.status,
        patient=rows.Named(one.patient_id, str(one.patient)),
        site=rows.Named(one.site_id, one.site.name),
        time_zone=one.site.time_zone,
        kind=one.kind,
        mode=one.mode,
        course_id=one.course_id,
        follows=one.follows_id,
        earliest=one.earliest,
        latest=one.latest,
        practitioners=tuple(one.practitioners),
        weekdays=tuple(one.weekdays),
        time_of_day=one.time_of_day,
        priority=one.priority,
        offer=_offer(latest) if latest else None,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )


def _offer(one: WaitlistOffer) -> rows.Offer:
    return rows.Offer(
        appointment_id=one.appointment_id,
        state=one.state,
        start=one.appointment.start,
        end=one.appointment.end,
        offered_at=one.offered_at,
        expires_at=one.expires_at,
    )
