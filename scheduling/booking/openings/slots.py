"""A follow-up that is missing: the slots that fit it, the best first; one of them booked; and that undone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, NotFound
from notifications.models import Message
from notifications.planning import ledger
from scheduling.booking.guard import access
from scheduling.booking.reading import queries, rows
from scheduling.booking.visit import appointments, single
from scheduling.booking.wanted import nearest
from scheduling.booking.wanted.nearest import Fit, Wanted
from scheduling.errors import SlotTaken
from scheduling.followups import facts
from scheduling.models import Appointment, FollowUpGap
from scheduling.models.appointment import Status
from scheduling.models.followup import UNMET
from scheduling.planning import windows
from scheduling.planning.protocol import Coverage
from scheduling.planning.values import IN_PERSON, Span
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster

# How many are listed; how many are counted; how many of the best are tried when others book meanwhile.
LISTED, COUNTED, TRIED = 8, 100, 3
# Of how many parts in earlier visits people are known.
FAMILIAR = 8
# More starts than any window has on the finest grid.
MOST = 10_000
APART = timedelta(hours=1)
# Staff may book what begins at once.
NO_NOTICE = timedelta()
# Nobody is asked to come sooner than this while a later time fits too.
SOON = timedelta(hours=2)
NONE_LEFT = "No time is left in the window. Move another visit, or look at why each time does not fit."
GONE = "That time is taken by now."
TOO_LATE = "It is too late to undo this: cancel the visit instead."
UNDONE = "Booked by mistake and taken back at once."


@dataclass(frozen=True, slots=True)
class Slot:
    """A start that fits, with whom and where. `ideal`: in the band that is best; `familiar`: with somebody
    whom the patient knows from this course."""

    start: datetime
    end: datetime
    mode: str
    practitioner: rows.Named
    room: rows.Named | None
    ideal: bool
    familiar: bool


@dataclass(frozen=True, slots=True)
class Slots:
    """The best slots of a unit, and how many there are, at most 100. `late`: only its grace is left."""

    found: tuple[Slot, ...] = ()
    total: int = 0
    late: bool = False


@dataclass(frozen=True, slots=True)
class _Unit:
    """A gap with all that a slot for it is measured by; `over` are days that have their visit already."""

    gap: FollowUpGap
    wanted: Wanted
    modes: tuple[str, ...]
    until: datetime
    late: bool
    over: frozenset[date]


def ranked(
    *,
    actor: Actor,
    gap_id: UUID,
    now: datetime,
    limit: int = LISTED,
    apart: timedelta = APART,
    notice: timedelta = NO_NOTICE,
    known_first: bool = False,
) -> Slots:
    """The slots that fit a missing follow-up: nearest to the ideal band first, then with somebody familiar
    (`known_first`: those before all others), then the earliest, and those within two hours after all others;
    `apart` from one another, none sooner than after `notice`. None for a unit that is settled, is met by a
    group, or whose grace is over.

    The number of statements depends on nothing. Raises NotFound, NotAllowed.
    """
    permissions.check(actor=actor, capability="gaps.read")
    unit = _unit(_gap(actor, gap_id), now, notice)
    if unit is None:
        return Slots()
    roster = rosters.of(practice_id=actor.practice_id)
    slots = [_slot(unit, roster, mode, fit) for mode, fit in _fits(unit, roster, now)]
    slots.sort(
        key=lambda one: (
            one.start < now + SOON,
            known_first and not one.familiar,
            _hours_off(unit.gap, one.start),
            not one.familiar,
            one.start,
        )
    )
    return Slots(tuple(_spread(slots, limit, apart)), min(len(slots), COUNTED), unit.late)


def _spread(slots: Sequence[Slot], limit: int, apart: timedelta) -> list[Slot]:
    """The first of them that are so far apart: quarter after quarter of one morning is no choice."""
    found: list[Slot] = []
    for one in slots:
        if len(found) == limit:
            break
        if all(abs(one.start - other.start) >= apart for other in found):
            found.append(one)
    return found


def count(*, actor: Actor, gap_id: UUID, now: datetime) -> int:
    """How many starts on the site's grid would still meet the unit in its window, at most 100. Counted,
    never stored."""
    found = ranked(actor=actor, gap_id=gap_id, now=now, limit=0)
    return 0 if found.late else found.total


def book(
    *,
    actor: Actor,
    gap_id: UUID,
    now: datetime,
    start: datetime | None = None,
    notice: timedelta = NO_NOTICE,
    key: idempotency.Key | None = None,
) -> rows.Visit:
    """Book a missing follow-up at `start`, or at the best time that is left; returns the visit.

    The same key returns the first one's. Raises Conflict where it is settled or nothing fits, SlotTaken for a
    start that is gone, NotFound, NotAllowed.
    """
    permissions.check(actor=actor, capability="gaps.fill")
    if before := idempotency.find(key=key, now=now):
        return queries.visit(actor=actor, appointment_id=before.object_id, capability="gaps.fill")
    gap = _gap(actor, gap_id)
    slots = _offered(actor, gap, now, start, notice)
    for slot in slots[:-1]:
        try:
            return _booked(actor, gap, slot, now, key)
        except SlotTaken:
            # Somebody was faster: the next best is nearly as good.
            continue
    return _booked(actor, gap, slots[-1], now, key)


def undo(*, actor: Actor, appointment_id: UUID, now: datetime) -> None:
    """Take back what this actor booked a moment ago, before anybody was told. Raises Conflict once it is too
    late for that, NotFound, NotAllowed."""
    permissions.check(actor=actor, capability="appointments.cancel")
    if not may_undo(actor=actor, appointment_id=appointment_id, now=now):
        raise Conflict(TOO_LATE)
    appointments.transition(actor=actor, appointment_id=appointment_id, verb="cancel", reason=UNDONE, now=now)


def may_undo(*, actor: Actor, appointment_id: UUID, now: datetime) -> bool:
    """Whether this actor booked the visit within the time that messages wait, and none has gone. Raises
    NotFound."""
    visit = Appointment.objects.filter(practice_id=actor.practice_id, pk=appointment_id).first()
    if visit is None:
        raise NotFound()
    fresh = now - visit.created_at <= timedelta(seconds=settings.MESSAGE_GRACE_SECONDS)
    if not fresh or visit.status != Status.BOOKED or visit.created_by != actor.ref:
        return False
    return not Message.objects.filter(subject_id=visit.pk, state__in=ledger.HANDED_OVER).exists()


# --- the unit -----------------------------------------------------------------------------------------------
def _gap(actor: Actor, gap_id: UUID) -> FollowUpGap:
    found = access.gaps(actor=actor).filter(pk=gap_id)
    gap = found.select_related("course", "site").first()
    if gap is None:
        raise NotFound()
    return gap


def _unit(gap: FollowUpGap, now: datetime, notice: timedelta) -> _Unit | None:
    """What is to be looked for; None where a visit of its own would not help."""
    protocol = facts.protocol_of(gap.course.protocol_version_id)
    rule = protocol.follow_up
    if rule is None or rule.coverage is Coverage.GROUP or gap.status not in UNMET:
        return None
    if gap.opens_at is None or gap.closes_at is None:
        return None
    soonest = now + notice
    late = gap.closes_at < soonest
    until = (gap.grace_until or gap.closes_at) if late else gap.closes_at
    if until < soonest:
        return None
    same = Appointment.objects.filter(course_id=gap.course_id, kind="integration")
    people = same.order_by("-start").values_list("staffing__staff_id", flat=True)[:FAMILIAR]
    wanted = Wanted(
        practice_id=gap.practice_id,
        site_id=gap.site_id,
        patient_id=gap.patient_id,
        kind="integration",
        start=max(soonest, gap.opens_at),
        length=timedelta(minutes=rule.minutes),
        grid_minutes=gap.site.grid_minutes,
        mode=IN_PERSON,
        protocol=protocol,
        ordinal=1,
        familiar=tuple(str(one) for one in people if one),
    )
    over = frozenset[date]()
    if rule.visits_per_unit > 1 and rule.max_per_day == 1:
        over = frozenset(gap.visits.values_list("appointment__local_date", flat=True))
    return _Unit(gap, wanted, rule.modes or (IN_PERSON,), until, late, over)


def _fits(unit: _Unit, roster: Roster, now: datetime) -> Iterator[tuple[str, Fit]]:
    """Every start that fits, each in the first mode in which it does, by start."""
    wanted = unit.wanted
    span = Span(wanted.start, unit.until + wanted.length)
    free = nearest.calendar(wanted=wanted, span=span, now=now, roster=roster)
    ways = [replace(wanted, mode=mode) for mode in unit.modes]
    step = timedelta(minutes=wanted.grid_minutes)
    # The grid is the site's: it begins at a whole hour, and every grid divides an hour.
    moment = wanted.start.replace(minute=0, second=0, microsecond=0)
    while moment <= unit.until:
        if moment >= wanted.start and not _is_over(unit, moment):
            tried = ((way.mode, nearest.fit(wanted=way, free=free, start=moment)) for way in ways)
            fit = next(((mode, found) for mode, found in tried if isinstance(found, Fit)), None)
            if fit is not None:
                yield fit
        moment += step


def _is_over(unit: _Unit, moment: datetime) -> bool:
    return bool(unit.over) and windows.local_day(zone=unit.gap.site.time_zone, instant=moment) in unit.over


def _slot(unit: _Unit, roster: Roster, mode: str, fit: Fit) -> Slot:
    who = fit.staffing[0].practitioner
    room = roster.rooms[UUID(fit.room)] if fit.room else None
    return Slot(
        start=fit.start,
        end=fit.start + unit.wanted.length,
        mode=mode,
        practitioner=rows.Named(UUID(who), roster.people[UUID(who)].display_name),
        room=rows.Named(room.pk, room.name) if room else None,
        ideal=not _hours_off(unit.gap, fit.start),
        familiar=who in unit.wanted.familiar,
    )


def _hours_off(gap: FollowUpGap, start: datetime) -> int:
    """Started hours between a start and the ideal band."""
    if gap.ideal_from is None or gap.ideal_to is None:
        return 0
    off = max(gap.ideal_from - start, start - gap.ideal_to, timedelta())
    return -(-off // timedelta(hours=1))


# --- booking ------------------------------------------------------------------------------------------------
def _offered(
    actor: Actor, gap: FollowUpGap, now: datetime, start: datetime | None, notice: timedelta
) -> tuple[Slot, ...]:
    """The slot at this start, or the best few. Raises Conflict for none, SlotTaken for a start that is
    gone."""
    if gap.status not in UNMET:
        raise Conflict(f"The follow-up is {gap.status}: there is nothing to book.")
    limit, apart = (TRIED, APART) if start is None else (MOST, timedelta())
    found = ranked(actor=actor, gap_id=gap.pk, now=now, limit=limit, apart=apart, notice=notice).found
    if start is not None:
        found = tuple(one for one in found if one.start == start)
        if not found:
            clash = {"visit": "integration", "start": start.isoformat(), "message": GONE}
            raise SlotTaken(clashes=[clash])
    if not found:
        raise Conflict(NONE_LEFT)
    return found


def _booked(
    actor: Actor, gap: FollowUpGap, slot: Slot, now: datetime, key: idempotency.Key | None
) -> rows.Visit:
    doses = gap.doses.order_by("-appointment__start").values_list("appointment_id", flat=True)
    visit = single.Visit(
        patient_id=gap.patient_id,
        kind="integration",
        start=slot.start,
        end=slot.end,
        course_id=gap.course_id,
        follows_id=doses.first(),
        practitioner_ids=(slot.practitioner.id,),
        room_id=slot.room.id if slot.room else None,
        mode=slot.mode,
        unit_id=gap.pk,
    )
    return single.booked(actor=actor, now=now, visit=visit, key=key)
