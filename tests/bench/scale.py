"""`./dev bench scale`: what grows when the tables grow a hundredfold. Nothing should.

Ten thousand visits, of which a copy of the database is kept, then a million (ten with `--ten-million`): the
day's roster, a month of open slots, the gap worklist, an idle sweep and a booking, each against itself in the
copy; and the roster against a bare view that sends the same rows as PostgreSQL gives them, with the same
sign-in. Server time of one request after another, in blocks that take turns between the two databases: a
machine that is twice as fast a quarter of an hour later says nothing about rows. The first line asks for no
row.
"""

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  after django.setup
from django.db import connection, connections  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from clinic.practice import garbage  # noqa: E402
from scheduling.followups import gaps  # noqa: E402
from scheduling.models import Appointment, FollowUpGap  # noqa: E402
from tests import factories  # noqa: E402
from tests.api.conftest import Api, program  # noqa: E402
from tests.bench import _sizes, _years  # noqa: E402

# Blocks of so many calls take turns between the databases.
BLOCKS, CALLS, FEW = 12, 18, 6


class BareRoster(APIView):
    """The rows of a site's day, as few and as plain as they can be, for somebody who signed in."""

    permission_classes = ()

    def get(self, request: Any, site: str, day: date) -> JsonResponse:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT visit.id, visit.kind, visit.status, visit.start, visit."end", visit.ref, visit.mode,
                       someone.given_name || ' ' || someone.family_name AS patient, room.name AS room,
                       (SELECT array_agg(staff.first_name || ' ' || staff.last_name)
                        FROM scheduling_appointmentpractitioner part
                        JOIN practice_staffmember staff ON staff.id = part.staff_id
                        WHERE part.appointment_id = visit.id) AS people
                FROM scheduling_appointment visit
                JOIN patients_patient someone ON someone.id = visit.patient_id
                LEFT JOIN practice_room room ON room.id = visit.room_id
                WHERE visit.site_id = %s AND visit.local_date = %s ORDER BY visit.start, visit.id
                """,
                [site, day],
            )
            names = [column.name for column in cursor.description or ()]
            return JsonResponse({"visits": [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]})


urlpatterns = [
    path("bare/<uuid:site>/<str:day>/", BareRoster.as_view()),
    path("", include("clinic.config.urls")),
]


def milliseconds(call: Callable[[], Any], calls: int) -> list[float]:
    """What each of so many calls takes, after five that are not counted."""
    for _ in range(5):
        call()
    taken = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


class Measured:
    """One size of the database, which has its own name: every figure in milliseconds."""

    def __init__(self, name: str, api: Api, one: _years.Place, today: datetime, fresh: Sequence[Any]) -> None:
        self.name, self.api, self.one, self.today = name, api, one, today
        self.fresh = iter(fresh)
        self.day = (today + timedelta(days=9)).date()
        self.taken: dict[str, list[float]] = {}

    def _got(self, address: str) -> Any:
        answer = self.api.get(address)
        assert answer.status_code == 200, answer.content
        return answer

    def block(self) -> None:
        """One block of every figure."""
        _sizes.use(self.name)
        site, person, room = self.one.site.pk, self.one.people[5].pk, self.one.rooms[5].pk
        start = self.today + timedelta(days=1)
        ends = start + timedelta(days=31)
        span = f"start_from={start:%Y-%m-%dT00:00:00Z}&start_before={ends:%Y-%m-%dT00:00:00Z}"
        seen = self._got(f"roster/?site={site}&day={self.day}").json()["visits"]
        assert len(seen) == _years.A_DAY, len(seen)
        free = f"availability/?practitioner={person}&room={room}&{span}&minutes=60"
        assert self._got(free).json()["intervals"]
        asked: dict[str, tuple[Callable[[], Any], int]] = {
            "no rows at all": (lambda: self._got("/health/live"), CALLS),
            "roster of a day": (lambda: self._got(f"roster/?site={site}&day={self.day}"), CALLS),
            "the same rows, bare": (lambda: self._got(f"/bare/{site}/{self.day}/"), CALLS),
            "a month of open slots": (lambda: self._got(free), FEW),
            "gap worklist": (lambda: self._got("gaps/?flagged=true"), CALLS),
            "idle sweep": (lambda: gaps.sweep(now=timezone.now() - timedelta(days=3650)), CALLS),
            "a single booking": (self._book, FEW),
        }
        for name, (call, calls) in asked.items():
            self.taken.setdefault(name, []).extend(milliseconds(call, calls))

    def figures(self) -> dict[str, float]:
        return {name: statistics.median(taken) for name, taken in self.taken.items()}

    def _book(self) -> None:
        patient, start = next(self.fresh)
        body = {"patient": str(patient.pk), "kind": "therapy", "start": start.isoformat(), "mode": "video"}
        answer = self.api.post("appointments/", {**body, "site": str(self.one.site.pk)})
        assert answer.status_code == 201, answer.content


def bookings(one: _years.Place, today: datetime, count: int) -> list[Any]:
    """New patients, each with a start when the therapists of the site are free."""
    made = []
    day = today + timedelta(days=400)
    while len(made) < count:
        day += timedelta(days=1)
        if day.isoweekday() < 6:
            at = day.replace(hour=16, minute=0, second=0, microsecond=0)
            made += [(factories.patient(one.site, consents=False), at) for _ in range(6)]
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--ten-million", action="store_true")
    options = parser.parse_args()
    wanted = 10_000_000 if options.ten_million else options.visits
    logging.disable(logging.WARNING)
    settings.ROOT_URLCONF = "tests.bench.scale"
    settings.ALLOWED_HOSTS = ["testserver"]
    today = timezone.now()
    ours = factories.practice("Scale")
    version = factories.protocol(ours)
    first_day = (today - timedelta(days=_years.PAST)).replace(hour=4, minute=0, second=0, microsecond=0)
    first = _years.place(ours)
    of = _years.pattern(_years.place(ours), version, today)
    api = program(ours)
    api.http = Client(raise_request_exception=True)
    fresh = bookings(first, today, BLOCKS * (FEW + 5))
    large = _sizes.current()
    small, sizes = "", []
    for size in (10_000, wanted):
        built = 0 if small else 1
        missing = round(size / (_years.A_DAY * _years.DAYS)) - (0 if built else 1)
        places = [first] if built else [_years.place(ours) for _ in range(missing)]
        began = time.perf_counter()
        _years.fill(places=places, of=of, first_day=first_day)
        flagged = FollowUpGap.objects.filter(flagged=True)
        if not flagged.exists():
            some = (
                FollowUpGap.objects.filter(site=first.site).order_by("id").values_list("id", flat=True)[:40]
            )
            FollowUpGap.objects.filter(id__in=list(some)).update(flagged=True)
        sizes.append(Appointment.objects.count())
        print(f"{sizes[-1]} visits, filled in {time.perf_counter() - began:.0f} s", flush=True)
        small = small or _sizes.copied()
    # What the filling left in this process would be gone through by every collection of garbage.
    garbage.settle()
    both = [Measured(name, api, first, today, fresh) for name in (small, large)]
    for _ in range(BLOCKS):
        for one in both:
            one.block()
    tell(sizes, *(one.figures() for one in both))
    connections.close_all()


def tell(sizes: Sequence[int], few: dict[str, float], many: dict[str, float]) -> None:
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'median, ms':24}{sizes[0]:>12}{sizes[1]:>12}  ratio (goal <= 1.2)")
    for name, value in few.items():
        print(f"{name:24}{value:12.2f}{many[name]:12.2f}  {many[name] / value:.2f}")
    bare = many["roster of a day"] / many["the same rows, bare"]
    print(f"ratio: {bare:.2f} roster against the bare rows (goal <= 2.5)")
    print(f"a month of open slots over two resources: {many['a month of open slots']:.1f} ms (goal <= 20)")


if __name__ == "__main__":
    main()
