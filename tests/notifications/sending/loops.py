"""Loops that hand messages over, each to be run and killed in a process of its own: ours, and the two obvious
ones.
"""

import django

django.setup()

from django.utils import timezone  # noqa: E402  after django.setup, like everything that touches models

from clinic.practice.ids import new_id  # noqa: E402
from notifications.channels import twilio  # noqa: E402
from notifications.channels.base import Outgoing  # noqa: E402
from notifications.models import Message  # noqa: E402
from notifications.sending import delivery  # noqa: E402


def ours() -> None:
    delivery.run(clock=timezone.now, worker="killed")


def send_then_mark() -> None:
    for row in Message.objects.filter(state="planned").order_by("id"):
        naive_send(row)
        Message.objects.filter(pk=row.pk).update(state="accepted")


def mark_then_send() -> None:
    for row in Message.objects.filter(state="planned").order_by("id"):
        Message.objects.filter(pk=row.pk).update(state="accepted")
        naive_send(row)


def naive_send(row: Message) -> None:
    assert row.patient is not None
    to = row.patient.contact_points.get(channel="sms").value
    twilio.send(outgoing=Outgoing(new_id(), to, "Clinic", "", f"Clinic: your visit {row.pk}."))
