"""A proposal that a person changes by hand: the other times of one visit, and the course that follows.

What a person chose stays where it is; the rest moves as little as it must (`planning.repair`), so the answer
keeps every hard rule and is honest about not being the cheapest (`proven` is False). Writes nothing.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Site
from scheduling import states
from scheduling.booking.course import plans
from scheduling.booking.guard import access
from scheduling.booking.wanted import nearest, proposals
from scheduling.booking.wanted.nearest import Fit, Refusal, Wanted
from scheduling.booking.wanted.orders import Order
from scheduling.booking.wanted.proposals import Proposal
from scheduling.errors import SlotTaken, Unplannable
from scheduling.followups import facts
from scheduling.planning import repair, windows
from scheduling.planning.menus import Free
from scheduling.planning.protocol import Protocol
from scheduling.planning.repair import Repair, RepairRequest, Standing
from scheduling.planning.values import (
    Availability,
    Plan,
    PlannedVisit,
    PlanRequest,
    Severity,
    Span,
    Staffing,
)

# How many other times of a visit are shown, and how many are tried to find them.
SHOWN, TRIED = 8, 12
# What looking for a place for the rest may cost, in the planner's measure of work.
WORK = 8_000
# How far from where it stands a visit without a window of its own is looked for.
REACH = timedelta(days=7)
# Of one day: on its own so many first and more where other days have none, on others so many.
SAME_DAY, MORE, OTHER_DAY = 3, 8, 2


@dataclass(frozen=True, slots=True)
class Choice:
    """Another time of one visit; `moves` is how many others move with it."""

    start: datetime
    end: datetime
    mode: str
    staffing: tuple[Staffing, ...]
    room: str | None
    moves: int


@dataclass(frozen=True, slots=True)
class Choices:
    """The other times of one visit of a proposal, by start."""

    proposal: Proposal
    order: Order
    ref: str
    found: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Tailored:
    """Proposals for an order; `pinned` are the refs of what a person fixed in the first."""

    order: Order
    proposals: tuple[Proposal, ...]
    pinned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A proposal with what is needed to change it."""

    actor: Actor
    order: Order
    site: Site
    protocol: Protocol
    request: PlanRequest
    free: Availability
    stamp: str
    proposal: Proposal
    # Found out by one try at a place, for the next one.
    known: Free = field(default_factory=dict)

    @property
    def visits(self) -> tuple[PlannedVisit, ...]:
        return self.proposal.visits

    def visit(self, ref: str) -> PlannedVisit:
        found = next((one for one in self.visits if one.ref == ref), None)
        if found is None:
            raise Invalid({"visit": ["No visit of this proposal."]})
        return found


def choices(*, actor: Actor, token: str, ref: str, now: datetime, pinned: Collection[str] = ()) -> Choices:
    """Up to eight other times of a visit of a proposal, by start; each was tried: the whole course fits.

    A visit of a group has its group's times only. Raises ProposalExpired, Invalid, NotAllowed, NotFound.
    """
    draft = _open(actor, token, now)
    visit = draft.visit(ref)
    if visit.group_session is not None:
        return Choices(draft.proposal, draft.order, ref, ())
    found: list[Choice] = []
    for placed in _candidates(draft, visit)[:TRIED]:
        if len(found) == SHOWN:
            break
        answer = _repaired(draft, [placed], pinned)
        if answer is not None:
            moves = sum(one.ref != ref for one in answer.changes)
            found.append(
                Choice(placed.start, placed.end, placed.mode, placed.staffing, placed.room, moves=moves)
            )
    return Choices(draft.proposal, draft.order, ref, tuple(sorted(found, key=lambda one: one.start)))


def change(
    *, actor: Actor, token: str, ref: str, start: datetime, now: datetime, pinned: Collection[str] = ()
) -> Tailored:
    """The proposal with one visit at another time and the rest around it; `pinned` stay where they are.

    Raises SlotTaken where the visit does not fit then, Unplannable where no course does, ProposalExpired,
    Invalid, NotAllowed, NotFound.
    """
    draft = _open(actor, token, now)
    visit = draft.visit(ref)
    placed = _placed(draft, visit, start)
    if isinstance(placed, Refusal):
        raise SlotTaken(clashes=[_clash(visit, start, placed.message)])
    answer = _repaired(draft, [placed], pinned)
    if answer is None:
        message = "The other visits cannot be arranged around this time."
        raise Unplannable(rules=[{"rule": "no_repair", "visit": ref, "message": message, "relaxations": []}])
    kept = tuple(dict.fromkeys((*pinned, ref)))
    return Tailored(draft.order, (_proposal(draft, answer, kept, now),), kept)


def opened(*, actor: Actor, token: str, now: datetime, pinned: Collection[str] = ()) -> Tailored:
    """A proposal as its token has it. Raises ProposalExpired, NotAllowed, NotFound."""
    permissions.check(actor=actor, capability="courses.book")
    contents = proposals.read(actor=actor, token=token, now=now)
    site = access.site(actor=actor, site_id=UUID(contents.order.site))
    known = {one.ref for one in contents.visits}
    return Tailored(
        contents.order,
        (contents.proposal(token=token, zone=site.time_zone),),
        tuple(one for one in pinned if one in known),
    )


def anew(*, actor: Actor, token: str, now: datetime, pinned: Collection[str] = ()) -> Tailored:
    """The same wishes proposed again, as things stand now: also of a proposal that has expired.

    What a person had fixed is put where it was, as far as it still fits. Raises ProposalExpired for a token
    that is none, Unplannable, NotAllowed, NotFound.
    """
    permissions.check(actor=actor, capability="courses.book")
    before = proposals.read_late(actor=actor, token=token)
    site = access.site(actor=actor, site_id=UUID(before.order.site))
    found = plans.find(actor=actor, order=before.order, site=site, now=now)
    best, kept = found[0], tuple[str, ...]()
    for visit in before.visits:
        if visit.ref in pinned:
            try:
                around = change(
                    actor=actor, token=best.token, ref=visit.ref, start=visit.start, now=now, pinned=kept
                )
            except (SlotTaken, Unplannable, Invalid):
                continue
            best, kept = around.proposals[0], around.pinned
    return Tailored(before.order, (best, *found[1:]), kept)


def asked(*, actor: Actor, token: str) -> Order:
    """What a proposal was asked for, however old it is. Raises ProposalExpired for a token that is none."""
    permissions.check(actor=actor, capability="courses.book")
    return proposals.read_late(actor=actor, token=token).order


def _open(actor: Actor, token: str, now: datetime) -> _Draft:
    permissions.check(actor=actor, capability="courses.book")
    contents = proposals.read(actor=actor, token=token, now=now)
    order = contents.order
    site = access.site(actor=actor, site_id=UUID(order.site))
    request, calendar = plans.question(actor=actor, order=order, site=site, now=now)
    return _Draft(
        actor=actor,
        order=order,
        site=site,
        protocol=facts.protocol_of(UUID(order.version)),
        request=request,
        free=calendar.availability(),
        stamp=calendar.stamp,
        proposal=contents.proposal(token=token, zone=site.time_zone),
    )


def _repaired(draft: _Draft, placed: Sequence[PlannedVisit], pinned: Collection[str]) -> Repair | None:
    """The whole course around visits that are put somewhere; None where no hard rule may be broken for it."""
    chosen = {one.ref for one in placed}
    standing = tuple(
        Standing(visit, pinned=visit.ref in pinned and visit.ref not in chosen) for visit in draft.visits
    )
    answer = repair.quickly(
        request=RepairRequest(plan=draft.request, standing=standing, placed=tuple(placed)),
        availability=draft.free,
        most=WORK,
        free=draft.known,
    )
    if answer is None or any(one.severity is Severity.ERROR for one in answer.violations):
        return None
    # The planner leaves no gap where there was none, but a repair may let go of a visit.
    return None if any(one.after is None for one in answer.changes) else answer


def _proposal(draft: _Draft, answer: Repair, pinned: Sequence[str], now: datetime) -> Proposal:
    moved = sum(one.ref not in pinned for one in answer.changes)
    words = ["changed by hand"]
    words += [f"{moved} other {'visit' if moved == 1 else 'visits'} moved along"] if moved else []
    plan = Plan(visits=answer.visits, cost=answer.cost, trades=tuple(words), proven=False)
    return proposals.make(
        actor=draft.actor, order=draft.order, plan=plan, site=draft.site, stamp=draft.stamp, now=now
    )


# --- where a visit could be -------------------------------------------------------------------------------
def _candidates(draft: _Draft, visit: PlannedVisit) -> list[PlannedVisit]:
    """Places in which the visit by itself fits, nearest first: several on its day, two on each other day."""
    zone = draft.site.time_zone
    reach = _reach(draft, visit)
    wanted, free = _wanted(draft, visit), _around(draft, visit, reach)
    own, likeness = windows.local_day(zone=zone, instant=visit.start), _likeness(visit, zone)
    found: list[PlannedVisit] = []
    starts = _starts(reach, draft.site.grid_minutes, visit.start)
    for day, moments in groupby(starts, lambda at: windows.local_day(zone=zone, instant=at)):
        found += _of_day(visit, wanted, free, sorted(moments, key=likeness), own == day)

    def distance(one: PlannedVisit) -> tuple[int, timedelta, datetime]:
        days = abs((windows.local_day(zone=zone, instant=one.start) - own).days)
        return days, abs(one.start - visit.start), one.start

    found.sort(key=distance)
    mine = [one for one in found if windows.local_day(zone=zone, instant=one.start) == own]
    more = mine[SAME_DAY:]
    return [*(one for one in found if one not in more), *more]


def _of_day(
    visit: PlannedVisit, wanted: Wanted, free: Availability, moments: Sequence[datetime], own: bool
) -> list[PlannedVisit]:
    """A few places of one day: the likest to where it stands, each in another hour."""
    found: list[PlannedVisit] = []
    for moment in moments:
        if len(found) == (MORE if own else OTHER_DAY):
            break
        if any(abs(one.start - moment) < timedelta(hours=1 if own else 3) for one in found):
            continue
        if fit := nearest.offered(wanted=wanted, free=free, start=moment):
            found.append(_at(visit, fit))
    return found


def _likeness(visit: PlannedVisit, zone: str) -> Callable[[datetime], tuple[int, datetime]]:
    """How far a start is from the wall-clock time at which the visit stands, in minutes."""
    tz = windows.load_zone(zone)
    stands = visit.start.astimezone(tz)

    def likeness(moment: datetime) -> tuple[int, datetime]:
        local = moment.astimezone(tz)
        return abs((local.hour - stands.hour) * 60 + local.minute - stands.minute), moment

    return likeness


def _reach(draft: _Draft, visit: PlannedVisit) -> Span:
    """Where to look: a follow-up in its window, a preparation in its hours, anything else a week around."""
    since = draft.request.not_before
    if visit.window is not None:
        return Span(max(since, visit.window.opens_at), visit.window.closes_at)
    if visit.kind in states.DOSES and visit.ref == _first_dose(draft):
        zone, first = draft.site.time_zone, draft.request.start_on_or_after
        since = max(since, windows.day_start(zone=zone, day=first))
    return Span(max(since, visit.start - REACH), visit.start + REACH)


def _first_dose(draft: _Draft) -> str:
    doses = [one for one in draft.visits if one.kind in states.DOSES]
    return min(doses, key=lambda one: one.start).ref if doses else ""


def _starts(reach: Span, grid_minutes: int, but: datetime) -> Iterator[datetime]:
    step = timedelta(minutes=grid_minutes)
    # The grid begins at a whole hour, and every grid divides an hour.
    moment = reach.start.replace(minute=0, second=0, microsecond=0)
    while moment <= reach.end:
        if moment >= reach.start and moment != but:
            yield moment
        moment += step


def _placed(draft: _Draft, visit: PlannedVisit, start: datetime) -> PlannedVisit | Refusal:
    span = Span(start - timedelta(days=1), start + timedelta(days=1))
    return _fitted(visit, _wanted(draft, visit), _around(draft, visit, span), start)


def _fitted(
    visit: PlannedVisit, wanted: Wanted, free: Availability, start: datetime
) -> PlannedVisit | Refusal:
    fit = nearest.fit(wanted=wanted, free=free, start=start)
    return _at(visit, fit) if isinstance(fit, Fit) else fit


def _at(visit: PlannedVisit, fit: Fit) -> PlannedVisit:
    end = fit.start + (visit.end - visit.start)
    return replace(visit, start=fit.start, end=end, staffing=fit.staffing, room=fit.room, window=None)


def _wanted(draft: _Draft, visit: PlannedVisit) -> Wanted:
    doses = sorted(one.start for one in draft.visits if one.kind in states.DOSES)
    return Wanted(
        practice_id=draft.actor.practice_id,
        site_id=draft.site.pk,
        patient_id=UUID(draft.order.patient),
        kind=visit.kind,
        start=visit.start,
        length=visit.end - visit.start,
        grid_minutes=draft.site.grid_minutes,
        mode=visit.mode,
        protocol=draft.protocol,
        ordinal=doses.index(visit.start) + 1 if visit.kind in states.DOSES else 1,
        familiar=tuple(one.practitioner for one in visit.staffing),
    )


def _around(draft: _Draft, visit: PlannedVisit, reach: Span) -> Availability:
    """The calendar near a visit, in which the patient is at the other visits of the proposal; those that
    follow a dose go where it goes."""
    near = Span(reach.start - timedelta(days=1), reach.end + timedelta(days=1))
    others = tuple(
        Span(one.start, one.end)
        for one in draft.visits
        if one.ref != visit.ref and one.follows != visit.ref and _meets(Span(one.start, one.end), near)
    )
    return replace(
        draft.free,
        practitioners=tuple(
            replace(one, on_shift=tuple(span for span in one.on_shift if _meets(span, near)))
            for one in draft.free.practitioners
        ),
        rooms=tuple(
            replace(one, open=tuple(span for span in one.open if _meets(span, near)))
            for one in draft.free.rooms
        ),
        patient_busy=(*(span for span in draft.free.patient_busy if _meets(span, near)), *others),
    )


def _meets(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _clash(visit: PlannedVisit, start: datetime, message: str) -> dict[str, str]:
    end = start + (visit.end - visit.start)
    return {
        "visit": visit.ref,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "message": message,
    }
