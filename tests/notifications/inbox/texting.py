"""Texts from phones, as the providers tell them: signed, by HTTP."""

import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from clinic.local.sms_callbacks import signature
from clinic.local.telnyx_provider import signed
from notifications.models import Attempt, Message
from patients.models import Patient
from scheduling.models import Appointment
from tests.notifications import making

PATH = "/hooks/twilio/messages/"
_count = itertools.count(1)


def number_of(patient: Patient) -> str:
    found: str = patient.contact_points.get(channel="sms").value
    return found


def asked(visit: Appointment, **fields: object) -> Message:
    """A reminder of the visit that went to the patient's telephone."""
    now = timezone.now()
    values = {
        "state": "delivered",
        "sent_to": number_of(visit.patient),
        "sent_body": "See you.",
        "due_at": now,
        "subject_version": visit.version,
        "useful_until": max(visit.start, now),
    }
    sent = making.reminder(visit, **(values | fields))
    Attempt.objects.create(message=sent, number=1, begun_at=now, outcome="accepted")
    return sent


def text(client: Client, sender: str, body: str, *, sid: str = "", **fields: str) -> Any:
    """One text, told by Twilio."""
    form = {
        "MessageSid": sid or f"SM{next(_count):032d}",
        "AccountSid": "AC1",
        "From": sender,
        "To": "+15005550006",
        "Body": body,
        "NumMedia": "0",
        **fields,
    }
    key = django_settings.TWILIO_AUTH_TOKEN
    sign = signature(token=key, url=django_settings.PUBLIC_URL + PATH, fields=form)
    return client.post(
        PATH,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": sign},
    )


def telnyx(client: Client, sender: str, body: str, **payload: object) -> Any:
    """One text, told by Telnyx."""
    told = {
        "id": str(uuid4()),
        "direction": "inbound",
        "from": {"phone_number": sender},
        "to": [{"phone_number": "+15005550006"}],
        "text": body,
        "media": [],
        **payload,
    }
    event = json.dumps({"data": {"event_type": "message.received", "payload": told}}).encode()
    headers = signed(django_settings.TELNYX_API_KEY, event, int(time.time()))
    return client.post("/hooks/telnyx/messages/", event, content_type="application/json", headers=headers)
