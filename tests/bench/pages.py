"""`./dev bench pages`: what each page for staff costs the server at a hundred thousand visits.

Then the day grid of a site with forty people of twelve visits each. Server time of one request after another,
the template included; the first line is a page that asks for no row, to compare the machine by.
"""

import argparse
import logging
import os
import platform
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django

# Everybody is one person here: their limit is another test's.
os.environ["LIMIT_STAFF"] = "off"
django.setup()

from django.conf import settings  # noqa: E402  after django.setup
from django.db import connection, connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from clinic.practice import garbage  # noqa: E402
from clinic.practice.models import Site  # noqa: E402
from scheduling.models import Appointment, FollowUpGap  # noqa: E402
from tests import factories  # noqa: E402
from tests.bench import _years  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
VISITS, COLUMNS, EACH, ROUNDS = 100_000, 40, 12, 60
PAGE_GOAL, GRID_GOAL = 100, 300


def measured(call: Callable[[], Any]) -> tuple[float, float, float]:
    """Median, 95th percentile and processor time of one call, in milliseconds. The last is the mean of this
    process and of its database's, which other work on the machine cannot stretch.
    """
    for _ in range(5):
        call()
    taken, worked = [], processor()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return taken[ROUNDS // 2], taken[int(ROUNDS * 0.95)], (processor() - worked) * 1000 / ROUNDS


def processor() -> float:
    """Seconds for which this process and its connection's have had a processor."""
    told = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text()
    user, system = told.rpartition(")")[2].split()[11:13]
    return time.process_time() + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def crowd(site: Site, of: Appointment, day: datetime) -> None:
    """Forty people at the site, each with twelve visits of half an hour on that day."""
    people = [factories.worker(site, "therapist").pk for _ in range(COLUMNS)]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            """
            CREATE TEMP TABLE crowd AS
            SELECT gen_random_uuid() AS visit, staff,
                   %(day)s::timestamptz + make_interval(mins => 40 * n) AS start
            FROM unnest(%(people)s::uuid[]) AS staff, generate_series(0, %(each)s - 1) AS n;
            INSERT INTO scheduling_appointment SELECT (jsonb_populate_record(one, jsonb_build_object(
                'id', visit, 'site_id', %(site)s, 'ref', '', 'phase_id', NULL, 'start', crowd.start,
                'end', crowd.start + interval '30 minutes',
                'local_date', (crowd.start AT TIME ZONE one.time_zone)::date,
                'local_time', (crowd.start AT TIME ZONE one.time_zone)::time, 'follows_id', NULL))).*
            FROM crowd, scheduling_appointment one WHERE one.id = %(of)s;
            INSERT INTO scheduling_appointmentpractitioner (appointment_id, staff_id, role, presence, seats)
            SELECT visit, staff, 'therapist', 'exclusive', 12 FROM crowd;
            """,
            {"day": day, "people": people, "each": EACH, "site": site.pk, "of": of.pk},
        )
        cursor.execute("SET session_replication_role = origin")


def fill(today: datetime) -> tuple[Any, Site, datetime]:
    """A practice with its years of visits, and its crowded site and day."""
    ours = factories.practice("Pages")
    version = factories.protocol(ours)
    first_day = (today - timedelta(days=_years.PAST)).replace(hour=4, minute=0, second=0, microsecond=0)
    pattern = _years.pattern(_years.place(ours), version, today)
    places = [_years.place(ours) for _ in range(round(VISITS / (_years.A_DAY * _years.DAYS)))]
    _years.fill(places=places, of=pattern, first_day=first_day)
    some = FollowUpGap.objects.filter(site=places[0].site).order_by("id").values_list("id", flat=True)[:40]
    FollowUpGap.objects.filter(id__in=list(some)).update(flagged=True)
    busy = factories.site(ours)
    day = (today + timedelta(days=(7 - today.weekday()))).replace(hour=13, minute=0, second=0, microsecond=0)
    dose = Appointment.objects.filter(course_id=pattern["course"], ref="dose-1").get()
    crowd(busy, dose, day)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return places[0], busy, day


def main() -> None:
    argparse.ArgumentParser().parse_args()
    logging.disable(logging.WARNING)
    settings.ALLOWED_HOSTS = ["testserver"]
    today = timezone.now()
    place, busy, day = fill(today)
    browser = Client()
    browser.force_login(factories.staff(place.site, "front_desk", "practice_admin"), backend=BACKEND)
    at = f"?site={place.site.pk}&date={(today + timedelta(days=9)).date()}"
    visit = Appointment.objects.filter(site=place.site, status="booked").order_by("start")[5]
    gap = FollowUpGap.objects.filter(site=place.site, flagged=True).order_by("id")[0]
    paths = {
        "nothing": "/health/live",
        "overview": "/overview/",
        "day of a site, 30 visits": f"/day/{at}",
        "roster": f"/roster/{at}",
        "board": f"/board/?site={place.site.pk}",
        "worklist": "/follow-ups/",
        "follow-up": f"/follow-ups/{gap.pk}/",
        "course": f"/courses/{visit.course_id}/",
        "visit": f"/visits/{visit.pk}/",
        "book, first page": f"/book/?patient={visit.patient_id}",
        "messages": "/messages/",
        "set-up, shifts": "/set-up/shifts/",
    }

    def got(path: str) -> None:
        answer = browser.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    garbage.settle()
    count = Appointment.objects.count()
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; {count} visits")
    print(f"{'ms of the server':28}{'p50':>8}{'p95':>8}{'busy':>8}  goal for the p95")
    for name, path in paths.items():
        show(name, measured(lambda path=path: got(path)), PAGE_GOAL)  # type: ignore[misc]
    show("search as one types", measured(lambda: browser.post("/patients/", {"name": "test pat"})), PAGE_GOAL)
    grid = f"/day/?site={busy.pk}&date={day.date()}"
    found = measured(lambda: got(grid))
    blocks = browser.get(grid).content.decode().count('class="block')
    show(f"grid, {COLUMNS} x {EACH} visits", found, GRID_GOAL)
    print(f"{blocks} blocks; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"ratio: {found[0] / GRID_GOAL:.2f} of the goal for the grid (goal <= 1)")
    connections.close_all()


def show(name: str, found: tuple[float, float, float], goal: int) -> None:
    middle, high, busy = found
    print(f"{name:28}{middle:8.1f}{high:8.1f}{busy:8.1f}  {goal}", flush=True)


if __name__ == "__main__":
    main()
