"""What must hold after every step, whatever happened: each a question to the database, or the follow-up rules
computed a second, naive time."""

from datetime import datetime
from typing import Any

from django.db import connection

from scheduling.followups import facts
from scheduling.followups.facts import CourseFacts
from scheduling.models import FollowUpGap
from tests.machine.world import World
from tests.scheduling.followups import naive

LIVE = "('booked', 'confirmed', 'arrived', 'in_progress', 'monitoring')"
OFF = "('cancelled', 'no_show', 'displaced', 'entered_in_error')"
EXPECTED = "('booked', 'confirmed')"
AHEAD = "('preparation', 'reminder_72h', 'measure_due', 'reminder_24h', 'ride_home')"
UNCORRECTED = """NOT EXISTS (SELECT 1 FROM practice_trailentry line
    WHERE line.subject_id = visit.id AND line.verb = 'appointment.correct')"""

# $1 is now.
QUESTIONS = {
    # A visit that happened is history; one that was recorded or corrected in spite of a clash has no places.
    "a live visit has the patient's place": f"""
        SELECT visit.id, visit.status FROM scheduling_appointment visit
        JOIN patients_patient patient ON patient.id = visit.patient_id
        WHERE visit.status IN {LIVE} AND visit.late_entry_reason = '' AND {UNCORRECTED} AND NOT EXISTS (
            SELECT 1 FROM scheduling_occupancy taken WHERE taken.appointment_id = visit.id
              AND taken.resource_id = patient.resource_id
              AND taken.during @> tstzrange(visit.start, visit."end"))
    """,
    "a live visit has the places of all who take part": f"""
        SELECT visit.id, visit.status, part.role FROM scheduling_appointment visit
        JOIN scheduling_appointmentpractitioner part ON part.appointment_id = visit.id
        JOIN practice_staffmember person ON person.id = part.staff_id
        WHERE visit.status IN {LIVE} AND visit.late_entry_reason = '' AND {UNCORRECTED} AND part.seats > 0
          AND part.seats <> (
            SELECT coalesce(sum(upper(taken.seats) - lower(taken.seats)), 0) FROM scheduling_occupancy taken
            WHERE taken.appointment_id = visit.id AND taken.resource_id = person.resource_id)
    """,
    "nobody and nothing is in two places": """
        SELECT a.id, b.id FROM scheduling_occupancy a JOIN scheduling_occupancy b
            ON a.resource_id = b.resource_id AND a.id < b.id
        WHERE lower(a.during) < upper(b.during) AND lower(b.during) < upper(a.during)
          AND lower(a.seats) < upper(b.seats) AND lower(b.seats) < upper(a.seats)
    """,
    "a hold has its places until it expires": """
        SELECT visit.id, visit.start FROM scheduling_appointment visit
        WHERE visit.status = 'held' AND visit.hold_expires_at > $1 AND NOT EXISTS (
            SELECT 1 FROM scheduling_occupancy taken WHERE taken.appointment_id = visit.id
              AND taken.expires_at = visit.hold_expires_at)
    """,
    "nobody is told of a hold": """
        SELECT message.kind, visit.id FROM notifications_message message
        JOIN scheduling_appointment visit ON visit.id = message.subject_id
        WHERE visit.status = 'held' AND message.state IN ('planned', 'leased')
    """,
    "a visit that does not happen has no place": f"""
        SELECT visit.id, visit.status FROM scheduling_appointment visit
        JOIN scheduling_occupancy taken ON taken.appointment_id = visit.id
        WHERE visit.status IN {OFF}
    """,
    "places are where the visit is": """
        SELECT visit.id, taken.during::text FROM scheduling_appointment visit
        JOIN scheduling_occupancy taken ON taken.appointment_id = visit.id
        WHERE lower(taken.during) <> visit.start
    """,
    "every dose that owes a follow-up has its unit": """
        SELECT dose.id, dose.status FROM scheduling_appointment dose
        WHERE dose.kind = 'dosing'
          AND dose.status IN ('booked', 'confirmed', 'arrived', 'in_progress', 'monitoring', 'fulfilled')
          AND NOT EXISTS (SELECT 1 FROM scheduling_gapdose unit WHERE unit.appointment_id = dose.id)
    """,
    # A dose that was taken back to booked after its course had ended is for people to look at.
    "a course that rests or is over has no dose to come": f"""
        SELECT course.status, visit.ref, visit.status FROM scheduling_treatmentcourse course
        JOIN scheduling_appointment visit ON visit.course_id = course.id
        WHERE course.status IN ('paused', 'completed', 'stopped', 'entered_in_error')
          AND visit.kind = 'dosing' AND visit.status IN ('held', 'booked', 'confirmed')
          AND visit.start > $1 AND {UNCORRECTED}
    """,
    "the wall time is the instant": """
        SELECT id, start FROM scheduling_appointment
        WHERE (start AT TIME ZONE time_zone) <> (local_date + local_time)
    """,
    # One of a visit that began or is over stays planned, and is held back when it would be sent.
    "a reminder tells a visit that stands, at its time": f"""
        SELECT message.kind, visit.status FROM notifications_message message
        JOIN scheduling_appointment visit ON visit.id = message.subject_id
        WHERE message.state IN ('planned', 'leased') AND message.kind IN {AHEAD}
          AND (visit.status IN {OFF} OR visit.start <> message.subject_at)
    """,
    "no message twice": f"""
        SELECT message.kind, message.subject_id FROM notifications_message message
        WHERE message.state IN ('planned', 'leased') AND message.kind IN {AHEAD}
        GROUP BY message.kind, message.subject_id, message.channel HAVING count(*) > 1
    """,
    # Four days ahead neither reminder can have gone yet, nor be left out for being too soon.
    "a visit to come has both its reminders": f"""
        SELECT visit.id, visit.ref FROM scheduling_appointment visit
        WHERE visit.status IN {EXPECTED} AND visit.start > $1 + interval '4 days'
          AND 2 <> (SELECT count(DISTINCT message.kind) FROM notifications_message message
                    WHERE message.subject_id = visit.id AND message.kind LIKE 'reminder%'
                      AND message.state IN ('planned', 'leased'))
    """,
    "a dose to come asks who takes the patient home, and for measures": f"""
        SELECT visit.id, visit.ref FROM scheduling_appointment visit
        WHERE visit.status IN {EXPECTED} AND visit.kind = 'dosing' AND visit.start > $1 + interval '4 days'
          AND 2 <> (SELECT count(DISTINCT message.kind) FROM notifications_message message
                    WHERE message.subject_id = visit.id AND message.kind IN ('ride_home', 'measure_due')
                      AND message.state IN ('planned', 'leased'))
    """,
    # Ten days ahead there is time for it, also from the day after whatever made this dose the first.
    "a first dose to come has its preparation": f"""
        SELECT visit.id, visit.ref FROM scheduling_appointment visit
        WHERE visit.status IN {EXPECTED} AND visit.kind = 'dosing' AND visit.start > $1 + interval '10 days'
          AND NOT EXISTS (SELECT 1 FROM scheduling_appointment earlier
                          WHERE earlier.course_id = visit.course_id
                          AND earlier.kind = 'dosing' AND earlier.start < visit.start
                          AND earlier.status NOT IN {OFF})
          AND NOT EXISTS (SELECT 1 FROM notifications_message message WHERE message.subject_id = visit.id
                          AND message.kind = 'preparation' AND message.state IN ('planned', 'leased'))
    """,
    "what is said of a visit is so": """
        SELECT message.kind, visit.status FROM notifications_message message
        JOIN scheduling_appointment visit ON visit.id = message.subject_id
        WHERE message.state IN ('planned', 'leased')
          AND (message.kind = 'no_show' AND visit.status <> 'no_show'
               OR message.kind IN ('check_in', 'follow_up_missing', 'window_half')
                  AND visit.status <> 'fulfilled')
    """,
    "what people are asked is still a question": f"""
        SELECT task.kind, visit.status FROM practice_workitem task
        JOIN scheduling_appointment visit ON visit.id = task.subject_id
        LEFT JOIN scheduling_appointment dose ON dose.id = visit.follows_id
        JOIN scheduling_treatmentcourse course ON course.id = visit.course_id
        WHERE task.done_at IS NULL
          AND (task.kind IN ('missed_dose', 'orphaned_follow_up') AND course.status = 'entered_in_error'
               OR task.kind = 'missed_dose' AND visit.status <> 'no_show'
               OR task.kind = 'orphaned_follow_up' AND (visit.status IN {OFF} OR dose.status NOT IN {OFF}))
    """,
    "a fact has its author": """
        SELECT id, status FROM scheduling_appointment
        WHERE status = 'fulfilled' AND arrived_at IS NULL OR status = 'no_show' AND no_show_at IS NULL
           OR status = 'cancelled' AND cancelled_at IS NULL
    """,
}


ALL = " UNION ALL ".join(
    f"SELECT $name${name}$name$, found::text FROM ({question}) found" for name, question in QUESTIONS.items()
)


def check(world: World) -> None:
    """Raise AssertionError with what is wrong."""
    with connection.cursor() as cursor:
        # What would only be refused at the commit is refused here.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SELECT 1 FROM pg_prepared_statements WHERE name = 'questions'")
        if not cursor.fetchone():
            cursor.execute(f"PREPARE questions (timestamptz) AS {ALL}")
        cursor.execute("EXECUTE questions (%s)", [world.now])
        found = cursor.fetchall()
    assert not found, found
    _units(world)


def _units(world: World) -> None:
    for course in facts.load(course_ids=[one.pk for one in world.courses()]):
        found = differences_of(course, world.now)
        assert not found, found


def differences_of(course: CourseFacts, now: datetime) -> list[str]:
    """Every record of the course that says anything else than the naive rules do, or that is missing."""
    assert course.protocol.follow_up is not None
    expected = naive.snapshot(
        rule=course.protocol.follow_up,
        zone=course.course.site.time_zone,
        doses=course.doses,
        visits=course.visits,
        waived=course.waived,
        now=now,
    )
    found = [f"{key} has no record" for key in expected.keys() - course.gaps.keys()]
    for key, gap in course.gaps.items():
        told = _stored(gap, course)
        wanted = dict(expected.get(key, {"state": "void", "visits": ()}))
        # Outside visits hang on their record themselves.
        wanted["visits"] = tuple(one for one in wanted["visits"] if not one.startswith("external:"))
        wrong = {name: (told[name], value) for name, value in wanted.items() if told[name] != value}
        if wrong:
            found.append(f"{key}: stored, and what is true: {wrong}")
        if gap.next_change_at is not None and gap.next_change_at <= now:
            found.append(f"{key} was left behind by the sweep")
    return found


def _stored(gap: FollowUpGap, course: CourseFacts) -> dict[str, Any]:
    return {
        "state": gap.status,
        "severity": gap.severity,
        "flagged": gap.flagged,
        "late": gap.late,
        "booked_late": gap.booked_late,
        "attendance_unrecorded": gap.attendance_unrecorded,
        "review_needed": gap.review_needed,
        "attended_after": gap.attended_after,
        "visits": tuple(sorted(str(one.appointment_id) for one in course.gap_visits if one.gap_id == gap.pk)),
    }
