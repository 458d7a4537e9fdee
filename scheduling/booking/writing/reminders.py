"""What a booking, a cancellation, a discharge and a no-show mean for messages: called inside the use case's
transaction.

Here it is decided what is planned; `message_facts` answers, when it is to be sent, whether it is still
true. The number of queries does not depend on how many visits there are.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from clinic.practice import opening
from notifications.models import Message
from notifications.planning import ledger, outbox, policy
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.policy import Timing
from notifications.planning.terms import Settled, Terms
from scheduling import states
from scheduling.booking.writing import ahead, drafts, inviting, links
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from scheduling.models.appointment import Status
from scheduling.models.patient_link import Purpose

AFTER_A_DOSE = (Kind.CHECK_IN, Kind.FOLLOW_UP_MISSING, Kind.WINDOW_HALF, Kind.NEXT_LINK, Kind.CHOOSE_TIME)
# What has no sense once its visit is cancelled.
OF_A_VISIT = (*ahead.KINDS, *AFTER_A_DOSE, Kind.VISIT_MOVED, Kind.NO_SHOW)


def on_course_booked(*, course: TreatmentCourse, appointments: Sequence[Appointment], now: datetime) -> None:
    """One confirmation for the whole course, by every channel the patient allows, and reminders of each
    visit.
    """
    coming = drafts.still_to_come(appointments, now)
    if not coming:
        return
    people = drafts.People({course.patient_id: course.patient})
    told = confirmation(course=course, coming=coming, people=people, now=now)
    drafts.queue(messages=[*told, *ahead.of(coming, people, now)], also=coming[:1], now=now)


def confirmation(
    *, course: TreatmentCourse, coming: Sequence[Appointment], people: drafts.People, now: datetime
) -> list[Draft]:
    """The news that a course is booked."""
    return _confirmation(
        coming, people, now, subject_kind="course", subject_id=course.pk, version=course.version
    )


def on_appointments_booked(*, appointments: Sequence[Appointment], now: datetime) -> None:
    """One confirmation a patient for what was booked together, and reminders of each visit."""
    drafts.queue(messages=booked(appointments=appointments, now=now), now=now)


def booked(*, appointments: Sequence[Appointment], now: datetime) -> list[Draft]:
    """What `on_appointments_booked` writes."""
    coming = drafts.still_to_come(appointments, now)
    people = drafts.people_of(coming)
    return [*_confirmations(coming, people, now), *ahead.of(coming, people, now)]


def listed(*, course: TreatmentCourse, visits: Sequence[Appointment], now: datetime) -> list[Draft]:
    """The list of a course's coming visits, by e-mail alone, each time that somebody asks for it; empty where
    none is to come or no e-mail may go. It is of use until the last of them: the first may begin at once."""
    coming = drafts.still_to_come(visits, now)
    people = drafts.people_of(coming)
    if not coming or "email" not in people.every(course.patient_id, Kind.VISIT_LIST):
        return []
    asked = Message.objects.filter(kind=Kind.VISIT_LIST, subject_id=course.pk).count()
    made = drafts.news(
        Kind.VISIT_LIST,
        coming[-1],
        people,
        now,
        subject_kind="course",
        subject_id=course.pk,
        version=asked + 1,
    )
    return [one for one in made if one.channel == "email"]


def moved(*, visits: Sequence[Appointment], now: datetime) -> list[Draft]:
    """The news of a new time, one message a visit and channel; those that go together are said in one."""
    coming = drafts.still_to_come(visits, now)
    people = drafts.people_of(coming)
    made = []
    for one in coming:
        made += drafts.news(
            Kind.VISIT_MOVED,
            one,
            people,
            now,
            subject_kind="appointment",
            subject_id=one.pk,
            version=one.version,
            subject_at=one.start,
        )
    return made


def planned(*, visits: Sequence[Appointment], told: Collection[UUID], now: datetime) -> list[Draft]:
    """The reminders of visits that have moved. `told` are those of which other news goes out just now."""
    coming = drafts.still_to_come(visits, now)
    people = drafts.people_of(coming)
    return ahead.of(coming, people, now, told=told)


def on_offered(*, visit: Appointment, until: datetime, now: datetime) -> None:
    """One message to who waits, by one channel: a place is kept for them `until`. None where it could not go
    before, or the practice has it switched off: then they are called."""
    links.make(visits=[(visit.practice_id, visit.pk)], purpose=Purpose.OFFER, now=now)
    people, course = drafts.people_of([visit]), visit.course
    protocol = ahead.terms_of(version_id=course.protocol_version_id if course else None)
    if people.settled(visit, Kind.WAITLIST_OFFER, protocol).on:
        timing = Timing(due_at=now, defer_until=until, useful_until=until)
        drafts.queue_one(visit, Kind.WAITLIST_OFFER, timing, people, now)


def on_offer_over(*, visit_id: UUID, now: datetime) -> None:
    """It was answered, or its time is over: nobody is told of it any more."""
    outbox.withdraw(subject_ids=[visit_id], kinds=[Kind.WAITLIST_OFFER], reason="offer_over", now=now)


def on_reinstated(*, appointments: Sequence[Appointment], now: datetime) -> None:
    """Tell of visits that take place after all, and remind of them again; `version` must have grown since."""
    outbox.withdraw(
        subject_ids=[one.pk for one in appointments],
        kinds=(*ahead.KINDS, Kind.COURSE_BOOKED, Kind.NO_SHOW, Kind.VISIT_CANCELLED),
        reason="superseded",
        now=now,
    )
    on_appointments_booked(appointments=appointments, now=now)


def on_corrected(*, appointment: Appointment, before: str, now: datetime) -> None:
    """Withdraw all that was planned on what was recorded `before`, and remind of a visit that is expected
    after all; what else follows from the truth is planned by its own call.
    """
    kinds = [*AFTER_A_DOSE, Kind.NO_SHOW]
    if appointment.status not in drafts.EXPECTED or before not in drafts.EXPECTED:
        kinds += ahead.KINDS
    outbox.withdraw(
        subject_ids=[appointment.pk],
        kinds=kinds,
        reason="record_corrected",
        now=now,
    )
    prepare_anew(ended=[appointment.pk], now=now)
    if before not in drafts.EXPECTED:
        coming = drafts.still_to_come([appointment], now)
        drafts.queue(messages=ahead.of(coming, drafts.people_of(coming), now), now=now)


def on_entered_in_error(*, subject_ids: Sequence[UUID], now: datetime) -> None:
    """Nothing goes out about what should never have been written."""
    outbox.withdraw(subject_ids=subject_ids, reason="entered_in_error", now=now)
    prepare_anew(ended=subject_ids, now=now)


def prepare_anew(*, ended: Collection[UUID], now: datetime) -> None:
    """Where a dose does not happen, the one after it may be the first."""
    drafts.queue(messages=ahead.of_new_firsts(ended=ended, now=now), now=now)


def on_course_cancelled(*, course: TreatmentCourse, now: datetime) -> None:
    """Withdraw the course's messages, except those of visits that stay: follow-ups of doses already given."""
    ended = Appointment.objects.filter(course_id=course.pk).exclude(
        status__in=(*drafts.EXPECTED, Status.ARRIVED, Status.IN_PROGRESS, Status.MONITORING, Status.FULFILLED)
    )
    outbox.withdraw(
        subject_ids=[course.pk, *ended.values_list("pk", flat=True)],
        kinds=set(Kind) - {Kind.VISIT_CANCELLED},
        reason="course_cancelled",
        now=now,
    )


def on_discharged(*, appointment: Appointment, now: datetime) -> None:
    """20 to 24 hours after a dose, a word to the patient: how they are, or that the follow-up is not booked;
    and again when half of its window is over.

    All are planned even when the follow-up stands: that may be cancelled meanwhile, and the re-check keeps
    them silent else. What has been said once is not said again after a correction.
    """
    said = _said(appointment)
    made = [one for one in afterwards(appointment=appointment, now=now) if one.kind not in said]
    if appointment.kind in states.DOSES and (appointment.discharged_at or appointment.completed_at):
        inviting.invite(dose=appointment, now=now)
    outbox.queue(messages=made, now=now)


def afterwards(*, appointment: Appointment, now: datetime) -> list[Draft]:
    """What `on_discharged` writes of a dose that is over; nothing before that."""
    ended_at = appointment.discharged_at or appointment.completed_at
    if ended_at is None:
        return []
    people = drafts.people_of([appointment])
    course = appointment.course
    protocol = ahead.terms_of(version_id=course.protocol_version_id if course else None)
    settled = {kind: people.settled(appointment, kind, protocol) for kind in AFTER_A_DOSE}
    timings: dict[Kind, Timing | None] = {}
    if appointment.kind in states.MONITORED:
        timings[Kind.CHECK_IN] = _check_in(ended_at, settled[Kind.CHECK_IN], now)
    gap = FollowUpGap.objects.filter(doses__appointment_id=appointment.pk).exclude(closes_at=None).first()
    if gap and gap.opens_at and gap.closes_at:
        timings[Kind.FOLLOW_UP_MISSING] = policy.follow_up_missing(
            discharged_at=ended_at,
            closes_at=gap.closes_at,
            changed_at=now,
            hours=settled[Kind.FOLLOW_UP_MISSING].hours,
            grace=drafts.grace(),
        )
        timings[Kind.WINDOW_HALF] = policy.window_half(
            discharged_at=ended_at, opens_at=gap.opens_at, closes_at=gap.closes_at, changed_at=now
        )
    made = [
        drafts.draft(appointment, kind, timing, people, now)
        for kind, timing in timings.items()
        if settled[kind].on
    ]
    return list(chain.from_iterable(made))


def check_in(*, dose: Appointment, people: drafts.People, protocol: Terms) -> list[tuple[Draft, Settled]]:
    """What asks how somebody is after a dose that ends when it is planned to, with who has it so."""
    if dose.kind not in states.MONITORED:
        return []
    settled = people.settled(dose, Kind.CHECK_IN, protocol)
    timing = _check_in(dose.end, settled, dose.end)
    return [(one, settled) for one in drafts.draft(dose, Kind.CHECK_IN, timing, people, dose.end)]


def _check_in(ended_at: datetime, settled: Settled, now: datetime) -> Timing | None:
    return policy.check_in(discharged_at=ended_at, changed_at=now, hours=settled.hours, grace=drafts.grace())


def _said(appointment: Appointment) -> set[str]:
    """The kinds that have been said of a visit whose record was changed since."""
    if appointment.version == 1:
        return set()
    rows = Message.objects.filter(subject_id=appointment.pk, state__in=ledger.HANDED_OVER)
    return set(rows.values_list("kind", flat=True))


def on_no_show(*, appointment: Appointment, now: datetime) -> None:
    """No more reminders of this visit; the next business morning an offer of a new time, without blame."""
    outbox.withdraw(
        subject_ids=[appointment.pk],
        kinds=(*ahead.KINDS, Kind.VISIT_MOVED, Kind.COURSE_BOOKED),
        reason="visit_no_show",
        now=now,
    )
    prepare_anew(ended=[appointment.pk], now=now)
    marked_at = appointment.no_show_at or now
    zone = appointment.time_zone
    timing = policy.after_no_show(
        marked_at=marked_at,
        zone=zone,
        closed=opening.closed_days(site_id=appointment.site_id, zone=zone, since=marked_at),
        weekdays=opening.weekdays(site_id=appointment.site_id) or policy.BUSINESS_DAYS,
    )
    drafts.queue_one(appointment, Kind.NO_SHOW, timing, drafts.people_of([appointment]), now)


def _confirmations(coming: Sequence[Appointment], people: drafts.People, now: datetime) -> list[Draft]:
    by_patient: dict[UUID, list[Appointment]] = defaultdict(list)
    for one in coming:
        by_patient[one.patient_id].append(one)
    each = (
        _confirmation(
            visits,
            people,
            now,
            subject_kind="appointment",
            subject_id=visits[0].pk,
            version=visits[0].version,
        )
        for visits in by_patient.values()
    )
    return list(chain.from_iterable(each))


def _confirmation(
    visits: Sequence[Appointment],
    people: drafts.People,
    now: datetime,
    *,
    subject_kind: str,
    subject_id: UUID,
    version: int,
) -> list[Draft]:
    return drafts.news(
        Kind.COURSE_BOOKED,
        visits[0],
        people,
        now,
        subject_kind=subject_kind,
        subject_id=subject_id,
        version=version,
    )
