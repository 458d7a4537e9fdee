"""What a booking, a cancellation, a discharge and a no-show mean for messages: called inside the use case's
transaction.

Here it is decided what is planned; `message_facts` answers, when it is to be sent, whether it is still
true. The number of queries does not depend on how many visits there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from django.conf import settings

from clinic.practice import opening
from notifications import ledger, outbox, policy, preferences, recipients
from notifications.models import Message
from notifications.outbox import Draft
from notifications.policy import Kind, Timing
from patients.models import Patient
from scheduling import states
from scheduling.booking.writing import links
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from scheduling.models.appointment import Status

# A reminder is for a visit that is still to come.
EXPECTED = (Status.BOOKED, Status.CONFIRMED)
REMINDERS = ((Kind.REMINDER_72H, 72), (Kind.REMINDER_24H, 24))
REMINDER_KINDS = tuple(kind for kind, _ in REMINDERS)
# What has no sense once its visit is cancelled.
OF_A_VISIT = (*REMINDER_KINDS, Kind.VISIT_MOVED, Kind.FOLLOW_UP_MISSING, Kind.NO_SHOW)


def on_course_booked(*, course: TreatmentCourse, appointments: Sequence[Appointment], now: datetime) -> None:
    """One confirmation for the whole course, by every channel the patient allows, and reminders of each
    visit.
    """
    coming = _coming(appointments, now)
    if not coming:
        return
    people = _People({course.patient_id: course.patient})
    messages = [
        *_confirmation(
            coming, people, now, subject_kind="course", subject_id=course.pk, version=course.version
        ),
        *_reminders(coming, people, now),
    ]
    queue(messages=messages, also=coming[:1], now=now)


def on_appointments_booked(*, appointments: Sequence[Appointment], now: datetime) -> None:
    """One confirmation a patient for what was booked together, and reminders of each visit."""
    queue(messages=booked(appointments=appointments, now=now), now=now)


def queue(*, messages: Sequence[Draft], now: datetime, also: Iterable[Appointment] = ()) -> None:
    """Write messages to patients, and the links of the visits that they tell of, and of `also`."""
    told = {(one.practice_id, one.subject_id) for one in messages if one.subject_kind == "appointment"}
    if messages:
        links.make(visits=sorted(told | {(one.practice_id, one.pk) for one in also}), now=now)
    outbox.queue(messages=messages, now=now)


def booked(*, appointments: Sequence[Appointment], now: datetime) -> list[Draft]:
    """What `on_appointments_booked` writes."""
    coming = _coming(appointments, now)
    people = _people(coming)
    return [*_confirmations(coming, people, now), *_reminders(coming, people, now)]


def listed(*, course: TreatmentCourse, visits: Sequence[Appointment], now: datetime) -> list[Draft]:
    """The list of a course's coming visits, by e-mail alone, each time that somebody asks for it; empty where
    none is to come or no e-mail may go. It is of use until the last of them: the first may begin at once."""
    coming = _coming(visits, now)
    people = _people(coming)
    if not coming or "email" not in people.every(course.patient_id):
        return []
    asked = Message.objects.filter(kind=Kind.VISIT_LIST, subject_id=course.pk).count()
    drafts = _news(
        Kind.VISIT_LIST,
        coming[-1],
        people,
        now,
        subject_kind="course",
        subject_id=course.pk,
        version=asked + 1,
    )
    return [one for one in drafts if one.channel == "email"]


def moved(*, visits: Sequence[Appointment], now: datetime) -> list[Draft]:
    """The news of a new time, one message a visit and channel; those that go together are said in one."""
    coming = _coming(visits, now)
    people = _people(coming)
    drafts = []
    for one in coming:
        drafts += _news(
            Kind.VISIT_MOVED,
            one,
            people,
            now,
            subject_kind="appointment",
            subject_id=one.pk,
            version=one.version,
            subject_at=one.start,
        )
    return drafts


def planned(*, visits: Sequence[Appointment], told: Collection[UUID], now: datetime) -> list[Draft]:
    """The reminders of visits that have moved. `told` are those of which other news goes out just now."""
    coming = _coming(visits, now)
    people = _people(coming)
    return _reminders(coming, people, now, told=told)


def on_reinstated(*, appointments: Sequence[Appointment], now: datetime) -> None:
    """Tell of visits that take place after all, and remind of them again; `version` must have grown since."""
    outbox.withdraw(
        subject_ids=[one.pk for one in appointments],
        kinds=(*REMINDER_KINDS, Kind.COURSE_BOOKED, Kind.NO_SHOW),
        reason="superseded",
        now=now,
    )
    on_appointments_booked(appointments=appointments, now=now)


def on_corrected(*, appointment: Appointment, before: str, now: datetime) -> None:
    """Withdraw all that was planned on what was recorded `before`, and remind of a visit that is expected
    after all; what else follows from the truth is planned by its own call.
    """
    kinds = [Kind.FOLLOW_UP_MISSING, Kind.NO_SHOW]
    if appointment.status not in EXPECTED or before not in EXPECTED:
        kinds += REMINDER_KINDS
    outbox.withdraw(
        subject_ids=[appointment.pk],
        kinds=kinds,
        reason="record_corrected",
        now=now,
    )
    if before not in EXPECTED:
        coming = _coming([appointment], now)
        queue(messages=_reminders(coming, _people(coming), now), now=now)


def on_entered_in_error(*, subject_ids: Sequence[UUID], now: datetime) -> None:
    """Nothing goes out about what should never have been written."""
    outbox.withdraw(subject_ids=subject_ids, reason="entered_in_error", now=now)


def on_cancelled(*, appointments: Sequence[Appointment], now: datetime) -> None:
    """Withdraw what is planned about these visits. A confirmation tells others too: it is left to the
    re-check when sent.
    """
    outbox.withdraw(
        subject_ids=[one.pk for one in appointments],
        kinds=OF_A_VISIT,
        reason="visit_cancelled",
        now=now,
    )


def on_course_cancelled(*, course: TreatmentCourse, now: datetime) -> None:
    """Withdraw the course's messages, except those of visits that stay: follow-ups of doses already given."""
    ended = Appointment.objects.filter(course_id=course.pk).exclude(
        status__in=(*EXPECTED, Status.ARRIVED, Status.IN_PROGRESS, Status.MONITORING, Status.FULFILLED)
    )
    outbox.withdraw(
        subject_ids=[course.pk, *ended.values_list("pk", flat=True)], reason="course_cancelled", now=now
    )


def on_discharged(*, appointment: Appointment, now: datetime) -> None:
    """20 to 24 hours after a dose, a word to the patient if its follow-up is not booked by then.

    It is planned even when the follow-up stands: that may be cancelled meanwhile, and the re-check keeps it
    silent else. What has been said once is not said again after a correction.
    """
    ended_at = appointment.discharged_at or appointment.completed_at
    if ended_at is None or _was_said(appointment, Kind.FOLLOW_UP_MISSING):
        return
    gap = FollowUpGap.objects.filter(doses__appointment_id=appointment.pk).exclude(closes_at=None).first()
    if gap is None or gap.closes_at is None:
        return
    timing = policy.follow_up_missing(
        discharged_at=ended_at, closes_at=gap.closes_at, changed_at=now, grace=_grace()
    )
    people = _people([appointment])
    _queue_one(appointment, Kind.FOLLOW_UP_MISSING, timing, people, now)


def _was_said(appointment: Appointment, kind: Kind) -> bool:
    said = Message.objects.filter(subject_id=appointment.pk, kind=kind, state__in=ledger.HANDED_OVER)
    return appointment.version > 1 and said.exists()


def on_no_show(*, appointment: Appointment, now: datetime) -> None:
    """No more reminders of this visit; the next business morning an offer of a new time, without blame."""
    outbox.withdraw(
        subject_ids=[appointment.pk],
        kinds=(*REMINDER_KINDS, Kind.VISIT_MOVED, Kind.COURSE_BOOKED),
        reason="visit_no_show",
        now=now,
    )
    marked_at = appointment.no_show_at or now
    zone = appointment.time_zone
    timing = policy.after_no_show(
        marked_at=marked_at,
        zone=zone,
        closed=opening.closed_days(site_id=appointment.site_id, zone=zone, since=marked_at),
        weekdays=opening.weekdays(site_id=appointment.site_id) or policy.BUSINESS_DAYS,
    )
    _queue_one(appointment, Kind.NO_SHOW, timing, _people([appointment]), now)


class _People:
    """Patients with their practice's preferences and their usable channels, loaded for many at once."""

    def __init__(self, patients: Mapping[UUID, Patient]) -> None:
        self.patients = patients
        self.channels = recipients.usable_channels(patient_ids=self.patients.keys()) if self.patients else {}

    def preferred(self, patient_id: UUID) -> str:
        """One that works now, or else SMS: consent may come, and when it is due the re-check finds the next
        channel.
        """
        return next(iter(self.every(patient_id)))

    def every(self, patient_id: UUID) -> tuple[str, ...]:
        return self.channels.get(patient_id) or ("sms",)

    def due(self, patient_id: UUID, timing: Timing, now: datetime) -> datetime | None:
        """When to send, outside the patient's quiet hours (R-10)."""
        patient = self.patients[patient_id]
        window = preferences.of(patient.practice).window
        return policy.send_at(timing=timing, zone=patient.time_zone, window=window, now=now)


def _people(visits: Iterable[Appointment]) -> _People:
    """The visits' patients; those that came with their visit are not read again."""
    visits = list(visits)
    known = {one.patient_id: one.patient for one in visits if Appointment.patient.is_cached(one)}
    missing = {one.patient_id for one in visits} - known.keys()
    rest = Patient.objects.select_related("practice").in_bulk(list(missing)) if missing else {}
    return _People({**known, **rest})


def _grace() -> timedelta:
    return timedelta(seconds=settings.MESSAGE_GRACE_SECONDS)


def _coming(appointments: Iterable[Appointment], now: datetime) -> list[Appointment]:
    expected = [one for one in appointments if one.status in EXPECTED and one.start > now]
    return sorted(expected, key=lambda one: (one.start, one.pk))


def _confirmations(coming: Sequence[Appointment], people: _People, now: datetime) -> list[Draft]:
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
    people: _People,
    now: datetime,
    *,
    subject_kind: str,
    subject_id: UUID,
    version: int,
) -> list[Draft]:
    return _news(
        Kind.COURSE_BOOKED,
        visits[0],
        people,
        now,
        subject_kind=subject_kind,
        subject_id=subject_id,
        version=version,
    )


def _news(
    kind: Kind,
    until: Appointment,
    people: _People,
    now: datetime,
    *,
    subject_kind: str,
    subject_id: UUID,
    version: int,
    subject_at: datetime | None = None,
) -> list[Draft]:
    """What was just done, by every channel, useful until the visit `until` begins."""
    timing = policy.course_booked(booked_at=now, first_start=until.start, grace=_grace())
    if timing is None:
        return []
    drafts = []
    for channel in people.every(until.patient_id):
        # An e-mail may come at any hour: it answers what was just done (see notifications.decision).
        due_at = timing.due_at if channel == "email" else people.due(until.patient_id, timing, now)
        if due_at is not None:
            drafts.append(
                Draft(
                    practice_id=until.practice_id,
                    patient_id=until.patient_id,
                    kind=kind,
                    channel=channel,
                    subject_kind=subject_kind,
                    subject_id=subject_id,
                    subject_version=version,
                    subject_at=subject_at,
                    course_id=until.course_id,
                    due_at=due_at,
                    useful_until=timing.useful_until,
                )
            )
    return drafts


def _reminders(
    coming: Sequence[Appointment], people: _People, now: datetime, *, told: Collection[UUID] | None = None
) -> list[Draft]:
    """72 h and 24 h before each visit; none for what other news tells at about the same moment (`told`: all
    unless said)."""
    drafts = []
    for visit in coming:
        for kind, hours in REMINDERS:
            soon = visit.start - timedelta(hours=hours) <= now + _grace()
            if soon and (told is None or visit.pk in told):
                continue
            timing = policy.reminder(start=visit.start, lead_hours=hours, changed_at=now, grace=_grace())
            drafts += _draft(visit, kind, timing, people, now)
    return drafts


def _queue_one(
    appointment: Appointment, kind: Kind, timing: Timing | None, people: _People, now: datetime
) -> None:
    outbox.queue(messages=_draft(appointment, kind, timing, people, now), now=now)


def _draft(
    visit: Appointment, kind: Kind, timing: Timing | None, people: _People, now: datetime
) -> list[Draft]:
    due_at = people.due(visit.patient_id, timing, now) if timing else None
    if timing is None or due_at is None:
        return []
    return [
        Draft(
            practice_id=visit.practice_id,
            patient_id=visit.patient_id,
            kind=kind,
            channel=people.preferred(visit.patient_id),
            subject_kind="appointment",
            subject_id=visit.pk,
            subject_version=visit.version,
            subject_at=visit.start,
            course_id=visit.course_id,
            uncapped=kind is Kind.REMINDER_24H and visit.kind in states.DOSES,
            due_at=due_at,
            useful_until=timing.useful_until,
        )
    ]
