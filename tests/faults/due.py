"""A clinic with many reminders that wait until a test lets them be due."""

import itertools
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from clinic.practice.ids import new_id
from clinic.practice.models import Resource
from notifications.models import Message
from patients.models import ContactPoint, MessagingConsent, Patient
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making


class Reminders:
    """Of one practice: one patient, one number, one visit tomorrow, one reminder each; nothing is due yet."""

    def __init__(self, count: int) -> None:
        now = timezone.now()
        # Where it is noon: no quiet hours. The signs of these names are turned round.
        zone = f"Etc/GMT{now.hour - 12:+d}" if now.hour != 12 else "Etc/GMT"
        self.zone = ZoneInfo(zone)
        site = factories.site(factories.practice(), time_zone=zone)
        self.model = factories.patient(site, time_zone=zone, phone="+13035550000", email="")
        resources = Resource.objects.bulk_create(
            _again(self.model.resource, Resource, id=None) for _ in range(count)
        )
        patients = [
            _again(self.model, Patient, family_name=f"Due{number}", resource_id=one.pk)
            for number, one in enumerate(resources)
        ]
        Patient.objects.bulk_create(patients)
        point, consent = self.model.contact_points.get(), self.model.messaging_consents.get(channel="sms")
        ContactPoint.objects.bulk_create(
            _again(point, ContactPoint, patient_id=one.pk, value=f"+1303{number + 2_000_000}")
            for number, one in enumerate(patients)
        )
        MessagingConsent.objects.bulk_create(
            _again(consent, MessagingConsent, patient_id=one.pk) for one in patients
        )
        start = now + timedelta(days=1)
        self.visit = making.visit(self.model, start)
        visits = [_again(self.visit, Appointment, patient_id=one.pk) for one in patients]
        Appointment.objects.bulk_create(visits)
        reminder = making.reminder(self.visit, due_at=start - timedelta(hours=2))
        rows = [_reminder(reminder, visit) for visit in visits]
        Message.objects.bulk_create(rows)
        reminder.delete()
        self.waiting: list[UUID] = [one.pk for one in rows]
        self.numbers = {one.pk: f"+1303{number + 2_000_000}" for number, one in enumerate(rows)}
        self.patients = patients

    def release(self, count: int) -> list[UUID]:
        """Let so many more be due now."""
        released, self.waiting = self.waiting[:count], self.waiting[count:]
        Message.objects.filter(pk__in=released).update(due_at=timezone.now())
        return released


def waiting() -> bool:
    """Whether anything that is due has not gone."""
    # Who is to try again in minutes tries now.
    Message.objects.filter(state="planned", attempts__gt=0).update(due_at=timezone.now())
    rows = Message.objects.filter(due_at__lte=timezone.now())
    return rows.exclude(state__in=("accepted", "delivered")).exists()


def weekday_slots(zone: ZoneInfo) -> Iterator[datetime]:
    """Starts on weekdays from the day after tomorrow on; no reminder of theirs is due about noon, which it is
    now.
    """
    today = timezone.now().astimezone(zone).date()
    for ahead in itertools.count(2):
        day = today + timedelta(days=ahead)
        if day.isoweekday() <= 5:
            yield from (datetime.combine(day, time(hour, 30), zone) for hour in (8, 10, 14, 16))


def _again(row: Any, model: Any, **values: object) -> Any:
    """The same row under another key, with these values."""
    fields = {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
    return model(**{**fields, "id": new_id(), **values})


def _reminder(like: Message, visit: Appointment) -> Message:
    key = f"reminder_24h:{visit.pk}:1:sms"
    made: Message = _again(like, Message, patient_id=visit.patient_id, subject_id=visit.pk, dedupe_key=key)
    return made
