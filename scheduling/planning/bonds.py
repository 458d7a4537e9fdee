"""What each visit of a standing course is bound to: which dose it is, whose follow-up, in which gap it lies.

A visit that is bound to nothing (therapy, a follow-up outside its window, a review in the wrong gap) is
loose: it stays where it is unless something must have its time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from scheduling.planning import grid as grids
from scheduling.planning import judging, rules, units, windows
from scheduling.planning import steps as dosing
from scheduling.planning.owing import week
from scheduling.planning.protocol import Coverage
from scheduling.planning.standing import RepairRequest, Standing
from scheduling.planning.steps import DoseStep
from scheduling.planning.units import TimedDose, Unit
from scheduling.planning.values import PlannedVisit, PlanRequest

FOLLOW_UPS = ("integration", "group_integration")
REVIEWS = ("plan_review", "medication_review")


@dataclass(frozen=True, slots=True)
class Piece:
    """A visit to place; `old` is where it stands, None for a new one. `at` is where it must be, or None."""

    kind: str
    old: PlannedVisit | None = None
    at: PlannedVisit | None = None
    told: bool = False


@dataclass(slots=True)
class Bonds:
    """A course read: the request with its given doses, what is over, and the pieces by what they belong to.

    `doses` go with `steps`. `follow_ups` are by unit: the ordinal of its last dose, or the week. `reviews`
    are by the index of the dose before them, -1 for the last given one.
    """

    request: PlanRequest
    past: list[PlannedVisit]
    steps: tuple[DoseStep, ...] = ()
    doses: list[Piece] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    follow_ups: dict[int, list[Piece]] = field(default_factory=dict)
    attended: dict[int, int] = field(default_factory=dict)
    reviews: dict[int, list[Piece]] = field(default_factory=dict)
    preparations: list[Piece] = field(default_factory=list)
    loose: list[Piece] = field(default_factory=list)
    gone: list[Piece] = field(default_factory=list)

    @property
    def given(self) -> list[PlannedVisit]:
        """The doses that are over, by start."""
        return [visit for visit in self.past if visit.kind in judging.DOSES]

    def ends_unit(self, index: int) -> bool:
        """Whether a unit fixed by sequence ends with this dose."""
        rule = self.request.protocol.follow_up
        if rule is None or rule.coverage is not Coverage.EACH_N or index + 1 == len(self.steps):
            return True
        mine, after = self.steps[index], self.steps[index + 1]
        return (mine.phase_index, (mine.sequence - 1) // rule.n) != (
            after.phase_index,
            (after.sequence - 1) // rule.n,
        )

    def fixed(self) -> Iterator[PlannedVisit]:
        """Every visit that is where it must be."""
        pieces = [*self.doses, *self.preparations, *self.loose]
        pieces += [piece for unit in self.follow_ups.values() for piece in unit]
        pieces += [piece for gap in self.reviews.values() for piece in gap]
        yield from (piece.at for piece in pieces if piece.at is not None)


class Reader:
    """Reads one request."""

    def __init__(self, asked: RepairRequest) -> None:
        self.asked, self.replan = asked, asked.replan
        over = judging.fixed(asked)
        placed = {visit.ref: visit for visit in asked.placed}
        standing = sorted(asked.standing, key=lambda one: (one.visit.start, one.visit.ref))
        past = [one.visit for one in standing if one.visit.ref in over]
        given = tuple(judging.given_dose(asked.plan, one) for one in past if one.kind in judging.DOSES)
        self.bonds = Bonds(replace(asked.plan, given=given), past)
        self.live = [_piece(one, placed) for one in standing if one.visit.ref not in over]
        self.rule = asked.plan.protocol.follow_up
        self.index: dict[str, int] = {}

    def read(self) -> Bonds:
        """The bonds of the course as it stands."""
        self._doses([piece for piece in self.live if piece.kind in judging.DOSES])
        self._units()
        others = [piece for piece in self.live if piece.kind not in judging.DOSES]
        self._follow_ups([piece for piece in others if piece.kind in FOLLOW_UPS])
        for piece in others:
            if piece.kind in REVIEWS:
                self._review(piece)
            elif piece.kind == "preparation":
                self._preparation(piece)
            elif piece.kind not in FOLLOW_UPS:
                self.bonds.loose.append(piece)
        if self.replan:
            self._missing()
        return self.bonds

    # Doses

    def _doses(self, live: list[Piece]) -> None:
        steps = self._wanted(live) if self.replan else self._as_they_stand(live)
        self.bonds.steps = tuple(step for step, _ in steps)
        self.bonds.doses = [piece for _, piece in steps]
        for index, piece in enumerate(self.bonds.doses):
            if piece.old is not None:
                self.index[piece.old.ref] = index

    def _as_they_stand(self, live: list[Piece]) -> list[tuple[DoseStep, Piece]]:
        request, found = self.bonds.request, []
        names = [phase.name for phase in request.protocol.phases]
        for ordinal, piece in enumerate(live, start=len(request.given) + 1):
            assert piece.old is not None
            phase = names.index(piece.old.phase) if piece.old.phase in names else 0
            total = request.protocol.phases[phase].sessions or 0
            step = dosing.step_for(request, ordinal, phase, piece.old.sequence, total)
            found.append((replace(step, minutes=minutes_of(piece) or step.minutes), piece))
        return found

    def _wanted(self, live: list[Piece]) -> list[tuple[DoseStep, Piece]]:
        """The protocol's doses, each with the next standing one of its phase."""
        request = self.bonds.request
        names = [phase.name for phase in request.protocol.phases]
        known = [piece.old.phase for piece in live if piece.old is not None and piece.old.phase in names]
        if request.through_phase is not None:
            known.append(request.through_phase)
        steps = dosing.dose_steps(request)
        if known:
            through = max(known, key=lambda name: names.index(str(name)))
            wider = dosing.dose_steps(replace(request, through_phase=through))
            steps = max(steps, wider, key=len)
        left = {name: [piece for piece in live if piece.old and piece.old.phase == name] for name in names}
        found = []
        for step in steps:
            mine = left[step.phase.name]
            piece = mine.pop(0) if mine else Piece(request.protocol.dose_kind)
            found.append((replace(step, minutes=minutes_of(piece) or step.minutes), piece))
        kept = [piece for _, piece in found]
        self.bonds.gone += [piece for piece in live if piece not in kept]
        return found

    # Follow-ups

    def _units(self) -> None:
        """The units of the course as it stands."""
        request, visits = self.bonds.request, [*self.bonds.given]
        visits += [piece.old for piece in self.live if piece.old and piece.kind in judging.DOSES]
        doses = [
            TimedDose(number, visit.phase or "", visit.sequence, False, visit.start, visit.end)
            for number, visit in enumerate(visits, start=1)
        ]
        self.refs = {visit.ref: number for number, visit in enumerate(visits, start=1)}
        self.dose_refs = [visit.ref for visit in visits]
        self.bonds.units = units.units_of(request, doses)

    def _follow_ups(self, live: list[Piece]) -> None:
        latest = None
        for unit in self.bonds.units:
            key = self._key(unit)
            mine = [piece for piece in live if self._belongs(unit, piece)]
            live = [piece for piece in live if piece not in mine]
            if key is None:
                self.bonds.gone += mine
                continue
            kept = self.bonds.follow_ups.setdefault(key, [])
            for piece in mine:
                assert piece.old is not None
                if self.replan or latest is None or latest <= piece.old.start:
                    kept.append(piece)
                    latest = piece.old.end
                else:
                    self.bonds.loose.append(piece)
            held = [one for one in self.bonds.past if one.kind in FOLLOW_UPS and self._follows(unit, one)]
            self.bonds.attended[key] = len(held)
        self.bonds.loose += live

    def _follows(self, unit: Unit, visit: PlannedVisit) -> bool:
        if visit.follows is not None:
            return self.refs.get(visit.follows) in [dose.ordinal for dose in unit.doses]
        window = units.window_of(self.bonds.request, unit)
        return window.opens_at <= visit.start <= window.closes_at

    def _belongs(self, unit: Unit, piece: Piece) -> bool:
        """Whether a follow-up counts for a unit as the course stands."""
        visit, rule = piece.old, self.rule
        assert visit is not None and rule is not None
        if not self._follows(unit, visit):
            return False
        window = units.window_of(self.bonds.request, unit)
        inside = window.opens_at <= visit.start <= window.closes_at
        if rule.is_before:
            inside = inside and visit.end <= unit.doses[-1].start
        elif rule.before_next_dosing and unit.next_start is not None:
            inside = inside and visit.end <= unit.next_start
        # A replan brings a follow-up into its window; otherwise one that was accepted outside stays there.
        return inside or self.replan

    def _key(self, unit: Unit) -> int | None:
        """What the search calls a unit; None where its dose is no longer needed."""
        assert self.rule is not None
        if self.rule.coverage is Coverage.WEEKLY:
            day = windows.local_day(zone=self.bonds.request.zone, instant=unit.doses[0].start)
            return week(day.toordinal())
        last = unit.doses[-1].ordinal
        given = len(self.bonds.request.given)
        if last <= given:
            return last
        index = self.index.get(self.dose_refs[last - 1])
        if index is None:
            return None
        while not self.bonds.ends_unit(index):
            index += 1
        return given + index + 1

    # What else lies between the doses

    def _review(self, piece: Piece) -> None:
        assert piece.old is not None
        found = self._gap_of(piece.old)
        if found is None:
            self.bonds.loose.append(piece)
        else:
            self.bonds.reviews.setdefault(found, []).append(piece)

    def _gap_of(self, visit: PlannedVisit) -> int | None:
        """The index of the dose that a review follows; None for one that is loose."""
        request, review = self.bonds.request, self.bonds.request.protocol.medication_review
        timed = review is not None and review.every_days is not None
        if visit.kind == "medication_review" and timed and visit.follows is None:
            return None
        live = [piece.old for piece in self.live if piece.old and piece.kind in judging.DOSES]
        before = [one for one in (*self.bonds.given, *live) if one.start <= visit.start]
        if self.replan and visit.follows in self.refs:
            before = [one for one in (*self.bonds.given, *live) if one.ref == visit.follows]
        dose = max(before, key=lambda one: one.start, default=None)
        if dose is None or (visit.follows is not None and visit.follows != dose.ref):
            return None
        index = -1 if dose in self.bonds.given else self.index.get(dose.ref)
        late = visit.start < rules.review_opens(request, dose.start, dose.end)
        if index is not None and 0 <= index == len(self.bonds.steps) - 1:
            days = dosing.review_limit_days(request, self.bonds.steps[index])
            last = windows.local_day(zone=request.zone, instant=dose.start) + timedelta(days=days)
            late = late or windows.local_day(zone=request.zone, instant=visit.start) > last
        return None if late and not self.replan else index

    def _preparation(self, piece: Piece) -> None:
        preparation, visit = self.bonds.request.protocol.preparation, piece.old
        first = self.bonds.doses[0].old if self.bonds.doses else None
        bound = preparation is not None and not self.bonds.request.given and bool(self.bonds.doses)
        if bound and not self.replan and preparation is not None and first is not None and visit is not None:
            # Outside its hours it was accepted, and stays.
            least, most = preparation.before_hours
            ahead = first.start - visit.start
            bound = timedelta(hours=least) <= ahead <= timedelta(hours=most) and visit.end <= first.start
        (self.bonds.preparations if bound else self.bonds.loose).append(piece)

    # What a replan adds

    def _missing(self) -> None:
        bonds, protocol = self.bonds, self.bonds.request.protocol
        given = len(bonds.request.given)
        if self.rule is not None and self.rule.coverage not in (Coverage.SERIES, Coverage.NONE):
            kind = FOLLOW_UPS[self.rule.coverage is Coverage.GROUP]
            open_units = [unit for unit in bonds.units if self._is_open(unit)]
            keys = [self._key(unit) for unit in open_units]
            if self.rule.coverage is not Coverage.WEEKLY:
                keys += [given + n + 1 for n in range(len(bonds.steps)) if bonds.ends_unit(n)]
            for key in dict.fromkeys(keys):
                if key is not None:
                    mine = bonds.follow_ups.setdefault(key, [])
                    lacking = self.rule.visits_per_unit - len(mine) - bonds.attended.get(key, 0)
                    mine += [Piece(kind)] * lacking
        for index, step in enumerate(bonds.steps):
            self._missing_reviews(index, step)
        if protocol.preparation is not None and not given and bonds.steps:
            held = sum(1 for visit in bonds.past if visit.kind == "preparation")
            lacking = protocol.preparation.count - len(bonds.preparations) - held
            bonds.preparations += [Piece("preparation")] * lacking

    def _is_open(self, unit: Unit) -> bool:
        return units.window_of(self.bonds.request, unit).closes_at >= self.bonds.request.not_before

    def _missing_reviews(self, index: int, step: DoseStep) -> None:
        request = self.bonds.request
        due = {
            "plan_review": dosing.needs_plan_review(request, step),
            "medication_review": dosing.needs_medication_review(request, step),
        }
        mine = self.bonds.reviews.setdefault(index, [])
        there = {piece.kind for piece in mine}
        mine += [Piece(kind) for kind, wanted in due.items() if wanted and kind not in there]


def _piece(one: Standing, placed: Mapping[str, PlannedVisit]) -> Piece:
    at = placed.get(one.visit.ref, one.visit if one.pinned else None)
    return Piece(one.visit.kind, one.visit, at, one.told)


def minutes_of(piece: Piece) -> int | None:
    """How long a visit is that a person or the course already has; None for a new one."""
    visit = piece.at or piece.old
    if visit is None:
        return None
    return grids.minute_after(visit.end) - grids.minute_of(visit.start)
