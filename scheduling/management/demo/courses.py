"""Each story as events of the replay: booking, the visits' days, and what people did about the follow-ups."""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.models import Site
from patients import decisions
from patients.models import EligibilityDecision, Patient
from scheduling import states
from scheduling.booking.course import courses
from scheduling.booking.protocol import protocols
from scheduling.booking.visit import appointments, gaps, single
from scheduling.errors import SchedulingError, SlotTaken
from scheduling.followups import facts
from scheduling.management.demo.place import Built
from scheduling.management.demo.replay import Event, Replay
from scheduling.management.demo.stories import Story
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from scheduling.planning import windows
from scheduling.planning.values import Span
from scheduling.roster import availability, recurrence

LEAD = timedelta(days=10)
# Doses that are discharged a little later than planned, as they are.
LATER = (0, 5, 0, 10, 0, 20)
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Telling:
    """One story being told."""

    story: Story
    built: Built
    site: Site
    patient: Patient
    replay: Replay

    @property
    def first_day(self) -> datetime:
        """Ten o'clock, local, of the day on which the first dose is due; a Monday instead of a week end."""
        today = windows.local_day(zone=self.site.time_zone, instant=self.replay.now)
        day = today - timedelta(days=self.story.days_ago)
        while day.isoweekday() > 5:
            # A dose that is behind us stays behind us.
            day += timedelta(days=-1 if self.story.days_ago > 0 else 1)
        return recurrence.boundary(self.site.time_zone, day, time(10), False)


GapEvent = Callable[[Telling, FollowUpGap, Appointment, datetime], None]


def tell(*, story: Story, built: Built, patient: Patient, replay: Replay) -> None:
    """Plan the story's events. A course that is there already is only carried on."""
    telling = Telling(story, built, patient.site, patient, replay)
    course = TreatmentCourse.objects.filter(patient=patient).first()
    if course is not None:
        _live(telling, course.pk)
        return
    booked_at = min(telling.first_day - LEAD, replay.now - timedelta(hours=3))
    replay.at(booked_at, lambda now: _book(telling, now))


def _book(telling: Telling, now: datetime) -> None:
    story, built, patient = telling.story, telling.built, telling.patient
    desk = built.acting("front_desk")
    _make_ready(telling, now - timedelta(hours=1))
    local_day = windows.local_day(zone=telling.site.time_zone, instant=telling.first_day)
    proposal = courses.propose(
        actor=desk,
        patient_id=patient.pk,
        protocol_key=story.protocol,
        start_on_or_after=local_day,
        site_id=telling.site.pk,
        alternatives=1,
        now=now,
    )[0]
    unbooked = {f"dose-{number}" for number in story.unbooked}
    skip = tuple(
        visit.ref for visit in proposal.visits if visit.kind == "integration" and visit.follows in unbooked
    )
    course_id = courses.book(actor=desk, proposal=proposal.token, skip=skip, now=now)
    _live(telling, course_id)
    if story.stopped_after is not None:
        lead = built.acting("clinical_lead")
        telling.replay.at(
            telling.first_day + timedelta(days=story.stopped_after),
            lambda at: courses.cancel(actor=lead, course_id=course_id, reason="Patient moved away", now=at),
        )


def _make_ready(telling: Telling, now: datetime) -> None:
    built, patient, key = telling.built, telling.patient, telling.story.protocol
    if EligibilityDecision.objects.filter(patient=patient).exists():
        return
    template = protocols.protocols(actor=built.actor).get(template__key=key)
    prescriber, desk = built.acting("prescriber"), built.acting("front_desk")
    asked: dict[str, Any] = {"patient_id": patient.pk, "now": now}
    decisions.decide_eligibility(actor=prescriber, protocol_key=key, decision="eligible", **asked)
    decisions.record_consent(actor=desk, protocol_key=key, protocol_version=template.version, **asked)
    score = 14 + patient.birth_date.day % 10
    decisions.record_measure(actor=prescriber, code="PHQ-9", score=score, **asked)


def _live(telling: Telling, course_id: UUID) -> None:
    """The days of the course's visits, as far as they have come."""
    for visit in Appointment.objects.filter(course_id=course_id).order_by("start"):
        _visit(telling, visit)
    story = telling.story
    for dose, hours, event in (
        (story.waived, 30, _waive),
        (story.elsewhere, 60, _attest),
        (story.late, 73, _attend_late),
        (story.booked_late, 73, _book_late),
    ):
        if dose is not None:
            _about_follow_up(telling, course_id, dose, hours, event)


def _visit(telling: Telling, visit: Appointment) -> None:
    story, replay = telling.story, telling.replay
    if visit.ref in story.unrecorded:
        return
    if visit.ref in story.cancelled:
        replay.at(
            visit.start - timedelta(days=1),
            _move(telling, visit, "cancel", ("front_desk",), "Patient is ill"),
        )
        return
    if visit.ref in story.missed:
        replay.at(visit.start + 20 * MINUTE, _move(telling, visit, "no_show", ("front_desk",)))
        return
    if visit.start > replay.now - timedelta(days=1):
        replay.at(visit.start - timedelta(hours=40), _move(telling, visit, "confirm", ("front_desk",)))
    replay.at(visit.start - 5 * MINUTE, _move(telling, visit, "check_in", ("front_desk",)))
    if visit.kind == "dosing":
        _dose(telling, visit)
    elif visit.kind == "device":
        replay.at(visit.start + 5 * MINUTE, _move(telling, visit, "start", ("operator",)))
        replay.at(visit.end, _move(telling, visit, "complete", ("operator",)))
    else:
        people = ("prescriber",) if visit.kind.endswith("review") else ("therapist",)
        replay.at(visit.end, _move(telling, visit, "complete", people))


def _dose(telling: Telling, visit: Appointment) -> None:
    assert visit.course is not None
    block = facts.protocol_of(visit.course.protocol_version_id).block
    starts = visit.start + block.check_in * MINUTE
    ends = visit.end + LATER[visit.start.day % len(LATER)] * MINUTE
    watching = ("monitor", "prescriber")
    replay = telling.replay
    replay.at(visit.start - 10 * MINUTE, lambda now: _score(telling, visit, now))
    replay.at(starts, _move(telling, visit, "start", watching))
    replay.at(starts + block.administration * MINUTE, _move(telling, visit, "end_administration", watching))
    replay.at(ends, _move(telling, visit, "discharge", watching))


def _score(telling: Telling, visit: Appointment, now: datetime) -> None:
    """How the patient is before a dose: mostly better each time, and not always."""
    first, given = 14 + telling.patient.birth_date.day % 10, visit.sequence or 1
    score = max(2, first - 2 * (given - 1) + (3 if given % 4 == 3 else 0))
    monitor = telling.built.acting("monitor", "prescriber")
    decisions.record_measure(actor=monitor, patient_id=telling.patient.pk, code="PHQ-9", score=score, now=now)


def _move(telling: Telling, visit: Appointment, verb: str, roles: Collection[str], reason: str = "") -> Event:
    """One transition, left out when the visit's state no longer allows it: its course was stopped, or it
    was made before.
    """

    def event(now: datetime) -> None:
        status, kind = Appointment.objects.values_list("status", "kind").get(pk=visit.pk)
        if verb in states.allowed(machine=states.APPOINTMENT, state=status, kind=kind):
            appointments.transition(
                actor=telling.built.acting(*roles),
                appointment_id=visit.pk,
                verb=verb,
                reason=reason,
                now=now,
            )

    return event


# --- follow-ups that took another way ---------------------------------------------------------------------
def _about_follow_up(telling: Telling, course_id: UUID, dose: int, hours: int, event: GapEvent) -> None:
    """Something that people do about a dose's follow-up, so many hours after the dose."""
    visit = Appointment.objects.filter(course_id=course_id, ref=f"dose-{dose}").first()
    if visit is None:
        return

    def happen(now: datetime) -> None:
        gap = FollowUpGap.objects.filter(course_id=course_id, doses__appointment=visit).first()
        if gap is not None:
            event(telling, gap, visit, now)

    telling.replay.at(visit.end + timedelta(hours=hours), happen)


def _waive(telling: Telling, gap: FollowUpGap, dose: Appointment, now: datetime) -> None:
    if gap.status not in ("void", "closed", "waived"):
        gaps.waive(
            actor=telling.built.acting("therapist"),
            gap_id=gap.pk,
            reason="The patient sees a counsellor of their own",
            now=now,
        )


def _attest(telling: Telling, gap: FollowUpGap, dose: Appointment, now: datetime) -> None:
    if gap.status not in ("void", "closed", "waived"):
        gaps.attest(
            actor=telling.built.acting("front_desk"),
            gap_id=gap.pk,
            attended_at=now - timedelta(hours=8),
            provider="a counsellor outside the practice",
            now=now,
        )


def _attend_late(telling: Telling, gap: FollowUpGap, dose: Appointment, now: datetime) -> None:
    visit = _follow_up_after(telling, dose, not_before=now + timedelta(hours=2), now=now)
    if visit is not None:
        _visit(telling, visit)


def _book_late(telling: Telling, gap: FollowUpGap, dose: Appointment, now: datetime) -> None:
    _follow_up_after(telling, dose, not_before=telling.replay.now + timedelta(hours=1), now=now)


def _follow_up_after(
    telling: Telling, dose: Appointment, *, not_before: datetime, now: datetime
) -> Appointment | None:
    """Book the first follow-up that a therapist has time for from then on, within the dose's grace."""
    assert dose.course is not None
    rule = facts.protocol_of(dose.course.protocol_version_id).follow_up
    assert rule is not None
    whole_hour = not_before.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    grace = Span(whole_hour, dose.end + timedelta(hours=rule.grace_hours))
    desk = telling.built.acting("front_desk")
    found: list[tuple[datetime, UUID]] = []
    for member in telling.built.staff.values():
        if "therapist" in member.roles and grace.start < grace.end:
            free = availability.free(
                actor=desk,
                site_id=telling.site.pk,
                span=grace,
                practitioner_id=member.pk,
                patient_id=telling.patient.pk,
                minutes=rule.minutes,
                now=now,
            )
            found += [(span.start, member.pk) for span in free]
    for start, therapist in sorted(found):
        wanted = single.Visit(
            patient_id=telling.patient.pk,
            kind="integration",
            start=start,
            course_id=dose.course_id,
            follows_id=dose.pk,
            practitioner_ids=(therapist,),
        )
        with suppress(SchedulingError, SlotTaken):
            return Appointment.objects.get(pk=single.book(actor=desk, visit=wanted, now=now))
    return None
