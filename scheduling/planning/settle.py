"""Loose visits after a repair: each stays where it is unless the chain has taken its time or its people are
gone."""

from collections.abc import Sequence

from scheduling.planning import grid as grids
from scheduling.planning import steps as dosing
from scheduling.planning import windows
from scheduling.planning.bonds import Piece
from scheduling.planning.gaps import INF, GroupOffer, Offer, Opening
from scheduling.planning.judging import DOSES
from scheduling.planning.mending import RepairProblem
from scheduling.planning.menus import GroupOption
from scheduling.planning.protocol import DEFAULT_MODES, Preparation, Review, Series
from scheduling.planning.rebuild import Kept, Rebuilder
from scheduling.planning.stays import Need, Stays
from scheduling.planning.values import PlannedVisit


class NoOtherPlace(Exception):
    """A loose visit must move and has nowhere to go."""

    def __init__(self, visit: PlannedVisit) -> None:
        super().__init__(visit.ref)
        self.visit = visit


class Settler:
    """Places the loose visits of one repair around its chain, by their starts."""

    def __init__(self, problem: RepairProblem, rebuilder: Rebuilder, chain: Sequence[Kept]) -> None:
        self.problem, self.rebuilder = problem, rebuilder
        self.stays = Stays(problem.calendar, (), replan=False)
        self.taken = [visit for _, visit in chain]
        doses = [*problem.bonds.given, *(visit for _, visit in chain if visit.kind in DOSES)]
        self.dosed = {self._day(visit) for visit in doses}
        self.first = min(self.dosed, default=None)

    def settle(self) -> list[Kept]:
        """Every loose visit where it stays or goes. Raises NoOtherPlace."""
        found: list[Kept] = []
        for piece in self.problem.bonds.loose:
            visit = piece.at or self._place(piece)
            self.taken.append(visit)
            found.append((piece, visit))
        return found

    def _day(self, visit: PlannedVisit) -> int:
        return windows.local_day(zone=self.problem.grid.zone, instant=visit.start).toordinal()

    def _place(self, piece: Piece) -> PlannedVisit:
        assert piece.old is not None
        if piece.old.group_session is not None:
            return self._session(piece, piece.old)
        need, free = self._need(piece, piece.old), self._free(piece, piece.old)
        offer = self.stays.offer(piece, need, 0, None)
        # A therapy visit keeps away from the days of doses where it can, unless it stands on one.
        for days in (self.dosed - {self._day(piece.old)} if piece.kind == "therapy" else set(), set()):
            bits = free & ~self._on(days)
            classes = [(cost, group & bits) for cost, group in offer.classes if group & bits] if offer else []
            if offer is not None and classes:
                rest = self.stays.standing(piece, Offer(offer.grid, classes, offer.length, 0))
                best = rest.best(Opening(0, INF))
                if best is not None:
                    return self.rebuilder.at(piece, need, best[1])
        raise NoOtherPlace(piece.old)

    def _need(self, piece: Piece, visit: PlannedVisit) -> Need:
        protocol = self.problem.request.protocol
        steps: list[Preparation | Review | Series | None] = [
            *(series for series in protocol.series if series.kind == piece.kind),
            protocol.medication_review if piece.kind == "medication_review" else None,
            protocol.plan_review if piece.kind == "plan_review" else None,
            protocol.preparation if piece.kind in ("preparation", "screening") else None,
        ]
        step = next((one for one in steps if one is not None), None)
        if step is not None:
            return self.stays.shape(piece, step)
        if piece.kind == "integration" and protocol.follow_up is not None:
            return self.stays.shape(piece, protocol.follow_up)
        role = visit.staffing[0].role if visit.staffing else "therapist"
        rooms = tuple(room.kind for room in self.problem.calendar.rooms if room.id == visit.room)
        minutes = grids.minute_after(visit.end) - grids.minute_of(visit.start)
        return Need(role, (visit.mode,) if visit.mode else DEFAULT_MODES, rooms, minutes)

    def _free(self, piece: Piece, visit: PlannedVisit) -> int:
        """The starts that nothing of the course has taken; of a review by time, those up to its day."""
        grid = self.problem.grid
        length = grids.minute_after(visit.end) - grids.minute_of(visit.start)
        bits = grid.everything
        for other in self.taken:
            begins, ends = grids.minute_of(other.start), grids.minute_after(other.end)
            bits &= ~grid.between(begins - length + 1, ends - 1)
        due = self._due(piece, visit)
        if due is not None:
            first = grid.day_begins.get(due - dosing.TIMED_REVIEW_DAYS, grid.at[0])
            bits &= grid.between(first, grid.day_begins.get(due + 1, INF) - 1)
        return bits

    def _due(self, piece: Piece, visit: PlannedVisit) -> int | None:
        """The last day of a medication review by time; it moves with the course's first dose."""
        review = self.problem.request.protocol.medication_review
        timed = review is not None and review.every_days is not None and visit.follows is None
        if piece.kind != "medication_review" or not timed or self.first is None or review is None:
            return None
        every = review.every_days or 1
        bonds = self.problem.bonds
        stood = [*bonds.given, *(one.old for one in bonds.doses if one.old is not None)]
        before = min((self._day(one) for one in stood), default=self.first)
        number = max(1, -(-(self._day(visit) - before) // every))
        inside = before + number * every - self._day(visit) <= dosing.TIMED_REVIEW_DAYS
        return self.first + number * every if inside else None

    def _on(self, days: set[int]) -> int:
        bits, grid = 0, self.problem.grid
        for day in days:
            if day in grid.day_begins and day + 1 in grid.day_begins:
                bits |= grid.between(grid.day_begins[day], grid.day_begins[day + 1] - 1)
        return bits

    def _session(self, piece: Piece, visit: PlannedVisit) -> PlannedVisit:
        if all(visit.end <= other.start or other.end <= visit.start for other in self.taken):
            return visit
        joined = {other.group_session for other in self.taken}
        free: list[GroupOption] = [
            one
            for one in self.stays.sessions(piece, self.problem.calendar.group_options(piece.kind))
            if one.session.id not in joined
            and all(
                one.session.span.end <= other.start or other.end <= one.session.span.start
                for other in self.taken
            )
        ]
        best = GroupOffer(free, 0).best(Opening(0, INF))
        if best is None:
            raise NoOtherPlace(visit)
        chosen = min((one for one in free if one.start == best[1]), key=lambda one: one.cost)
        return self.rebuilder.joined(piece, chosen.session)
