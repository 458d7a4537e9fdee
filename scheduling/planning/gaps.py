"""The visits between two doses: the cheapest way to fit follow-ups and reviews into one stretch of the
calendar."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scheduling.planning.grid import Grid
from scheduling.planning.menus import Classes, GroupOption

INF = 1 << 160
"""More than any plan or repair costs, and more minutes than any calendar has."""

NEVER = INF // 2
"""A cost from here on is no plan: some sums have INF in them and a little more or less."""

Found = tuple[int, int, int]
"""(cost, start, end) of a visit."""


class Opening(NamedTuple):
    """Minutes in which a visit may start, the band in which that costs nothing, and when it must be over."""

    first: int
    last: int
    band_from: int = -INF
    band_to: int = INF
    until: int = INF


@dataclass(frozen=True, slots=True)
class Offsets:
    """A follow-up window in minutes from its anchor."""

    least: int
    band_from: int
    band_to: int
    most: int


class Offer:
    """One person's possible starts for one kind of visit, by cost."""

    __slots__ = ("_all", "classes", "grid", "length", "weight")

    def __init__(self, grid: Grid, classes: Classes, length: int, weight: int) -> None:
        self.grid = grid
        self.classes = classes
        self.length = length
        self.weight = weight
        self._all = 0
        for _, bits in classes:
            self._all |= bits

    def free_of_charge(self) -> "Offer":
        """The same starts where none costs anything."""
        return Offer(self.grid, [(0, self._all)], self.length, 0)

    def soonest(self, opening: Opening) -> int | None:
        """The soonest end of a visit that starts in the opening, whatever it costs."""
        at = self.grid.at
        low = bisect_left(at, opening.first)
        bits = self._all >> low
        if not bits:
            return None
        start = at[low + (bits & -bits).bit_length() - 1]
        return start + self.length if start <= min(opening.last, opening.until - self.length) else None

    def best(self, opening: Opening) -> Found | None:
        """The cheapest start in the opening, the earliest of equals."""
        at = self.grid.at
        low = bisect_left(at, opening.first)
        high = bisect_right(at, min(opening.last, opening.until - self.length), low)
        if high <= low:
            return None
        inside, beyond = low, high
        if self.weight:
            inside = bisect_left(at, opening.band_from, low, high)
            beyond = bisect_right(at, opening.band_to, inside, high)
        cost, slot = INF, -1
        for base, bits in self.classes:
            if base > cost:
                break
            found, where = self._in_class(bits, (low, inside, beyond, high), opening)
            if found < INF and (base + found, where) < (cost, slot if slot >= 0 else INF):
                cost, slot = base + found, where
        return None if slot < 0 else (cost, at[slot], at[slot] + self.length)

    def _in_class(self, bits: int, edges: tuple[int, int, int, int], opening: Opening) -> tuple[int, int]:
        low, inside, beyond, high = edges
        at = self.grid.at
        if beyond > inside:
            banded = (bits >> inside) & ((1 << (beyond - inside)) - 1)
            if banded:
                return 0, inside + (banded & -banded).bit_length() - 1
        cost, slot = INF, -1
        if inside > low:
            early = (bits >> low) & ((1 << (inside - low)) - 1)
            if early:
                # The latest early start sets the hours; the earliest start with as many hours is the one to
                # take.
                hours = -((at[low + early.bit_length() - 1] - opening.band_from) // 60)
                since = max(low, bisect_left(at, opening.band_from - 60 * hours))
                rest = early >> (since - low)
                cost, slot = hours * self.weight, since + (rest & -rest).bit_length() - 1
        if beyond < high:
            late = (bits >> beyond) & ((1 << (high - beyond)) - 1)
            if late:
                where = beyond + (late & -late).bit_length() - 1
                hours = -((opening.band_to - at[where]) // 60)
                if hours * self.weight < cost:
                    cost, slot = hours * self.weight, where
        return cost, slot


class GroupOffer:
    """The group sessions that one person leads, as an offer; a session has its own times, off any grid."""

    __slots__ = ("options", "weight")

    def __init__(self, options: Sequence[GroupOption], weight: int) -> None:
        self.options = options
        self.weight = weight

    def free_of_charge(self) -> "GroupOffer":
        """The same sessions where none costs anything."""
        return GroupOffer([replace(one, cost=0) for one in self.options], 0)

    def soonest(self, opening: Opening) -> int | None:
        """The soonest end of a session that starts in the opening, whatever it costs."""
        ends = (one.end for one in self.options if opening.first <= one.start <= opening.last)
        return min((end for end in ends if end <= opening.until), default=None)

    def best(self, opening: Opening) -> Found | None:
        """The cheapest session that starts in the opening, the earliest of equals."""
        found: Found | None = None
        for option in self.options:
            if opening.first <= option.start <= opening.last and option.end <= opening.until:
                cost = option.cost + self.weight * hours_outside(option.start, opening)
                if found is None or cost < found[0]:
                    found = (cost, option.start, option.end)
        return found


def hours_outside(start: int, opening: Opening) -> int:
    """Started hours between a start and the band."""
    if start < opening.band_from:
        return -((start - opening.band_from) // 60)
    return -((opening.band_to - start) // 60) if start > opening.band_to else 0


AnyOffer = Offer | GroupOffer


@dataclass(frozen=True, slots=True)
class Task:
    """One visit to fit in: who offers it (index of the person, or -1 where continuity does not count) and
    when."""

    ref: str
    unit: int
    offers: tuple[tuple[int, AnyOffer], ...]
    opening: Opening


@dataclass(frozen=True, slots=True)
class Owed:
    """A unit's follow-ups that are not placed yet; `growing` while another dose may still join the unit."""

    unit: int
    lacking: int
    opening: Opening
    growing: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A task at its place."""

    ref: str
    person: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Filling:
    """One way to do all tasks of a gap: its cost, its end, first and last person (-1: none), and the
    places."""

    cost: int
    end: int
    first: int
    last: int
    day: int
    on_day: int
    places: tuple[Placed, ...]


class Filler:
    """Fits tasks into a gap. `change` is the cost of another person, `per_day` the visits of a unit on one
    local day."""

    def __init__(self, grid: Grid, *, change: int, per_day: int) -> None:
        self.grid = grid
        self.change = change
        self.per_day = per_day
        self._begins = sorted(grid.day_begins.values())
        self.placed = 0
        """How many visits were tried at a place: a measure of work that is the same on every machine."""

    def day_of(self, minute: int) -> int:
        """The index of a minute's local day among the grid's days."""
        return bisect_right(self._begins, minute) - 1

    def day_after(self, minute: int) -> int:
        """The minute at which the next local day begins."""
        return self._begins[min(self.day_of(minute) + 1, len(self._begins) - 1)]

    def fill(
        self,
        queue: Sequence[Task],
        others: Sequence[Task],
        *,
        since: int,
        deadline: int,
    ) -> list[Filling]:
        """The fillings of [since, deadline]: `queue` in its order, `others` in any order, none overlapping;
        the cheapest for each pair of first and last person."""
        start = Filling(0, since, -1, -1, -1, 0, ())
        layers: dict[tuple[int, int], list[Filling]] = {(0, 0): [start]}
        everything = (1 << len(others)) - 1
        for done in range(len(queue) + len(others)):
            last = done + 1 == len(queue) + len(others)
            layers = self._onward(layers, queue, others, -1, deadline, last=last)
        return layers.get((len(queue), everything), [])

    def prefixes(
        self,
        queue: Sequence[Task],
        others: Sequence[Task],
        *,
        since: int,
        held: tuple[int, int, int] = (-1, -1, 0),
    ) -> list[list[Filling]]:
        """For every number of tasks from the head of the queue, the undominated fillings with them and all
        `others`, those that end sooner and cost more too: their ends say which are over by a deadline.

        `held` is (unit, day, visits) of a unit that already has visits on the day the gap begins.
        """
        unit, day, on_day = held
        start = Filling(0, since, -1, -1, day, on_day if unit >= 0 else 0, ())
        layers: dict[tuple[int, int], list[Filling]] = {(0, 0): [start]}
        everything = (1 << len(others)) - 1
        found: list[list[Filling]] = [[] for _ in range(len(queue) + 1)]
        for done in range(len(queue) + len(others) + 1):
            if 0 <= done - len(others) <= len(queue):
                found[done - len(others)] = layers.get((done - len(others), everything), [])
            layers = self._onward(layers, queue, others, unit, INF, last=False)
        return found

    def _onward(
        self,
        layers: dict[tuple[int, int], list[Filling]],
        queue: Sequence[Task],
        others: Sequence[Task],
        unit: int,
        deadline: int,
        *,
        last: bool,
    ) -> dict[tuple[int, int], list[Filling]]:
        # One task more: the next of the queue, or any of the others.
        following: dict[tuple[int, int], list[Filling]] = {}
        for (index, mask), fillings in layers.items():
            for filling in fillings:
                if index < len(queue):
                    previous = queue[index - 1].unit if index else unit
                    key = (index + 1, mask)
                    self._extend(following, key, filling, queue[index], previous, deadline, last)
                for number, task in enumerate(others):
                    if not mask >> number & 1:
                        key = (index, mask | 1 << number)
                        self._extend(following, key, filling, task, -2, deadline, last)
        return {key: undominated(fillings, self.change) for key, fillings in following.items()}

    def _extend(
        self,
        following: dict[tuple[int, int], list[Filling]],
        key: tuple[int, int],
        filling: Filling,
        task: Task,
        previous: int,
        deadline: int,
        last: bool,
    ) -> None:
        first, same = max(task.opening.first, filling.end), previous == task.unit
        if same and filling.on_day >= self.per_day and filling.day >= 0:
            first = max(first, self._begins[min(filling.day + 1, len(self._begins) - 1)])
        reach = following.setdefault(key, [])
        for person, offer in task.offers:
            opening = task.opening._replace(first=first, until=deadline)
            for found in _steps(offer, opening, every=not last):
                reach.append(self._with(filling, task, person, found, same))
                self.placed += 1

    def _with(self, filling: Filling, task: Task, person: int, found: Found, same: bool) -> Filling:
        cost, start, end = found
        place = Placed(task.ref, person, start, end)
        if person < 0:
            return Filling(
                filling.cost + cost,
                end,
                filling.first,
                filling.last,
                filling.day,
                filling.on_day,
                (*filling.places, place),
            )
        change = self.change if filling.last not in (-1, person) else 0
        day = self.day_of(start)
        on_day = filling.on_day + 1 if same and day == filling.day else 1
        first = person if filling.first < 0 else filling.first
        return Filling(
            filling.cost + cost + change, end, first, person, day, on_day, (*filling.places, place)
        )


def _steps(offer: AnyOffer, opening: Opening, *, every: bool) -> list[Found]:
    # From the cheapest backwards: each earlier start that is kept costs more than the later ones.
    found: list[Found] = []
    while (best := offer.best(opening)) is not None:
        found.append(best)
        if not every:
            break
        opening = opening._replace(last=best[1] - 1)
    return found


def undominated(fillings: list[Filling], change: int) -> list[Filling]:
    """Fillings that no other beats in cost, end and visits on the last day; by people, then end.

    Another first or last person is made up for by the cost of a change, whoever comes before and after.
    """
    kept: list[Filling] = []
    fillings.sort(key=lambda one: (one.end, one.cost, one.first, one.last, one.day, one.on_day))
    for one in fillings:
        cost, first, last, day = one.cost, one.first, one.last, (one.day, one.on_day)
        for other in kept:
            if other.cost <= cost and (other.day, other.on_day) <= day:
                apart = (other.first != first) + (other.last != last)
                if not apart or other.cost + apart * change < cost:
                    break
        else:
            kept.append(one)
    kept.sort(key=lambda one: (one.first, one.last, one.end))
    return kept
