"""The small world of the state machine: one clinic, two patients, short courses, and a clock that is moved by
hand.

Every act is one call of a use case. A refusal that a user could get is an answer like any other, and must
leave no trace; everything else that is raised is a fault.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from clinic.practice import prepared
from clinic.practice.errors import DomainError
from clinic.practice.joined import Joined
from patients.models import Patient
from scheduling import states
from scheduling.booking.course import courses, reviews
from scheduling.booking.protocol import protocols
from scheduling.booking.visit import appointments, gaps, single
from scheduling.booking.waiting import holds
from scheduling.booking.wanted.holding import Hold
from scheduling.followups import gaps as stored
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories

# Six weeks from either date pass a change of New York's clocks.
STARTS = (datetime(2026, 2, 20, 13, 7, tzinfo=UTC), datetime(2026, 10, 12, 13, 7, tzinfo=UTC))
STEPS = {
    True: ("check_in", "start", "end_administration", "discharge"),
    False: ("check_in", "complete"),
}
REASON = "A reason."
_COURSES, _VISITS, _GAPS = Joined(TreatmentCourse), Joined(Appointment), Joined(FollowUpGap)


def short_protocol() -> dict[str, Any]:
    """Four doses in two weeks, each with its follow-up, after one preparation, then a review and a second
    phase of two: small, and every rule applies.

    A follow-up stays possible until its grace ends, after the next dose has begun.
    """
    document = factories.document()
    document |= {"key": "short_series", "name": "Short series"}
    first, second = document["phases"]
    days = {"interval_min_days": 7, "interval_ideal_days": 7, "interval_max_days": 14}
    document["phases"] = [
        {**first, "sessions": 4, "example_offsets_days": [0, 3, 7, 10]},
        {**second, **days, "sessions": 2, "exit_review_required": False},
    ]
    document["plan"].pop("series")
    return document


class World:
    """What the machine acts on. `now` only moves forward; time passing is the sweep's work."""

    def __init__(self) -> None:
        self.clinic = factories.small_clinic()
        self.version = protocols.create(actor=self.clinic.admin, document=short_protocol(), now=factories.NOW)
        self.patients: list[Patient] = []
        for _ in range(2):
            someone = factories.patient(self.clinic.site)
            factories.ready(someone, self.version, now=STARTS[0] - timedelta(days=1))
            self.patients.append(someone)
        self.actor = self.clinic.admin
        self.now = STARTS[0]
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        # A step that was refused changed nothing: what was true is true.
        self.changed = True
        # What is undone with an example would have to be checked again in the next.
        connection.check_constraints()
        self._seen: dict[Joined[Any], list[Any]] = {}

    # What stands, read once after each act

    def courses(self, *status: str) -> list[TreatmentCourse]:
        return self._standing(_COURSES, "created_at, one.id", status)

    def visits(self, *status: str) -> list[Appointment]:
        return self._standing(_VISITS, "start, one.kind, one.ref, one.id", status)

    def gaps(self, *status: str) -> list[FollowUpGap]:
        return self._standing(_GAPS, "opens_at, one.unit_key", status)

    def _standing(self, rows: Joined[Any], order: str, status: tuple[str, ...]) -> list[Any]:
        if rows not in self._seen:
            self._seen[rows] = rows.fetch(f"ORDER BY one.{order}", [])
        return [one for one in self._seen[rows] if not status or one.status in status]

    def forget(self) -> None:
        """What was read may be true no longer."""
        self._seen.clear()
        self.changed = True

    # Acts

    def act(self, name: str, call: Callable[[], Any]) -> Any:
        """Call a use case. A refusal writes nothing: the whole trail is as long as before."""
        before = _written()
        try:
            found = call()
        except DomainError as refusal:
            self.refused[f"{name}: {refusal.code}"] += 1
            assert _written() == before, f"{name} was refused and left a trace"
            return None
        self.done[name] += 1
        self.forget()
        return found if found is not None else True

    def pass_time(self, until: datetime) -> None:
        """Let time pass to the instant; the sweep follows, as it does each minute in the clinic."""
        assert until >= self.now
        self.now = until
        self.forget()
        holds.expire(now=self.now)
        reviews.sweep(now=self.now)
        stored.sweep(now=self.now)

    def book(self, *, patient: int, skip: tuple[str, ...], days: int, hold: Hold | None = None) -> None:
        local = self.now.astimezone(ZoneInfo(factories.NEW_YORK)).date()

        def call() -> Any:
            best = courses.propose(
                actor=self.actor,
                patient_id=self.patients[patient].pk,
                protocol_id=self.version.template_id,
                start_on_or_after=local + timedelta(days=days),
                alternatives=1,
                now=self.now,
            )[0]
            kept = {one.ref for one in best.plan.visits}
            return courses.book(
                actor=self.actor,
                now=self.now,
                proposal=best.token,
                skip=[one for one in skip if one in kept],
                hold=hold,
            )

        self.act("hold" if hold else "book", call)

    def end_hold(self, *, course: TreatmentCourse, book: bool) -> None:
        name, use_case = ("book hold", holds.book_course) if book else ("release", holds.release_course)
        self.act(name, lambda: use_case(actor=self.actor, course_id=course.pk, now=self.now))

    def book_visit(self, *, gap: FollowUpGap, share: float) -> None:
        """A follow-up, somewhere between its window's opening and the end of its grace."""
        if gap.opens_at is None or gap.grace_until is None:
            return
        span = gap.grace_until - gap.opens_at
        local = (gap.opens_at + span * share).astimezone(ZoneInfo(factories.NEW_YORK))
        # Within working hours: outside them it is refused, and nothing is learned.
        local = local.replace(hour=8 + local.hour % 9, minute=0, second=0, microsecond=0)
        start = local.astimezone(UTC)
        late = start < self.now
        dose = gap.doses.first()
        wanted = single.Visit(
            patient_id=gap.patient_id,
            kind="integration",
            start=start,
            course_id=gap.course_id,
            follows_id=dose.appointment_id if dose else None,
            mode="video",
            late_entry_reason=REASON if late else "",
        )
        self.act("book visit", lambda: single.book(actor=self.actor, now=self.now, visit=wanted))

    def step(self, *, visit: Appointment, verb: str) -> None:
        """One transition, now: whether the state allows it or not."""
        self.act(
            verb,
            lambda: appointments.transition(
                actor=self.actor, appointment_id=visit.pk, verb=verb, now=self.now, reason=REASON
            ),
        )

    def attend(self, *, visit: Appointment, minutes: int) -> None:
        """The patient comes: recorded step by step, the last one `minutes` after the planned end."""
        end = max(visit.start + timedelta(minutes=50), visit.end + timedelta(minutes=minutes))
        self.pass_time(max(self.now, end))
        dose = visit.kind in states.MONITORED
        for verb in STEPS[dose]:
            last = verb in ("discharge", "complete")
            at = end if last else visit.start + timedelta(minutes=5)

            def call(verb: str = verb, at: datetime = at) -> Any:
                return appointments.transition(
                    actor=self.actor,
                    appointment_id=visit.pk,
                    verb=verb,
                    now=self.now,
                    at=at,
                    overrides=[{"rule_id": "S-09", "reason": REASON}] if verb == "discharge" else (),
                )

            if self.act(f"{verb} {_when(visit, at)}" if last else verb, call) is None:
                return

    def miss(self, *, visit: Appointment) -> None:
        self.pass_time(max(self.now, visit.end))
        self.step(visit=visit, verb="no_show")

    def cancel_course(self, *, course: TreatmentCourse) -> None:
        self.act(
            "cancel course",
            lambda: courses.cancel(actor=self.actor, course_id=course.pk, reason=REASON, now=self.now),
        )

    def waive(self, *, gap: FollowUpGap) -> None:
        verb = gaps.waive if gap.waived_at is None else gaps.unwaive
        self.act(verb.__name__, lambda: verb(actor=self.actor, gap_id=gap.pk, reason=REASON, now=self.now))

    def attest(self, *, gap: FollowUpGap, hours: int) -> None:
        at = min(self.now, (gap.opens_at or self.now) + timedelta(hours=hours))
        self.act("attest", lambda: gaps.attest(actor=self.actor, gap_id=gap.pk, attended_at=at, now=self.now))


def _written() -> int:
    [(found,)] = prepared.fetch("SELECT count(*) FROM practice_trailentry", [])
    return int(found)


def _when(visit: Appointment, ended: datetime) -> str:
    return "early" if ended < visit.end else "late" if ended > visit.end else "as planned"
