"""What came back: one row a text that a provider was sent for us, and the threads that staff read."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, StaffMember
from notifications.models.message import Message
from patients.models import Patient


class Thread(models.Model):
    """The texts between a practice and one telephone number, whoever of its patients has that number.

    It waits for a person while a task about it is open. `version` grows with every text that comes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="threads")
    number = models.CharField(max_length=40)
    last_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "number"], name="thread_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["practice", "-last_at"])]

    def __str__(self) -> str:
        return f"thread {self.pk}"


class Inbound(models.Model):
    """One text that came, kept before the provider is answered; the provider's id makes a second telling the
    same text.

    `practice` and `thread` are empty for a number that no single practice knows. `answers` is the message
    that it replies to, and `patient` who got that one, or the only one with this number. `provider_answered`:
    the provider itself acted on the keyword, and said so to the sender. `settled_at` is when what it asks of
    a visit was done or given up; until then a sweep tries it again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.CharField(max_length=10)
    provider_id = models.CharField(max_length=80)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+", null=True)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="texts", null=True)
    patient = models.ForeignKey(Patient, on_delete=models.SET_NULL, related_name="+", null=True)
    answers = models.ForeignKey(Message, on_delete=models.SET_NULL, related_name="+", null=True)
    sender = models.CharField(max_length=40)
    receiver = models.CharField(max_length=40, blank=True)
    body = models.TextField(blank=True)
    media = models.PositiveSmallIntegerField(default=0)
    meaning = models.CharField(max_length=10)
    provider_answered = models.BooleanField(default=False)
    received_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, blank=True)
    visit_id = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "provider_id"], name="inbound_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["received_at"], condition=Q(settled_at__isnull=True), name="inbound_to_settle"
            ),
            models.Index(fields=["thread", "-received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.meaning}"


class StaffReply(models.Model):
    """What staff wrote in a thread; its message names it as its subject."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="replies")
    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="+")
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["thread", "-created_at"])]

    def __str__(self) -> str:
        return f"reply {self.pk}"
