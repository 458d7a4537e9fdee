"""Messages to patients as rows that are still to be written: to whom, by which channel, when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from notifications.planning import kinds, outbox, policy, practice_terms, preferences, recipients, terms
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.policy import Timing
from notifications.planning.preferences import Preferences
from notifications.planning.terms import Settled, Terms
from patients.models import Patient
from scheduling import states
from scheduling.booking.writing import links
from scheduling.models import Appointment
from scheduling.models.appointment import Status

# A message of a visit is for one that is still to come.
EXPECTED = (Status.BOOKED, Status.CONFIRMED)


def queue(*, messages: Sequence[Draft], now: datetime, also: Iterable[Appointment] = ()) -> None:
    """Write messages to patients, and the links of the visits that they tell of, and of `also`."""
    told = {(one.practice_id, one.subject_id) for one in messages if one.subject_kind == "appointment"}
    if messages:
        links.make(visits=sorted(told | {(one.practice_id, one.pk) for one in also}), now=now)
    outbox.queue(messages=messages, now=now)


class People:
    """Patients with what their practice says and their usable channels, loaded for many at once."""

    def __init__(
        self,
        patients: Mapping[UUID, Patient],
        *,
        said: Mapping[UUID, Terms] | None = None,
        channels: Mapping[tuple[UUID, str], tuple[str, ...]] | None = None,
    ) -> None:
        """`said`, by practice, and `channels`, by patient and sort of message, are asked of the database
        unless given."""
        self.patients = patients
        self._said = said
        if channels is None:
            channels = recipients.usable_by_sort(patient_ids=patients.keys()) if patients else {}
        self.channels = channels

    def preferred(self, patient_id: UUID, kind: str) -> str:
        """The first of the practice's order that works now, or else its first: consent may come, and when it
        is due the re-check finds the next channel.
        """
        return self.every(patient_id, kind)[0]

    def every(self, patient_id: UUID, kind: str) -> tuple[str, ...]:
        order = self._preferences(patient_id).order(kind)
        usable = self.channels.get((patient_id, kinds.rule(kind).category), ())
        return tuple(one for one in order if one in usable) or order[:1]

    def settled(self, visit: Appointment, kind: str, protocol: Terms) -> Settled:
        """Whether a kind goes about a visit, and when. What the patient wants is asked when it is to go."""
        return terms.settle(kind=kind, protocol=protocol, practice=self.said(visit.practice_id))

    def said(self, practice_id: UUID) -> Terms:
        """What a practice says of each kind."""
        if self._said is None:
            practices = {one.practice_id for one in self.patients.values()}
            self._said = practice_terms.of(practice_ids=practices)
        return self._said[practice_id]

    def due(self, patient_id: UUID, timing: Timing, now: datetime) -> datetime | None:
        """When to send, outside the patient's quiet hours (R-10)."""
        zone, window = self.patients[patient_id].time_zone, self._preferences(patient_id).window
        return policy.send_at(timing=timing, zone=zone, window=window, now=now)

    def _preferences(self, patient_id: UUID) -> Preferences:
        return preferences.of(self.patients[patient_id].practice)


def people_of(visits: Iterable[Appointment]) -> People:
    """The visits' patients; those that came with their visit are not read again."""
    visits = list(visits)
    known = {one.patient_id: one.patient for one in visits if Appointment.patient.is_cached(one)}
    missing = {one.patient_id for one in visits} - known.keys()
    rest = Patient.objects.select_related("practice").in_bulk(list(missing)) if missing else {}
    return People({**known, **rest})


def grace() -> timedelta:
    """What is undone within it sends nothing."""
    return timedelta(seconds=settings.MESSAGE_GRACE_SECONDS)


def still_to_come(appointments: Iterable[Appointment], now: datetime) -> list[Appointment]:
    """Those that are expected, in their order."""
    expected = [one for one in appointments if one.status in EXPECTED and one.start > now]
    return sorted(expected, key=lambda one: (one.start, one.pk))


def news(
    kind: Kind,
    until: Appointment,
    people: People,
    now: datetime,
    *,
    subject_kind: str,
    subject_id: UUID,
    version: int,
    subject_at: datetime | None = None,
) -> list[Draft]:
    """What was just done, by every channel, useful until the visit `until` begins."""
    timing = policy.course_booked(booked_at=now, first_start=until.start, grace=grace())
    if timing is None:
        return []
    drafts = []
    for channel in people.every(until.patient_id, kind):
        # An e-mail may come at any hour: it answers what was just done (see notifications.sending.decision).
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


def queue_one(
    appointment: Appointment, kind: Kind, timing: Timing | None, people: People, now: datetime
) -> None:
    """Write the message of one visit."""
    outbox.queue(messages=draft(appointment, kind, timing, people, now), now=now)


def draft(
    visit: Appointment, kind: Kind, timing: Timing | None, people: People, now: datetime
) -> list[Draft]:
    """The message of one visit by one channel; none where it would be of no use any more."""
    due_at = people.due(visit.patient_id, timing, now) if timing else None
    if timing is None or due_at is None:
        return []
    return [
        Draft(
            practice_id=visit.practice_id,
            patient_id=visit.patient_id,
            kind=kind,
            channel=people.preferred(visit.patient_id, kind),
            subject_kind="appointment",
            subject_id=visit.pk,
            subject_version=visit.version,
            subject_at=visit.start,
            course_id=visit.course_id,
            category=kinds.rule(kind).category,
            uncapped=kinds.rule(kind).uncapped_for_doses and visit.kind in states.DOSES,
            due_at=due_at,
            useful_until=timing.useful_until,
        )
    ]
