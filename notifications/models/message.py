"""One row a message, written in the caller's transaction; one row an attempt to hand it over."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, StaffMember
from clinic.practice.models.stamps import stamps
from patients.models import Patient


class State(models.TextChoices):
    PLANNED = "planned"
    LEASED = "leased"
    HANDING_OVER = "handing_over"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"
    FAILED_FINAL = "failed_final"


# What such a message is about says where it goes: to the number that a text came from, which several patients
# may share or none may have.
TO_NUMBERS = ("reply", "staff_reply")


class Message(models.Model):
    """A message to one patient or one staff member by one channel, or an answer to a telephone number.

    `dedupe_key` is (kind, appointment or course, its version, channel), never the due time: planning twice is
    harmless. `subject_*` name the appointment or course by value, because this room knows nothing of
    scheduling. The text is rendered when it is handed over, from facts re-checked at that moment, and kept
    (R-19).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Without indexes of their own: each begins one below, and every move of a message would write them.
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="messages", db_index=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="messages", null=True, db_index=False
    )
    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="messages", null=True)
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=10)
    category = models.CharField(max_length=20, default="reminders")
    dedupe_key = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.UUIDField()
    subject_version = models.PositiveIntegerField(default=1)
    # The start that the message was planned for: a visit that has moved since makes it untrue.
    subject_at = models.DateTimeField(null=True)
    course_id = models.UUIDField(null=True)
    # No cap drops it: the 24 h reminder of a dose.
    uncapped = models.BooleanField(default=False)
    due_at = models.DateTimeField()
    useful_until = models.DateTimeField()
    state = models.CharField(max_length=15, choices=State, default=State.PLANNED)
    state_reason = models.CharField(max_length=60, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=80, blank=True)
    current_attempt = models.UUIDField(null=True)
    sent_to = models.CharField(max_length=254, blank=True)
    sent_subject = models.CharField(max_length=200, blank=True)
    sent_body = models.TextField(blank=True)
    provider_id = models.CharField(max_length=80, blank=True)
    # The last that the provider reported of it, in the order of `ledger.PROVIDER_STATUSES`.
    provider_status = models.CharField(max_length=20, blank=True, db_default="")
    created_at = models.DateTimeField()
    # The use case's own `now`, which says when something happened to it.
    updated_at = models.DateTimeField()
    # The database's, for whoever follows the changes.
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers: ClassVar = stamps("changed_at")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "dedupe_key"], name="message_once"),
            models.CheckConstraint(
                condition=Q(patient__isnull=False, staff__isnull=True)
                | Q(patient__isnull=True, staff__isnull=False)
                | Q(patient__isnull=True, staff__isnull=True, subject_kind__in=TO_NUMBERS),
                name="message_has_one_recipient",
            ),
            models.CheckConstraint(
                condition=Q(due_at__lte=F("useful_until")), name="message_due_while_useful"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["leased", "handing_over"]) | Q(lease_until__isnull=False),
                name="message_lease_ends",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["handing_over", "in_doubt"]) | Q(current_attempt__isnull=False),
                name="message_hand_over_has_attempt",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], condition=Q(state="planned"), name="message_due"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["leased", "handing_over"]),
                name="message_leased",
            ),
            models.Index(fields=["updated_at"], condition=Q(state="in_doubt"), name="message_doubtful"),
            models.Index(
                fields=["patient"],
                condition=Q(state__in=["planned", "leased", "handing_over"]),
                name="message_open_of_patient",
            ),
            models.Index(fields=["subject_id", "kind"]),
            models.Index(fields=["course_id"]),
            models.Index(fields=["practice", "-due_at"]),
            models.Index(fields=["patient", "-due_at"]),
            models.Index(fields=["practice", "changed_at", "id"]),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_provider_id"),
            models.Index(
                fields=["sent_to", "-due_at"],
                condition=Q(channel="sms") & ~Q(sent_to=""),
                name="message_to_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel} {self.state}"


class Attempt(models.Model):
    """One hand-over to a provider: committed before the call, finished after it, fenced by its id."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Found by the index of its constraint.
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="attempt_rows", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    provider_id = models.CharField(max_length=80, blank=True)
    # Other planned messages that its text says as well.
    covers = ArrayField(models.UUIDField(), null=True)
    # What must be said again to the byte, sealed; only at a provider that makes two hand-overs one, and only
    # until it is known whether it has the first.
    sealed_text = models.BinaryField(null=True)
    # When the provider was last asked whether it has the message; null: never.
    asked_at = models.DateTimeField(null=True)
    # How many parts the text message takes: what it costs. Null: not a text message, or not counted yet.
    segments = models.PositiveSmallIntegerField(null=True)
    # What the provider reported, each status once, as it came: [{"status", "code", "at"}].
    reports = models.JSONField(default=list, db_default=[])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.outcome}"


class Suppression(models.Model):
    """An address that must not be messaged: it opted out or it does not exist (R-07, R-13).

    `category`: only messages of this sort are refused (R-09); blank is all of them.
    """

    # How an address of a page and the trail name it: neither holds the address itself.
    uid = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=10)
    value = models.CharField(max_length=254)
    reason = models.CharField(max_length=40)
    category = models.CharField(max_length=20, blank=True, default="", db_default="")
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "channel", "value"], name="suppression_once"),
        ]

    def __str__(self) -> str:
        return self.reason
