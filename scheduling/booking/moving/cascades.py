"""What follows when a person puts visits of a course elsewhere: which others move, what stays, what breaks.

The planner decides (`planning.repair`); here its question is put and its answer read.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduling.booking.guard import rulebook
from scheduling.booking.moving import fitting, notices, relocations
from scheduling.booking.moving.additions import Addition
from scheduling.booking.moving.fitting import Found, Taking
from scheduling.booking.moving.relocations import Place, Relocation
from scheduling.booking.moving.standing import StandingCourse
from scheduling.booking.wanted import given
from scheduling.models import Appointment
from scheduling.planning import repair
from scheduling.planning.repair import Repair, RepairRequest, Standing
from scheduling.planning.values import Availability, PlannedVisit, UnmetRule, Violation

# What a place says of itself (`fitting.place`) is not asked again: of a visit that a person put there it was
# asked with more leave, and of another site's people and rooms the course's calendar knows nothing.
OCCUPIED = frozenset(
    {
        "staff",
        "staff_shift",
        "staff_busy",
        "staff_missing",
        "room_missing",
        "room_kind",
        "room_closed",
        "room_busy",
        "patient_busy",
        "group_session",
        "group_full",
    }
)


# What the planner plans dose by dose; a therapy series keeps its own rhythm.
CHAIN = frozenset({"dosing", "device", "preparation", "integration", "plan_review", "medication_review"})


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person wants of one course.

    `placed` are visits put exactly there, `broken` what these break by themselves, `lost` those of them that
    have no place now. `pins` must stay, besides those that are pinned already.
    """

    placed: Mapping[UUID, Place]
    broken: tuple[dict[str, Any], ...] = ()
    lost: Mapping[UUID, Appointment] | None = None
    pins: frozenset[UUID] = frozenset()
    cascade: bool = True
    # What is missing is planned too; `anew` plans all that is not fixed or pinned as if it were missing.
    replan: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit to come that stays where it is: `fits`, or it is `pinned` or `fixed`."""

    visit: Appointment
    why: str


@dataclass(frozen=True, slots=True)
class Cascade:
    """Every visit that goes elsewhere, what stays, the rules newly broken, and why nothing else could be
    moved to keep them."""

    relocations: tuple[Relocation, ...]
    stays: tuple[Stay, ...]
    violations: tuple[dict[str, Any], ...]
    unmet: tuple[UnmetRule, ...] = ()
    patients: Mapping[UUID, UUID] = field(default_factory=dict)
    added: tuple[Addition, ...] = ()
    ended: tuple[UUID, ...] = ()

    def joined(self, other: "Cascade") -> "Cascade":
        """Both as one."""
        return Cascade(
            (*self.relocations, *other.relocations),
            (*self.stays, *other.stays),
            (*self.violations, *other.violations),
            (*self.unmet, *other.unmet),
            {**self.patients, **other.patients},
            (*self.added, *other.added),
            (*self.ended, *other.ended),
        )


def of_course(*, standing: StandingCourse, ask: Ask, free: Availability) -> Cascade:
    """The whole cascade of one course; reads the messages that are still to go, and writes nothing.

    `free` is the calendar of the course's site in which the course itself takes nothing.
    """
    told = notices.told_starts(visits=standing.visits.values())
    now = standing.standings(pins=ask.pins, told=told)
    lost = {
        key: Standing(relocations.place_of(visit=visit).planned, told=False)
        for key, visit in (ask.lost or {}).items()
    }
    loose = _loose(standing, now) if ask.anew else {}
    answer = _repair(
        standing, ask, {key: one for key, one in {**now, **lost}.items() if key not in loose}, free
    )
    after = {key: place.planned for key, place in ask.placed.items()}
    added: tuple[Addition, ...] = ()
    ended: tuple[UUID, ...] = ()
    if isinstance(answer, Repair):
        after |= _changes(answer, ask)
        added = tuple(
            Addition(standing.course.pk, one.after)
            for one in answer.changes
            if one.before is None and one.after is not None
        )
        ended = tuple(UUID(one.ref) for one in answer.changes if one.after is None)
        if loose:
            taken_up, added, no_longer = _taken_up(loose, added)
            after, ended = after | taken_up, (*ended, *no_longer)
    rows = {**standing.visits, **(ask.lost or {})}
    moved = _relocations(standing, ask, rows, after)
    return Cascade(
        relocations=moved,
        stays=_stays(standing, now, {one.visit_id for one in moved} | set(ended)),
        violations=(
            *ask.broken,
            *_broken(
                standing,
                ask,
                rows,
                (
                    *(one for key, one in _arranged(now, after, lost).items() if key not in ended),
                    *(Standing(one.planned, told=False) for one in added),
                ),
                _names(_judged(standing, now.values(), free)),
                free,
            ),
        ),
        unmet=() if isinstance(answer, Repair) else answer,
        patients=dict.fromkeys(rows, standing.course.patient_id),
        added=added,
        ended=ended,
    )


def without(
    *, standing: StandingCourse, ended: Collection[UUID], now: datetime
) -> tuple[dict[str, Any], ...]:
    """The rules that the others would break when these visits do not take place, and nothing else changes."""
    free = standing.calendar(places=(), now=now)
    here = standing.standings(pins=frozenset(), told={})
    left = [one for key, one in here.items() if key not in ended]
    had = _names(_judged(standing, here.values(), free))
    return tuple(_broken(standing, Ask(placed={}), standing.visits, left, had, free))


class Judge:
    """Asks of many places for one visit whether all rules that are kept now are kept there, nothing else
    moving. `free` is the calendar in which the course takes nothing."""

    def __init__(self, *, standing: StandingCourse, visit_id: UUID, free: Availability) -> None:
        self._standing, self._visit_id, self._free = standing, visit_id, free
        self._now = standing.standings(pins=frozenset(), told={})
        self._had = _names(_judged(standing, self._now.values(), free))

    def keeps(self, place: Place) -> bool:
        """Whether nothing new is broken."""
        ask = Ask(placed={self._visit_id: place}, cascade=False)
        after = _arranged(self._now, {self._visit_id: place.planned}, {}).values()
        rows = self._standing.visits
        broken = _broken(self._standing, ask, rows, after, self._had, self._free)
        return not any(one["severity"] == rulebook.ERROR for one in broken)


def of_visits(
    *,
    found: Mapping[UUID, Found],
    visits: Mapping[UUID, Appointment],
    courses: Mapping[UUID, StandingCourse],
    pins: frozenset[UUID],
    cascade: bool,
    now: datetime,
) -> Cascade:
    """The cascades of all courses in which a person puts visits elsewhere, each knowing what the ones before
    it take; and visits of no course, which nothing follows."""
    whole = Cascade((), (), ())
    for key, visit in visits.items():
        if visit.course_id is None:
            whole = whole.joined(_alone(visit, found[key]))
    for course_id, course in courses.items():
        mine = {key: visit for key, visit in visits.items() if visit.course_id == course_id}
        ask = Ask(
            placed={key: found[key].place for key in mine},
            broken=tuple(one for key in mine for one in found[key].broken),
            lost={key: visit for key, visit in mine.items() if key not in course.visits},
            pins=pins,
            cascade=cascade,
        )
        others = [Taking(visits[key].patient_id, one.place) for key, one in found.items() if key not in mine]
        others += [
            Taking(whole.patients[one.visit_id], one.after)
            for one in whole.relocations
            if one.visit_id not in found
        ]
        free = fitting.overlaid(
            free=course.calendar(places=ask.placed.values(), now=now, ignoring=visits),
            site_id=course.course.site_id,
            patient_id=course.course.patient_id,
            taken=others,
        )
        whole = whole.joined(of_course(standing=course, ask=ask, free=free))
    return whole


def _alone(visit: Appointment, found: Found) -> Cascade:
    before = relocations.place_of(visit=visit)
    same = visit.status != "displaced" and before.taken() == found.place.taken()
    moved = () if same else (Relocation(visit.pk, visit.version, before, found.place),)
    return Cascade(moved, (), found.broken, patients={visit.pk: visit.patient_id})


def violation(one: Violation, rows: Mapping[UUID, Appointment]) -> dict[str, Any]:
    """A broken rule as the surface shows it, the visit by its own name, with who may override it."""
    visit = next((row for key, row in rows.items() if str(key) == one.visit), None)
    name = (visit.ref or visit.kind) if visit else one.visit
    about = {"visit": name, "appointment": one.visit if visit else None}
    return rulebook.told(given.violation_as_dict(one) | about)


def _repair(
    standing: StandingCourse, ask: Ask, standings: Mapping[UUID, Standing], free: Availability
) -> Repair | tuple[UnmetRule, ...]:
    """The planner's answer; what goes to another site is to it as if it had happened there."""
    if not ask.cascade:
        return ()
    here = standing.course.site_id
    asked = {key: place for key, place in ask.placed.items() if place.site_id == here}
    known = dict(standings)
    for key, place in ask.placed.items():
        known[key] = replace(known[key], pinned=False)
        if key not in asked:
            known[key] = Standing(place.planned, given=True)
    request = RepairRequest(
        plan=standing.plan,
        standing=tuple(known.values()),
        placed=tuple(place.planned for place in asked.values()),
        replan=ask.replan,
    )
    answer = repair.repair(request=request, availability=free)
    return answer if isinstance(answer, Repair) else answer.rules


def _loose(standing: StandingCourse, standings: Mapping[UUID, Standing]) -> dict[UUID, Appointment]:
    """The visits of the chain that nothing holds where they are, by start."""
    return {
        key: visit
        for key, visit in standing.visits.items()
        if visit.kind in CHAIN and not (standings[key].given or standings[key].pinned)
    }


def _taken_up(
    loose: Mapping[UUID, Appointment], added: Sequence[Addition]
) -> tuple[dict[UUID, PlannedVisit], tuple[Addition, ...], tuple[UUID, ...]]:
    """Planned visits as visits that exist, in the order of time within kind and phase: one that moves stays
    who it is. Then what is really new, and what is needed no longer."""
    pool: dict[tuple[str, str | None], list[UUID]] = defaultdict(list)
    for key, visit in loose.items():
        pool[visit.kind, visit.phase.name if visit.phase else None].append(key)
    found: dict[str, UUID] = {}
    for one in sorted(added, key=lambda one: one.planned.start):
        mine = pool[one.planned.kind, one.planned.phase]
        if mine:
            found[one.planned.ref] = mine.pop(0)
    names = {ref: str(key) for ref, key in found.items()}

    def renamed(planned: PlannedVisit) -> PlannedVisit:
        follows = names.get(planned.follows or "", planned.follows)
        return replace(planned, ref=names.get(planned.ref, planned.ref), follows=follows)

    moved = {found[one.planned.ref]: renamed(one.planned) for one in added if one.planned.ref in found}
    fresh = tuple(replace(one, planned=renamed(one.planned)) for one in added if one.planned.ref not in found)
    return moved, fresh, tuple(key for keys in pool.values() for key in keys)


def _changes(answer: Repair, ask: Ask) -> dict[UUID, PlannedVisit]:
    return {
        UUID(one.ref): one.after
        for one in answer.changes
        if one.before is not None and one.after is not None and UUID(one.ref) not in ask.placed
    }


def _relocations(
    standing: StandingCourse,
    ask: Ask,
    rows: Mapping[UUID, Appointment],
    after: Mapping[UUID, PlannedVisit],
) -> tuple[Relocation, ...]:
    found = []
    for key, planned in after.items():
        before = relocations.place_of(visit=rows[key])
        place = ask.placed.get(key) or Place(standing.course.site_id, replace(planned, window=None))
        if rows[key].status == "displaced" or before.taken() != place.taken():
            found.append(Relocation(key, rows[key].version, before, place))
    return tuple(sorted(found, key=lambda one: (one.after.planned.start, str(one.visit_id))))


def _stays(
    standing: StandingCourse, standings: Mapping[UUID, Standing], moved: set[UUID]
) -> tuple[Stay, ...]:
    def why(key: UUID) -> str:
        return "fixed" if standings[key].given else "pinned" if standings[key].pinned else "fits"

    return tuple(
        Stay(visit, why(key))
        for key, visit in standing.visits.items()
        if key not in moved and visit.end > standing.plan.not_before
    )


def _arranged(
    standings: Mapping[UUID, Standing], after: Mapping[UUID, PlannedVisit], lost: Mapping[UUID, Standing]
) -> dict[UUID, Standing]:
    return {
        key: replace(one, visit=after[key], given=False) if key in after else one
        for key, one in {**standings, **lost}.items()
    }


def _broken(
    standing: StandingCourse,
    ask: Ask,
    rows: Mapping[UUID, Appointment],
    after: Iterable[Standing],
    had: Collection[tuple[str, str | None]],
    free: Availability,
) -> Iterable[dict[str, Any]]:
    """The rules that are broken afterwards and were not before: `had` are those, by visit."""
    away = {str(key) for key, visit in rows.items() if visit.site_id != standing.course.site_id}
    silent = away | {str(key) for key in ask.placed}
    for one in _judged(standing, after, free):
        known = (one.rule_id, one.visit) in had or (one.rule_id in OCCUPIED and one.visit in silent)
        if not known:
            yield violation(one, rows)


def _names(found: Iterable[Violation]) -> set[tuple[str, str | None]]:
    return {(one.rule_id, one.visit) for one in found}


def _judged(
    standing: StandingCourse, standings: Iterable[Standing], free: Availability
) -> tuple[Violation, ...]:
    request = RepairRequest(plan=standing.plan, standing=tuple(standings))
    return repair.judge(request=request, availability=free)
