"""Years of visits written by SQL: a practice of many sites, each with thirty visits a workday.

One booked course gives the pattern of every row, so that a column added later is filled as well. Sites grow
with the number of visits, patients too, so that a day, a patient and a follow-up record are as large in ten
thousand visits as in ten million; only the tables grow.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import connection

from clinic.practice.models import Site, StaffMember
from scheduling.booking.course import courses
from tests import factories

A_DAY, A_PATIENT, DAYS = 30, 30, 300
# Half of the days have passed.
PAST = DAYS // 2
AT_ONCE = 5


@dataclass(frozen=True)
class Place:
    """A site as the filling needs it: ten people and ten rooms, three visits each a day."""

    site: Site
    people: list[StaffMember]
    rooms: list[Any]


def place(practice: Any) -> Place:
    here = factories.site(practice)
    people = [factories.worker(here, "prescriber"), factories.worker(here, "monitor")]
    people += [factories.worker(here, "therapist") for _ in range(8)]
    rooms = [factories.room(here, "infusion_chair") for _ in range(4)]
    rooms += [factories.room(here, "therapy_room") for _ in range(6)]
    return Place(here, people, rooms)


def pattern(one: Place, version: Any, now: datetime) -> dict[str, Any]:
    """The rows that all others are copies of: a patient, a course, a dose with its record."""
    someone = factories.patient(one.site, consents=False)
    actor = factories.admin(one.site.practice)
    best = courses.propose(
        actor=actor,
        patient_id=someone.pk,
        protocol_id=version.template_id,
        start_on_or_after=now.date() + timedelta(days=7),
        alternatives=1,
        now=now,
    )[0]
    return {"patient": someone.pk, "course": courses.book(actor=actor, proposal=best.token, now=now)}


def fill(*, places: list[Place], of: dict[str, Any], first_day: datetime) -> None:
    """Copies of the pattern at these sites: patients, courses, visits, places, records, without triggers."""
    parts = [places[begun : begun + AT_ONCE] for begun in range(0, len(places), AT_ONCE)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(lambda some: _fill(some, {**of, "day": first_day}), parts))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _fill(some: list[Place], of: dict[str, Any]) -> None:
    """One part, on a connection of its own."""
    with (
        psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw,
        psycopg.ClientCursor(raw) as cursor,
    ):
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(
            "CREATE TEMP TABLE new_site AS SELECT * FROM unnest(%s::uuid[]) AS t (site)",
            [[one.site.pk for one in some]],
        )
        cursor.execute(
            """
            CREATE TEMP TABLE new_person AS
            SELECT * FROM unnest(%s::uuid[], %s::int[], %s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[])
                AS t (site, number, staff, staff_place, room, room_place)
            """,
            _columns(some),
        )
        cursor.execute(_COPIES, {**of, "days": DAYS, "past": PAST, "a_day": A_DAY})


def _columns(some: list[Place]) -> list[list[Any]]:
    rows = [
        (
            one.site.pk,
            number,
            one.people[number].pk,
            one.people[number].resource_id,
            one.rooms[number].pk,
            one.rooms[number].resource_id,
        )
        for one in some
        for number in range(len(one.rooms))
    ]
    return [list(column) for column in zip(*rows, strict=True)]


# Visit k of a site's day: person and room k modulo 10, at nine, twelve and three; every fifth is a dose. The
# patient is another one each time of the site's days * 30 / 30.
_COPIES = """
CREATE TEMP TABLE new_patient AS
SELECT site, number, gen_random_uuid() AS patient, gen_random_uuid() AS course,
       nextval(pg_get_serial_sequence('practice_resource', 'id')) AS place
FROM new_site, generate_series(0, %(days)s - 1) AS number;

INSERT INTO practice_resource (id, practice_id, kind)
SELECT place, practice_id, 'patient' FROM new_patient, patients_patient WHERE id = %(patient)s;

INSERT INTO patients_patient SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', patient, 'site_id', site, 'resource_id', place))).*
FROM new_patient, patients_patient one WHERE one.id = %(patient)s;

INSERT INTO scheduling_treatmentcourse SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', course, 'site_id', site, 'patient_id', patient))).*
FROM new_patient, scheduling_treatmentcourse one WHERE one.id = %(course)s;

CREATE TEMP TABLE new_visit AS
SELECT gen_random_uuid() AS visit, gen_random_uuid() AS gap, day, k, one.site, patient, course, place,
       staff, staff_place, room, room_place,
       %(day)s::timestamptz + make_interval(days => day, hours => 9 + 3 * (k / 10)) AS start,
       k %% 5 = 0 AS dose, day < %(past)s AS past
FROM generate_series(0, %(days)s - 1) AS day, generate_series(0, %(a_day)s - 1) AS k, new_site one
JOIN new_person person ON person.site = one.site
JOIN new_patient someone ON someone.site = one.site
WHERE person.number = k %% 10 AND someone.number = (day * 7 + k * 11) %% %(days)s;

INSERT INTO scheduling_appointment SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', visit, 'site_id', site, 'patient_id', patient, 'course_id', course, 'phase_id', NULL,
    'kind', CASE WHEN dose THEN 'dosing' ELSE 'therapy' END, 'ref', '', 'room_id', room,
    'status', CASE WHEN past THEN 'fulfilled' ELSE 'booked' END,
    'start', new_visit.start, 'end', new_visit.start + interval '2 hours',
    'local_date', (new_visit.start AT TIME ZONE one.time_zone)::date,
    'local_time', (new_visit.start AT TIME ZONE one.time_zone)::time,
    'completed_at', CASE WHEN past THEN new_visit.start END, 'completed_by', CASE WHEN past THEN 'x' END,
    'follows_id', NULL, 'updated_at', least(new_visit.start, one.updated_at)))).*
FROM new_visit, scheduling_appointment one WHERE one.course_id = %(course)s AND one.ref = 'dose-1';

INSERT INTO scheduling_appointmentpractitioner (appointment_id, staff_id, role, presence, seats)
SELECT visit, staff, 'therapist', 'exclusive', 12 FROM new_visit;

INSERT INTO scheduling_occupancy (practice_id, resource_id, seats, during, appointment_id)
SELECT one.practice_id, taken.place, '[0,12)',
       tstzrange(new_visit.start, new_visit.start + interval '2 hours'), visit
FROM new_visit, patients_patient one,
     LATERAL (VALUES (new_visit.place), (staff_place), (room_place)) AS taken (place)
WHERE one.id = %(patient)s ORDER BY taken.place, new_visit.start;

INSERT INTO scheduling_followupgap SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', gap, 'site_id', site, 'patient_id', patient, 'course_id', course, 'unit_key', 'dose:' || visit,
    'status', CASE WHEN past THEN 'closed' ELSE 'covered' END, 'flagged', false, 'severity', 'low',
    'opens_at', new_visit.start + interval '14 hours', 'closes_at', new_visit.start + interval '74 hours',
    'grace_until', new_visit.start + interval '7 days',
    'next_change_at', CASE WHEN NOT past THEN new_visit.start + interval '14 hours' END))).*
FROM new_visit, scheduling_followupgap one
WHERE dose AND one.id = (SELECT id FROM scheduling_followupgap WHERE course_id = %(course)s LIMIT 1);

INSERT INTO scheduling_gapdose (gap_id, appointment_id) SELECT gap, visit FROM new_visit WHERE dose;
"""
