"""`python -m tests.bench.planner [--minutes 10] [--seed 1]`: the planner against CP-SAT, and its own times.

1. The clinic of `_clinic_weeks`: the planner's times on an empty and an 80 % busy calendar and where no plan
   exists, and CP-SAT on some of the same cases, one after the other in this process.
2. Random chain-class cases until the minutes are over: a difference fails and prints what reproduces it.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from random import Random

from scheduling.planning import course
from scheduling.planning.values import Availability, NoPlan
from tests.bench import _clinic_weeks
from tests.scheduling.planning.oracle import compare, cpsat_followups, instances

CASES = 60
AGAINST_CPSAT = 8
CPSAT_LIMIT = 60.0
SIZES = (instances.TINY, instances.SMALL, instances.TINY, instances.SMALL, instances.TINY, instances.MEDIUM)
GOALS = {"empty": 0.250, "80 % busy": 0.050, "no plan, 80 % busy": 0.050, "no plan, empty": 0.250}


@dataclass(slots=True)
class Times:
    """Seconds of one kind of case, by the clock and of this process's processor."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """One line of the table, in milliseconds."""
        goal = f"{GOALS[name] * 1000:.0f}" if name in GOALS else ""
        figures = [_share(self.wall, 0.5), _share(self.wall, 0.95), _share(self.processor, 0.95)]
        return (
            f"{name:<22}{len(self.wall):>6}" + "".join(f"{1000 * f:>12.1f}" for f in figures) + f"{goal:>12}"
        )


@dataclass(slots=True)
class Tally:
    """What the random cases came to."""

    cases: int = 0
    feasible: int = 0
    undecided: int = 0
    different: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    planner: list[float] = field(default_factory=list)


def main() -> int:
    """Print the figures; 1 when planner and CP-SAT differ anywhere."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to put random cases to both")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    print(f"machine: {platform.platform()}, {platform.processor() or platform.machine()}")
    versions = f"Python {platform.python_version()}, OR-Tools {version('ortools')}"
    print(f"versions: {versions}; seed {options.seed}; CP-SAT with one worker")
    answered = _time_clinic(options.seed)
    differences, alone, whole = _clinic_against_cpsat(options.seed)
    tally = _random_cases(options.seed, until=began + 60 * options.minutes)
    print(
        f"\nrandom cases: {tally.cases}, of them with a plan {tally.feasible}, undecided by CP-SAT in "
        f"{CPSAT_LIMIT:.0f} s {tally.undecided}, different {len(tally.different)}"
    )
    if tally.ratios:
        p50, p95 = (1000 * _share(tally.planner, share) for share in (0.5, 0.95))
        median = statistics.median(tally.ratios)
        print(f"CP-SAT's search / planner: median {median:.1f}; planner p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    for difference in differences + tally.different:
        print(difference)
    print(
        f"ratio: {whole:.1f} (CP-SAT / planner, request to answer, median; CP-SAT's search alone {alone:.1f})"
    )
    return 1 if differences or tally.different or not answered else 0


def _time_clinic(seed: int) -> bool:
    """The table of the planner's own times; False when a case that must have no plan has one."""
    print(f"\n{'milliseconds':<22}{'cases':>6}{'p50':>12}{'p95':>12}{'p95 cpu':>12}{'goal p95':>12}")
    kept = True
    for name, busy in (("empty", 0.0), ("80 % busy", 0.8)):
        found, none = Times(), Times()
        for calendar in _calendars(seed, busy, CASES):
            _time(calendar, found, none)
        away = Times()
        for calendar in _without_people(seed, busy):
            kept &= _time(calendar, away, none)
        none.wall += away.wall
        none.processor += away.processor
        print(found.row(name))
        print(none.row(f"no plan, {name}"))
    return kept


def _calendars(seed: int, busy: float, cases: int) -> Iterator[Availability]:
    for number in range(cases):
        yield _clinic_weeks.calendar(rng=Random(f"{seed}-{busy}-{number}"), busy=busy)


def _without_people(seed: int, busy: float) -> Iterator[Availability]:
    for number, calendar in enumerate(_calendars(seed, busy, CASES // 3)):
        role = ("therapist", "monitor", "prescriber")[number % 3]
        gone = calendar
        for week in range(1 + number % 2, _clinic_weeks.WEEKS, 2):
            gone = _clinic_weeks.without_a_week(availability=gone, role=role, week=week)
        yield gone


def _time(calendar: Availability, found: Times, none: Times) -> bool:
    """Time one answer; whether it was that there is no plan."""
    request = _clinic_weeks.request()
    wall, processor = time.perf_counter(), time.process_time()
    answer = course.plan_course(request=request, availability=calendar)
    kept = none if isinstance(answer, NoPlan) else found
    kept.wall.append(time.perf_counter() - wall)
    kept.processor.append(time.process_time() - processor)
    return kept is none


def _clinic_against_cpsat(seed: int) -> tuple[list[str], float, float]:
    """Differences, and CP-SAT's time over the planner's (its search alone, and with its model built)."""
    differences: list[str] = []
    ratios: dict[bool, list[float]] = {True: [], False: []}
    with_model: list[float] = []
    for busy in (0.0, 0.8):
        for number, calendar in enumerate(_calendars(seed, busy, AGAINST_CPSAT)):
            request = _clinic_weeks.request()
            began = time.process_time()
            answer = course.plan_course(request=request, availability=calendar)
            took = time.process_time() - began
            began = time.process_time()
            best = cpsat_followups.solve(request=request, availability=calendar, seconds=CPSAT_LIMIT)
            with_model.append((time.process_time() - began) / took)
            cost = None if isinstance(answer, NoPlan) else answer[0].cost
            if best.decided and best.cost != cost:
                differences.append(f"clinic {busy} {number} of seed {seed}: {cost}, CP-SAT {best.cost}")
            ratios[cost is not None].append(best.seconds / took)
    print("\nCP-SAT / planner, processor seconds, the same clinic cases one after the other (medians)")
    for feasible, name in ((True, "with a plan"), (False, "without one")):
        if ratios[feasible]:
            middle = statistics.median(ratios[feasible])
            print(f"  search alone, {len(ratios[feasible])} cases {name}: {middle:.1f}")
    print(f"  request to answer, all cases: {statistics.median(with_model):.1f}")
    return differences, statistics.median(ratios[True] + ratios[False]), statistics.median(with_model)


def _random_cases(seed: int, *, until: float) -> Tally:
    tally = Tally()
    for number in count():
        if time.perf_counter() >= until:
            break
        size = SIZES[number % len(SIZES)]
        instance = instances.generate(seed=1_000_000 * seed + number, size=size)
        verdict = compare.with_cpsat(instance=instance, seconds=CPSAT_LIMIT)
        tally.cases += 1
        tally.feasible += verdict.feasible
        tally.undecided += not verdict.decided
        tally.ratios.append(verdict.cpsat_seconds / verdict.planner_seconds)
        tally.planner.append(verdict.planner_seconds)
        if verdict.differences:
            tally.different.append(compare.report(instance=instance, differences=verdict.differences))
    return tally


def _share(seconds: Sequence[float], share: float) -> float:
    """The value below which this share of the measurements lies."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


if __name__ == "__main__":
    sys.exit(main())
