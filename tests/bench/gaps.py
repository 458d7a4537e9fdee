"""`./dev bench gaps`: thousands of courses through ninety days, while writers and workers are killed in the
middle of transactions, Redis and the database are gone for a while, and sweeps run twice at once or not at
all: what is stored at every day's end against two other answers.

At each day's end every course is judged a second, naive time, and the whole database is asked in sets. The
last part is the control: a day with the sweep off must differ.
"""

import argparse
import os
import platform
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection, connections  # noqa: E402  after django.setup, like all that touches models

from scheduling.followups import reconcile  # noqa: E402
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse  # noqa: E402
from tests.bench import _gap_acts as acts  # noqa: E402
from tests.bench._gap_crew import Crew, Job, Sweepers, patient_with_servers  # noqa: E402
from tests.machine import invariants  # noqa: E402
from tests.races import race  # noqa: E402

# Monday; the clocks change in the third week.
BEGIN = datetime(2026, 2, 16, 11, tzinfo=UTC)
# How long a course lives on after its first day.
TAIL_DAYS = 25
# So many days pass between two outages of a kind.
OUTAGES = {"connections cut": 6, "Redis emptied": 6, "Redis killed": 6, "database killed": 9}


@dataclass
class Run:
    """The dice, the processes, and what was found."""

    chance: random.Random
    crew: Crew
    wanted: list[tuple[UUID, UUID, UUID, datetime]]
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def chunks(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def jobs_of(name: str, rows: Sequence[Any], now: datetime, *, size: int = 12) -> list[Job]:
    return [Job(name, part, now) for part in chunks(rows, size)]


def enrol(crew: Crew, *, count: int, days: int) -> list[tuple[UUID, UUID, UUID, datetime]]:
    """The practices and a patient a course: practice, patient, protocol and the day on which it begins."""
    answers = crew.work(jobs_of("enrol", acts.found(count), BEGIN - timedelta(days=2)))
    apart = max(1, days - TAIL_DAYS) / acts.COURSES_A_SITE
    return [
        (*ids, BEGIN + timedelta(days=3 + place * apart)) for _, answer in answers for *ids, place in answer
    ]


def live(run: Run, day: int, *, strikes: Sequence[str] = (), sweeping: bool = True) -> datetime:
    """Morning to evening; returns the evening."""
    morning = BEGIN + timedelta(days=day)
    evening = morning + timedelta(hours=15)
    run.crew.sweepers.set_clock(morning)
    early = sweeping and run.chance.random() >= 0.15
    run.counts["mornings without a sweep"] += not early
    soon = [one for one in run.wanted if one[3] <= morning + timedelta(days=7)]
    run.wanted = [one for one in run.wanted if one[3] > morning + timedelta(days=7)]
    jobs = [
        *jobs_of("book", soon, morning),
        *jobs_of("mend", patient_with_servers(flagged), morning),
        *jobs_of("change", patient_with_servers(lambda: changes(run, morning)), morning),
        *jobs_of("live", patient_with_servers(lambda: fates(run, morning, evening)), evening),
    ]
    late = [one for one in strikes if one == "worker killed" and run.chance.random() < 0.5]
    by_day = list((Counter(strikes) - Counter(late)).elements())
    for _, done in run.crew.work(jobs, strikes=by_day, sweeping=early):
        run.counts += done
    if sweeping:
        run.crew.sweepers.set_clock(evening)
        run.crew.work([], strikes=late, sweeping=True)
        run.crew.sweepers.finish(evening)
    return evening


def flagged() -> list[UUID]:
    return list(FollowUpGap.objects.filter(flagged=True).order_by("id").values_list("id", flat=True))


def fates(run: Run, morning: datetime, evening: datetime) -> list[tuple[UUID, str]]:
    today = Appointment.objects.filter(
        start__gte=morning, start__lt=evening, status__in=("booked", "confirmed")
    ).order_by("id")
    weights = list(acts.FATES.values())
    return [
        (one, run.chance.choices(list(acts.FATES), weights)[0]) for one in today.values_list("id", flat=True)
    ]


def changes(run: Run, morning: datetime) -> list[tuple[UUID, str]]:
    """One visit in fifty of the day after tomorrow is moved, one course in a hundred stopped."""
    span = (morning + timedelta(days=2), morning + timedelta(days=3))
    coming = Appointment.objects.filter(start__range=span, status="booked").order_by("id")
    dice = [(one, run.chance.random()) for one in coming.values_list("id", flat=True)]
    return [(one, "stop" if die < 0.01 else "move") for one, die in dice if die < 0.03]


def check(run: Run, now: datetime) -> list[str]:
    """Whatever is stored and not true at `now`, of all courses: by the questions in sets, and naively."""
    found = patient_with_servers(lambda: ask(now))
    ids = list(TreatmentCourse.objects.order_by("id").values_list("id", flat=True))
    run.counts["courses judged naively"] += len(ids)
    for _, answer in run.crew.work(jobs_of("check", ids, now, size=100)):
        found += answer
    return found


def ask(now: datetime) -> list[str]:
    """The questions in sets: of the follow-up records, of places, of reminders beside their visits."""
    found = [f"{one.check} {one.subject}" for one in reconcile.ask(now=now)]
    with connection.cursor() as cursor:
        for name, question in invariants.QUESTIONS.items():
            asked = question.replace("%", "%%").replace("$1", "%(now)s")
            cursor.execute(asked, {"now": now})
            found += [f"{name}: {row}" for row in cursor.fetchall()]
    return found


def strikes_of(chance: random.Random, *, days: int, kills: int) -> list[list[str]]:
    """What strikes on each day: so many kills in all, and the outages on top of them."""
    plan: list[list[str]] = [[] for _ in range(days)]
    for number in range(kills):
        plan[number % days].append("worker killed" if chance.random() < 0.3 else "writer killed")
    for name, apart in OUTAGES.items():
        for day in range(chance.randrange(min(apart, days)), days, apart):
            plan[day].append(name)
    return plan


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--courses", type=int, default=5000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end with the day they end in")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    crew = Crew(perform=acts.perform, chance=chance, sweepers=Sweepers())
    try:
        run = Run(chance, crew, enrol(crew, count=options.courses, days=options.days))
        began = time.monotonic()
        print(f"{len(run.wanted)} patients", flush=True)
        for day, strikes in enumerate(strikes_of(chance, days=options.days, kills=options.kills)):
            if time.monotonic() - began > options.minutes * 60:
                break
            found = check(run, live(run, day, strikes=strikes))
            run.counts["days"] += 1
            run.differences += [f"day {day + 1}: {one}" for one in found]
            if found or day % 5 == 4:
                progress(run, day, time.monotonic() - began)
        report(run, options)
    finally:
        crew.close()
        connections.close_all()


def progress(run: Run, day: int, seconds: float) -> None:
    courses = TreatmentCourse.objects.count()
    faults = sum(count for name, count in run.crew.faults.items() if not name.startswith("killed:"))
    print(
        f"day {day + 1}: {courses} courses, {faults} faults, {len(run.differences)} differences so far,"
        f" {seconds / 60:.1f} minutes",
        flush=True,
    )


def report(run: Run, options: argparse.Namespace) -> None:
    states_now = Counter(FollowUpGap.objects.values_list("status", flat=True))
    overlaps = race.overlaps()
    last = live(run, run.counts["days"], sweeping=False)
    control = len(check(run, last + timedelta(days=2)))
    refused = {name: count for name, count in run.counts.items() if name.startswith("refused")}
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    print(f"{options.courses} patients: {dict(run.counts - Counter(refused))}")
    print(f"refused, as people are: {refused}")
    print(f"what struck: {dict(run.crew.faults)}")
    print(f"{states_now.total()} units by state at the end: {dict(states_now)}")
    for one in run.differences[:20]:
        print(one)
    print(f"control, two days with the sweep off: {control} differences (must be more than 0)")
    print(f"in two places at once: {overlaps} (goal = 0)")
    print(f"differences at every day's end: {len(run.differences)} (goal = 0)")
    assert not run.differences and not overlaps and control


if __name__ == "__main__":
    main()
