"""How far messages reach: counted in the database, a few statements for a span of at most a year."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from notifications.planning import kinds
from notifications.planning.kinds import Together

# Reminders that are due before the span, of visits within it.
LEAD = "8 days"
REMINDERS = tuple(str(kind) for kind in kinds.RULES if kinds.rule(kind).together is Together.COMING)
HANDED_OVER = ("handing_over", "accepted", "delivered", "undelivered", "in_doubt")


@dataclass(frozen=True, slots=True)
class Span:
    """Days of the sites, both ends included; `since` and `before` are their instants at the first site."""

    first: date
    last: date
    since: datetime
    before: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Row:
    """The messages of one kind and channel that were due in the span, by what became of them. `reasons` are
    those that were not sent, were withdrawn or failed, by state and reason."""

    kind: str
    channel: str
    states: dict[str, int]
    reasons: dict[tuple[str, str], int]

    @property
    def planned(self) -> int:
        return sum(self.states.values())

    @property
    def handed_over(self) -> int:
        return sum(self.states.get(one, 0) for one in HANDED_OVER)

    def of(self, *states: str) -> int:
        return sum(self.states.get(one, 0) for one in states)


@dataclass(frozen=True, slots=True)
class Reach:
    """Visits that took place or were missed, by whether a reminder was `delivered`, was handed over without a
    report that it arrived (`sent`), or neither (`none`). `confirmed`: after the reminder, where one went."""

    reach: str
    visits: int
    missed: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Month:
    """The parts of text messages that were handed over in a month, `2026-05`."""

    month: str
    messages: int
    parts: int


MESSAGES = """
SELECT m.kind, m.channel, m.state,
       CASE WHEN m.state IN ('suppressed', 'cancelled', 'failed_final')
            THEN split_part(m.state_reason, ':', 1) ELSE '' END AS reason,
       count(*)
FROM notifications_message m
WHERE m.practice_id = %(practice)s AND m.due_at >= %(since)s AND m.due_at < %(before)s
  AND m.patient_id IS NOT NULL
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
"""
PARTS = """
SELECT to_char(m.due_at AT TIME ZONE %(zone)s, 'YYYY-MM') AS month, count(*), sum(a.segments)
FROM notifications_message m JOIN notifications_attempt a ON a.message_id = m.id
WHERE m.practice_id = %(practice)s AND m.due_at >= %(since)s AND m.due_at < %(before)s
  AND a.segments IS NOT NULL AND a.outcome IN ('accepted', 'in_doubt')
GROUP BY 1 ORDER BY 1
"""
# A reminder that another one said as well has reached its visit too.
VISITS = """
WITH sent AS (
    SELECT m.subject_id AS visit_id, m.state, a.begun_at, a.covers
    FROM notifications_message m JOIN notifications_attempt a ON a.id = m.current_attempt
    WHERE m.practice_id = %(practice)s AND m.kind = ANY(%(kinds)s)
      AND m.due_at >= %(since)s - %(lead)s::interval AND m.due_at < %(before)s
      AND m.state IN ('accepted', 'delivered')
), told AS (
    SELECT visit_id, state, begun_at FROM sent
    UNION ALL
    SELECT c.subject_id, s.state, s.begun_at
    FROM sent s CROSS JOIN LATERAL unnest(s.covers) AS said(id)
    JOIN notifications_message c ON c.id = said.id
    WHERE c.state = 'cancelled' AND c.state_reason = 'merged'
), reached AS (
    SELECT visit_id, bool_or(state = 'delivered') AS delivered, min(begun_at) AS first
    FROM told GROUP BY visit_id
)
SELECT CASE WHEN r.visit_id IS NULL THEN 'none' WHEN r.delivered THEN 'delivered' ELSE 'sent' END AS reach,
       count(*),
       count(*) FILTER (WHERE v.status = 'no_show'),
       count(*) FILTER (WHERE v.confirmed_at IS NOT NULL
                          AND (r.first IS NULL OR v.confirmed_at >= r.first))
FROM scheduling_appointment v LEFT JOIN reached r ON r.visit_id = v.id
WHERE v.site_id = ANY(%(sites)s) AND v.local_date BETWEEN %(first)s AND %(last)s
  AND v.status IN ('fulfilled', 'no_show')
GROUP BY 1
"""


def messages(*, actor: Actor, span: Span) -> list[Row]:
    """By kind and channel."""
    permissions.check(actor=actor, capability="messages.read")
    found: dict[tuple[str, str], Row] = {}
    for kind, channel, state, reason, count in _rows(MESSAGES, _given(actor, span)):
        row = found.setdefault((kind, channel), Row(kind, channel, {}, {}))
        row.states[state] = row.states.get(state, 0) + count
        if state in ("suppressed", "cancelled", "failed_final"):
            row.reasons[state, reason] = row.reasons.get((state, reason), 0) + count
    return list(found.values())


def parts(*, actor: Actor, span: Span) -> list[Month]:
    """What the text messages of each month cost in parts; a try that the provider refused costs nothing."""
    permissions.check(actor=actor, capability="messages.read")
    return [Month(*row) for row in _rows(PARTS, _given(actor, span))]


def visits(*, actor: Actor, span: Span) -> dict[str, Reach]:
    """The visits of the span that are over, by how a reminder reached their patients."""
    permissions.check(actor=actor, capability="appointments.read")
    sites = [one.pk for one in places.sites(actor=actor)]
    given = _given(actor, span) | {
        "kinds": [*REMINDERS],
        "lead": LEAD,
        "sites": sites,
        "first": span.first,
        "last": span.last,
    }
    counted = {row[0]: Reach(*row) for row in _rows(VISITS, given)}
    return {one: counted.get(one, Reach(one, 0, 0, 0)) for one in ("delivered", "sent", "none")}


def _given(actor: Actor, span: Span) -> dict[str, Any]:
    return {"practice": actor.practice_id, "since": span.since, "before": span.before, "zone": span.zone}


def _rows(statement: str, given: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        yield from cursor.fetchall()
