"""`./dev bench gaps`: thousands of courses through their days, with killed workers, two sweeps at once, days
without any sweep, and connections cut off: what is stored at every day's end against a naive recomputation.

Its last part is the control: the same days with the sweep off must differ.
"""

import argparse
import itertools
import multiprocessing
import os
import platform
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import django

django.setup()

import psycopg  # noqa: E402  after django.setup, like everything that touches models
from django.db import Error, connection, connections  # noqa: E402

from clinic.practice.errors import DomainError  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling import states  # noqa: E402
from scheduling.booking import appointments, courses, gaps, protocols, single  # noqa: E402
from scheduling.followups import facts, reconcile  # noqa: E402
from scheduling.followups import gaps as stored  # noqa: E402
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse  # noqa: E402
from tests import factories  # noqa: E402
from tests.machine.invariants import differences_of  # noqa: E402
from tests.machine.world import REASON, STEPS, short_protocol  # noqa: E402

FORK = multiprocessing.get_context("fork")
# Monday; the clocks change in the third week.
BEGIN = datetime(2026, 2, 16, 11, tzinfo=UTC)
COURSES_A_SITE = 100
CHUNK = 40
# What becomes of a visit on its day, in percent.
FATES = {"attend": 74, "late": 8, "no_show": 8, "cancel": 6, "forget": 4}


@dataclass
class Run:
    """The dice, and what they did."""

    chance: random.Random
    kills: int
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def found_practice(count: int) -> tuple[Any, list[tuple[Patient, datetime]]]:
    """One practice with a site for each hundred courses, and one patient a course with the day it begins."""
    ours = factories.practice("Gaps")
    version = protocols.create(actor=factories.admin(ours), document=short_protocol(), now=factories.NOW)
    wanted = []
    for number in range(-(-count // COURSES_A_SITE)):
        here = factories.site(ours)
        for role in ("prescriber", "monitor", "monitor", "therapist", "therapist", "therapist"):
            factories.worker(here, role)
        for kind in ("infusion_chair",) * 3 + ("therapy_room",) * 3:
            factories.room(here, kind)
        for place in range(min(COURSES_A_SITE, count - number * COURSES_A_SITE)):
            someone = factories.patient(here, consents=False)
            factories.ready(someone, version, now=BEGIN - timedelta(days=2))
            wanted.append((someone, BEGIN + timedelta(days=3 + place * 60 / COURSES_A_SITE)))
    return version, wanted


def in_children(run: Run, jobs: Sequence[Callable[[], None]], *, kills: int) -> None:
    """Each job in a process of its own, two at a time; so many of them are killed in the middle and begun
    again."""
    connections.close_all()
    waiting = deque(jobs)
    doomed = set(run.chance.sample(range(len(jobs)), min(kills, len(jobs))))
    numbers = itertools.count()
    running: list[tuple[Any, Callable[[], None], float]] = []
    while waiting or running:
        while waiting and len(running) < 2:
            job = waiting.popleft()
            child = FORK.Process(target=_child, args=(job,))
            child.start()
            ends = run.chance.uniform(0.05, 0.6) if next(numbers) in doomed else float("inf")
            running.append((child, job, time.monotonic() + ends))
        for one in list(running):
            child, job, dies_at = one
            if time.monotonic() >= dies_at and child.is_alive():
                os.kill(child.pid, signal.SIGKILL)
                run.counts["kills"] += 1
            child.join(0.005)
            if not child.is_alive():
                running.remove(one)
                if child.exitcode != 0:
                    waiting.appendleft(job)
                    run.counts["begun again"] += 1


def _child(job: Callable[[], None]) -> None:
    with suppress(KeyboardInterrupt):
        job()
    connections.close_all()


def chunks(rows: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def book(version: Any, wanted: Sequence[tuple[Patient, datetime]]) -> None:
    """Courses that are not booked yet; a killed process's successor goes on where it ended."""
    for patient, begins in wanted:
        if TreatmentCourse.objects.filter(patient=patient).exists():
            continue
        actor = factories.admin(patient.practice)
        asked = {"patient_id": patient.pk, "protocol_id": version.template_id, "now": BEGIN}
        best = courses.propose(
            actor=actor, start_on_or_after=begins.date(), alternatives=1, through_phase=None, **asked
        )[0]
        skip = ["integration-2"] if patient.pk.int % 4 == 0 else []
        courses.book(actor=actor, proposal=best.token, skip=skip, now=BEGIN)


def attempt(use_case: Callable[..., Any], **arguments: Any) -> None:
    """A successor is refused what its predecessor has done already; a cut connection is opened anew."""
    for _ in range(3):
        try:
            use_case(**arguments)
        except DomainError:
            return
        except Error:
            connection.close()
            continue
        return


def live_a_day(fates: Sequence[tuple[UUID, str]], evening: datetime) -> None:
    """What becomes of these visits, recorded by the evening."""
    for visit in Appointment.objects.filter(id__in=[one for one, _ in fates]).select_related("practice"):
        actor = factories.admin(visit.practice)
        fate = dict(fates)[visit.pk]

        def step(verb: str, at: datetime, visit: Appointment = visit, actor: Any = actor) -> None:
            attempt(
                appointments.transition,
                actor=actor,
                appointment_id=visit.pk,
                verb=verb,
                now=evening,
                at=at,
                reason=REASON,
            )

        if fate in ("no_show", "cancel"):
            step(fate, evening)
        elif fate != "forget":
            end = visit.end + timedelta(minutes=90 if fate == "late" else 0)
            for verb in STEPS[visit.kind in states.MONITORED]:
                step(verb, end if verb in ("discharge", "complete") else visit.start)


def mend(open_gaps: Sequence[UUID], morning: datetime) -> None:
    """What the desk does about flagged follow-ups: books, attests or waives one in three."""
    for gap in FollowUpGap.objects.filter(id__in=open_gaps).select_related("practice"):
        actor = factories.admin(gap.practice)
        choice = gap.pk.int % 3
        if choice == 0:
            dose = gap.doses.first()
            start = (morning + timedelta(days=1)).replace(hour=18, minute=0)
            wanted = single.Visit(
                patient_id=gap.patient_id,
                kind="integration",
                start=start,
                course_id=gap.course_id,
                follows_id=dose.appointment_id if dose else None,
                mode="video",
            )
            attempt(single.book, actor=actor, now=morning, visit=wanted)
        elif choice == 1 and gap.status == "lapsed":
            attempt(gaps.waive, actor=actor, gap_id=gap.pk, reason=REASON, now=morning)
        elif choice == 2 and gap.opens_at and gap.opens_at < morning:
            attempt(gaps.attest, actor=actor, gap_id=gap.pk, attended_at=gap.opens_at, now=morning)


def sweep(now: datetime) -> None:
    """As the worker does it: until nothing is due."""
    while True:
        try:
            if not stored.sweep(now=now):
                return
        except Error:
            connection.close()


def cut_off() -> None:
    """Every connection of the database is ended at once, in the middle of whatever it does."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def a_day(run: Run, day: int, *, sweeping: bool = True) -> datetime:
    """Morning to evening; returns the evening."""
    morning = BEGIN + timedelta(days=day)
    evening = morning + timedelta(hours=15)
    without_sweep = not sweeping or run.chance.random() < 0.15
    sweeps = [] if without_sweep else [lambda: sweep(morning)] * 2
    flagged = list(FollowUpGap.objects.filter(flagged=True).values_list("id", flat=True))
    mending = [lambda part=part: mend(part, morning) for part in chunks(flagged)]
    today = Appointment.objects.filter(
        start__gte=morning, start__lt=evening, status__in=("booked", "confirmed")
    ).order_by("id")
    fates = [
        (one, run.chance.choices(list(FATES), list(FATES.values()))[0])
        for one in today.values_list("id", flat=True)
    ]
    living = [lambda part=part: live_a_day(part, evening) for part in chunks(fates)]
    jobs = [*sweeps, *mending, *living]
    in_children(run, jobs, kills=run.kills)
    run.counts["visits"] += len(fates)
    run.counts["days without a sweep"] += without_sweep
    if run.chance.random() < 0.1:
        cut_off()
        connections.close_all()
        run.counts["all connections cut"] += 1
    if sweeping:
        in_children(run, [lambda: sweep(evening)] * 2, kills=1 if run.kills else 0)
    return evening


def check(now: datetime, *, whole: bool) -> list[str]:
    """Every record that says anything else than the naive rules, and whatever the questions in sets find."""
    ids = TreatmentCourse.objects.order_by("id")
    if not whole:
        ids = ids.filter(appointments__start__range=(now - timedelta(days=12), now + timedelta(days=4)))
    found = [f"{one.check} {one.subject}" for one in reconcile.ask(now=now)]
    for part in chunks(list(ids.distinct().values_list("id", flat=True)), 500):
        for course in facts.load(course_ids=part):
            found += differences_of(course, now)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--courses", type=int, default=5000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    run = Run(random.Random(options.seed), kills=-(-options.kills // options.days))
    began = time.monotonic()
    version, wanted = found_practice(options.courses)
    in_children(run, [lambda part=part: book(version, part) for part in chunks(wanted)], kills=run.kills)
    print(f"{TreatmentCourse.objects.count()} courses booked in {time.monotonic() - began:.0f} s", flush=True)
    for day in range(options.days):
        evening = a_day(run, day)
        found = check(evening, whole=day % 10 == 9 or day == options.days - 1)
        run.differences += [f"day {day}: {one}" for one in found]
        if day % 10 == 9:
            print(f"day {day + 1}: {len(run.differences)} differences so far", flush=True)
    states_now = Counter(FollowUpGap.objects.values_list("status", flat=True))
    run.kills = 0
    last = a_day(run, options.days, sweeping=False)
    control = len(check(last + timedelta(days=2), whole=True))
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    print(f"{options.courses} courses, {options.days} days, {dict(run.counts)}; {states_now.total()} units")
    print(f"units by state at the end: {dict(states_now)}")
    for one in run.differences[:20]:
        print(one)
    print(f"control, two days with the sweep off: {control} differences (must be more than 0)")
    print(f"differences at every day's end: {len(run.differences)} (goal = 0)")
    connections.close_all()
    assert not run.differences and control


if __name__ == "__main__":
    main()
