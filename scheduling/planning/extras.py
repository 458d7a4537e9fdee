"""What is planned onto a fixed chain: medication reviews by time, then each series in the protocol's order.

Not exact: a visit takes the first place that is good given everything before it; the chain is not moved for
a series.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from scheduling.planning import grid as grids
from scheduling.planning import staffing, windows
from scheduling.planning import steps as dosing
from scheduling.planning.build import doses_by_start
from scheduling.planning.menus import Calendar, GroupOption
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Presence, Review, Series
from scheduling.planning.values import IN_PERSON, PlannedVisit, Span, Staffing


class NoTimedReview(Exception):
    """No medication review fits beside the chain; `due` is its last day, `alone` one that fits without the
    chain."""

    def __init__(self, due: date, alone: PlannedVisit | None) -> None:
        super().__init__(f"no medication review fits by {due}")
        self.due = due
        self.alone = alone


@dataclass(frozen=True, slots=True)
class Whole:
    """A chain with everything that was planned onto it, and what did not fit, in words."""

    visits: tuple[PlannedVisit, ...]
    notes: tuple[str, ...]


def complete(problem: Problem, chain: Sequence[PlannedVisit], reserved: Sequence[PlannedVisit] = ()) -> Whole:
    """Add the reviews by time and the series; `reserved` are reviews that the chain was planned around.

    Raises NoTimedReview.
    """
    visits = [*chain, *reserved]
    notes: list[str] = []
    for due in review_days(problem, chain):
        if not any(_is_for(problem, visit, due) for visit in reserved):
            visits.append(_timed_review(problem, visits, due))
    for series in problem.request.protocol.series:
        added = _series(problem, visits, series)
        if added is None:
            continue
        joined, fresh = added
        visits.extend(fresh)
        if joined < series.count:
            kind = series.kind.replace("_", " ")
            notes.append(f"{joined} of {series.count} {kind} visits fit; the rest is to be booked later")
    return Whole(_renumbered(visits), tuple(notes))


def review_days(problem: Problem, visits: Sequence[PlannedVisit]) -> list[date]:
    """The last days of the medication reviews by time: multiples of `every_days` from the course's first
    dose."""
    request, review = problem.request, problem.request.protocol.medication_review
    doses = [windows.local_day(zone=request.zone, instant=dose.start) for dose in doses_by_start(visits)]
    if review is None or review.every_days is None or not doses:
        return []
    given = [windows.local_day(zone=request.zone, instant=dose.start) for dose in request.given]
    first, today = min(given + doses), windows.local_day(zone=request.zone, instant=request.not_before)
    due = range(first.toordinal() + review.every_days, doses[-1].toordinal() + 1, review.every_days)
    return [date.fromordinal(day) for day in due if day >= today.toordinal()]


def _taken(problem: Problem, visits: Sequence[PlannedVisit], length: int) -> int:
    grid, bits = problem.grid, 0
    for visit in visits:
        clear = grids.minute_after(visit.end) + visit.turnover_minutes
        bits |= grid.between(grids.minute_of(visit.start) - length + 1, clear - 1)
    return bits


def _timed_review(problem: Problem, visits: Sequence[PlannedVisit], due: date) -> PlannedVisit:
    review = problem.request.protocol.medication_review
    assert review is not None
    grid, last = problem.grid, due.toordinal()
    bits = 0
    for _, group in problem.calendar.anyone(review):
        bits |= group
    first = grid.day_begins.get(last - dosing.TIMED_REVIEW_DAYS, grid.at[0])
    bits &= grid.between(first, grid.day_begins[last + 1] - 1)
    free = bits & ~_taken(problem, visits, review.minutes)
    if not free:
        slot = next(grids.slots_in(bits), None)
        raise NoTimedReview(due, None if slot is None else _review_at(problem, review, slot))
    return _review_at(problem, review, _early_on_last_day(problem, free))


def _is_for(problem: Problem, visit: PlannedVisit, due: date) -> bool:
    day = windows.local_day(zone=problem.grid.zone, instant=visit.start).toordinal()
    return due.toordinal() - dosing.TIMED_REVIEW_DAYS <= day <= due.toordinal()


def _early_on_last_day(problem: Problem, bits: int) -> int:
    day = problem.grid.day[bits.bit_length() - 1]
    return next(slot for slot in grids.slots_in(bits) if problem.grid.day[slot] == day)


def _span(problem: Problem, slot: int, minutes: int) -> Span:
    start = problem.grid.at[slot]
    return Span(grids.instant_of(start), grids.instant_of(start + minutes))


def _review_at(problem: Problem, review: Review, slot: int) -> PlannedVisit:
    setting = staffing.single(problem.calendar, review, slot, person=None, but_room=None)
    assert setting is not None
    span = _span(problem, slot, review.minutes)
    return PlannedVisit(
        ref="medication_review-0",
        kind="medication_review",
        phase=None,
        sequence=0,
        start=span.start,
        end=span.end,
        mode=setting.mode,
        staffing=setting.staffing,
        room=setting.room,
    )


def _series(
    problem: Problem, visits: Sequence[PlannedVisit], series: Series
) -> tuple[int, list[PlannedVisit]] | None:
    window = _first_days(problem, visits, series)
    if window is None:
        return None
    if series.kind == "group_integration":
        return _group_series(problem, visits, series, window)
    grid, calendar = problem.grid, problem.calendar
    free = 0
    for _, bits in calendar.anyone(series):
        free |= bits
    free &= ~_taken(problem, visits, series.minutes)
    dosed = {
        windows.local_day(zone=grid.zone, instant=dose.start).toordinal() for dose in doses_by_start(visits)
    }
    by_day: dict[int, list[int]] = {}
    for slot in grids.slots_in(free):
        if grid.day[slot] not in dosed:
            by_day.setdefault(grid.day[slot], []).append(slot)
    days = spaced_days(sorted(by_day), series, window)
    return len(days), _therapy_on(problem, visits, series, [by_day[day] for day in days])


def _first_days(
    problem: Problem, visits: Sequence[PlannedVisit], series: Series
) -> tuple[int, int, int] | None:
    """(first, ideal, last) day of a series' first visit; None where the plan does not hold what it hangs
    on."""
    zone, longest = problem.grid.zone, series.interval_days[2]
    doses = doses_by_start(visits)
    if series.starts == "after_phase":
        mine = [dose.end for dose in doses if dose.phase == series.phase]
        mine += [dose.end for dose in problem.request.given if dose.phase == series.phase]
        if not mine:
            return None
        day = windows.local_day(zone=zone, instant=max(mine)).toordinal()
        return day + 1, day + series.interval_days[0], day + longest
    if problem.request.given or not doses:
        return None
    first = windows.local_day(zone=zone, instant=doses[0].start).toordinal()
    if series.starts == "before_first_dose":
        latest = first - (series.days_before or 0)
        return latest - longest, latest, latest
    return first, first, first + longest


def spaced_days(days: Sequence[int], series: Series, window: tuple[int, int, int]) -> list[int]:
    """As many days as the series has visits (or as can be had), with the least distance from its ideal
    spacing."""
    low, ideal, high = series.interval_days
    known = set(days)
    reach: dict[int, tuple[int, tuple[int, ...]]] = {
        day: (abs(day - window[1]), (day,)) for day in days if window[0] <= day <= window[2]
    }
    best: list[int] = []
    for _ in range(series.count):
        if not reach:
            break
        best = list(min(reach.values())[1])
        following: dict[int, tuple[int, tuple[int, ...]]] = {}
        for day, (cost, path) in reach.items():
            for gap in range(low, high + 1):
                if day + gap in known:
                    candidate = (cost + abs(gap - ideal), (*path, day + gap))
                    if day + gap not in following or candidate < following[day + gap]:
                        following[day + gap] = candidate
        reach = following
    return best


def _therapy_on(
    problem: Problem, visits: Sequence[PlannedVisit], series: Series, choices: Sequence[Sequence[int]]
) -> list[PlannedVisit]:
    person = main_person(visits)
    found = []
    for slots in choices:
        slot, person = _with_person(problem.calendar, series, slots, person)
        setting = staffing.single(problem.calendar, series, slot, person=person, but_room=None)
        assert setting is not None
        span = _span(problem, slot, series.minutes)
        found.append(
            PlannedVisit(
                ref="therapy-0",
                kind=series.kind,
                phase=series.phase,
                sequence=0,
                start=span.start,
                end=span.end,
                mode=setting.mode,
                staffing=setting.staffing,
                room=setting.room,
            )
        )
    return found


def _with_person(
    calendar: Calendar, series: Series, slots: Sequence[int], person: str | None
) -> tuple[int, str | None]:
    # The person of the visit before where that person is free on this day, else whoever is free first.
    for slot in slots if person is not None else ():
        if staffing.single(calendar, series, slot, person=person, but_room=None) is not None:
            return slot, person
    setting = staffing.single(calendar, series, slots[0], person=None, but_room=None)
    return slots[0], setting.staffing[0].practitioner if setting else None


def main_person(visits: Sequence[PlannedVisit]) -> str | None:
    """Who holds most of the follow-ups; the lowest id of equals, None without any."""
    counts = Counter(
        visit.staffing[0].practitioner for visit in visits if visit.window is not None and visit.staffing
    )
    return min(counts, key=lambda name: (-counts[name], name), default=None)


def _group_series(
    problem: Problem, visits: Sequence[PlannedVisit], series: Series, window: tuple[int, int, int]
) -> tuple[int, list[PlannedVisit]]:
    joined = {visit.group_session for visit in visits}
    by_day: dict[int, GroupOption] = {}
    for option in problem.calendar.group_options(series.kind):
        mine = option.session.id in joined
        clear = all(
            option.session.span.end <= visit.start or visit.end <= option.session.span.start
            for visit in visits
        )
        day = windows.local_day(zone=problem.grid.zone, instant=option.session.span.start).toordinal()
        if mine or (clear and day not in by_day):
            by_day[day] = option
    days = spaced_days(sorted(by_day), series, window)
    fresh = [_group_visit(by_day[day], series) for day in days if by_day[day].session.id not in joined]
    return len(days), fresh


def _group_visit(option: GroupOption, series: Series) -> PlannedVisit:
    session = option.session
    return PlannedVisit(
        ref="group_integration-0",
        kind=series.kind,
        phase=series.phase,
        sequence=0,
        start=session.span.start,
        end=session.span.end,
        mode=IN_PERSON if session.room else "video",
        staffing=tuple(Staffing("therapist", one, Presence.ON_SITE, 0) for one in session.practitioners),
        room=session.room,
        group_session=session.id,
    )


def _renumbered(visits: Sequence[PlannedVisit]) -> tuple[PlannedVisit, ...]:
    numbers: Counter[str] = Counter()
    found = []
    for visit in sorted(visits, key=lambda one: (one.start, one.ref)):
        if visit.kind in ("dosing", "device"):
            found.append(visit)
            continue
        numbers[visit.kind] += 1
        found.append(replace(visit, ref=f"{visit.kind}-{numbers[visit.kind]}", sequence=numbers[visit.kind]))
    return tuple(found)
