"""The nightly check of everything: stored follow-up records against two answers found by other ways.

1. Questions to the database alone, in sets: which doses owe a follow-up and have no record; which records
claim to be
   covered without enough visits in their window; which claim not to be although a visit that serves no other
   unit stands in the window.
2. Every course judged again from its facts, whatever the sweep believes is due.

Neither repairs anything: a difference means that a write forgot its refresh, and hiding that would cost the
next one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from scheduling.followups import facts as fact_rows
from scheduling.followups import gaps, rules
from scheduling.models import TreatmentCourse

BATCH = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is stored wrong: which check found it, in which course, about which unit or dose."""

    check: str
    course_id: UUID
    subject: str


# Doses that owe a follow-up: live or given, of a protocol whose follow-up rule makes records.
DOSES_WITHOUT_RECORD = """
    SELECT dose.course_id, dose.id::text
    FROM scheduling_appointment dose
    JOIN scheduling_treatmentcourse course ON course.id = dose.course_id
    JOIN scheduling_protocolversion version ON version.id = course.protocol_version_id
    LEFT JOIN scheduling_gapdose unit ON unit.appointment_id = dose.id
    WHERE dose.kind = version.document #>> '{plan,dose_kind}'
      AND dose.status IN ('booked', 'confirmed', 'arrived', 'in_progress', 'monitoring', 'fulfilled')
      AND coalesce(version.document #>> '{plan,follow_up,coverage}', 'none') NOT IN ('none', 'series')
      AND unit.id IS NULL
"""

# Visits of a unit's course that could count for it now: attended, or live and not past their end, in the
# window.
_IN_WINDOW = """
    FROM scheduling_appointment visit
    CROSS JOIN LATERAL (
        SELECT CASE WHEN visit.status = 'fulfilled'
                     AND (visit.arrived_at AT TIME ZONE visit.time_zone)::date <> visit.local_date
                    THEN visit.arrived_at ELSE visit.start END AS counted_at) AS really
    WHERE visit.course_id = gap.course_id
      AND (visit.kind = 'group_integration'
           OR visit.kind = 'integration' AND version.document #>> '{plan,follow_up,coverage}' <> 'group')
      AND (visit.status = 'fulfilled'
           OR visit.status IN ('booked', 'confirmed', 'arrived', 'in_progress', 'monitoring')
              AND visit."end" > %(now)s)
      AND (really.counted_at BETWEEN gap.opens_at AND gap.closes_at
           OR visit.accepted_unit = gap.unit_key
              AND really.counted_at BETWEEN visit.window_opens_at AND visit.window_closes_at)
"""

CLAIMED_WITHOUT_VISITS = f"""
    SELECT gap.course_id, gap.unit_key
    FROM scheduling_followupgap gap
    JOIN scheduling_treatmentcourse course ON course.id = gap.course_id
    JOIN scheduling_protocolversion version ON version.id = course.protocol_version_id
    WHERE (gap.status = 'covered' OR gap.status = 'closed' AND NOT gap.late)
      AND gap.needed > (SELECT count(*) {_IN_WINDOW})
          + (SELECT count(*) FROM scheduling_externalvisit outside WHERE outside.gap_id = gap.id)
"""

UNCOVERED_BESIDE_A_VISIT = f"""
    SELECT gap.course_id, gap.unit_key
    FROM scheduling_followupgap gap
    JOIN scheduling_treatmentcourse course ON course.id = gap.course_id
    JOIN scheduling_protocolversion version ON version.id = course.protocol_version_id
    WHERE gap.status IN ('prospective', 'open', 'lapsed')
      AND gap.needed <= (
          SELECT count(*) {_IN_WINDOW}
          AND NOT EXISTS (
              SELECT 1 FROM scheduling_gapvisit taken
              WHERE taken.appointment_id = visit.id AND taken.gap_id <> gap.id))
"""

STALE_ROWS = """
    SELECT course_id, unit_key FROM scheduling_followupgap WHERE next_change_at <= %(now)s
"""

QUESTIONS = {
    "dose_without_record": DOSES_WITHOUT_RECORD,
    "claimed_without_visits": CLAIMED_WITHOUT_VISITS,
    "uncovered_beside_a_visit": UNCOVERED_BESIDE_A_VISIT,
}


def differences(*, now: datetime) -> Iterator[Difference]:
    """Everything that is stored wrong at `now`. Reads only."""
    yield from ask(now=now)
    ids = TreatmentCourse.objects.order_by("id").values_list("id", flat=True)
    batch: list[UUID] = []
    for course_id in ids.iterator(chunk_size=BATCH):
        batch.append(course_id)
        if len(batch) == BATCH:
            yield from judge(course_ids=batch, now=now)
            batch = []
    yield from judge(course_ids=batch, now=now)


def confirmed(*, clock: Callable[[], datetime]) -> list[Difference]:
    """What differs on two looks. Between the statements of one look people and the sweep write, and a long
    look judges by a `now` that has passed: such a difference is gone, or another one, at the second.
    """
    first = set(differences(now=clock()))
    if not first:
        return []
    now = clock()
    suspects = sorted({one.course_id for one in first})
    second = set(ask(now=now))
    for start in range(0, len(suspects), BATCH):
        second |= set(judge(course_ids=suspects[start : start + BATCH], now=now))
    return sorted(first & second, key=lambda one: (one.course_id, one.check, one.subject))


def ask(*, now: datetime) -> Iterator[Difference]:
    """The questions in sets; rows that the sweep has yet to visit are not held against anybody."""
    with connection.cursor() as cursor:
        cursor.execute(STALE_ROWS, {"now": now})
        waiting = set(cursor.fetchall())
        for check, question in QUESTIONS.items():
            cursor.execute(question, {"now": now})
            for course_id, subject in cursor.fetchall():
                if (course_id, subject) not in waiting:
                    yield Difference(check, course_id, subject)


def judge(*, course_ids: list[UUID], now: datetime) -> Iterator[Difference]:
    """Every unit of these courses, computed anew and compared with what is stored."""
    for facts in fact_rows.load(course_ids=course_ids):
        answers = rules.evaluate(
            rule=facts.protocol.follow_up,
            zone=facts.course.site.time_zone,
            doses=facts.doses,
            visits=facts.visits,
            now=now,
            waived=facts.waived,
            overrides=facts.overrides,
            hours=facts.hours,
        )
        for answer in answers:
            gap = facts.gaps.get(answer.key)
            if gap is None or gaps.differs(gap=gap, answer=answer):
                waiting = gap is not None and gap.next_change_at is not None and gap.next_change_at <= now
                if not waiting:
                    yield Difference("judged_otherwise", facts.course.id, answer.key)
        gone = facts.gaps.keys() - {answer.key for answer in answers}
        for key in sorted(gone):
            if facts.gaps[key].status != "void":
                yield Difference("unit_without_doses", facts.course.id, key)
