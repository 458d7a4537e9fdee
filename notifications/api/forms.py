"""What is read about messages."""

from typing import Any, ClassVar

from rest_framework import serializers

from clinic.practice.api.fields import Choice, Id, Instant, Text, Whole
from clinic.practice.api.shapes import ListQuery, Shape
from notifications.models.message import State


class MessageShape(Shape):
    patient_at = "patient_id"
    id = Id()
    patient = Id(source="patient_id", allow_null=True)
    staff = Id(source="staff_id", allow_null=True)
    kind = Text()
    channel = Text()
    category = Text()
    subject_kind = Text(help_text="What it is about: appointment or course.")
    subject_id = Id()
    course = Id(source="course_id", allow_null=True)
    status = Choice(source="state", choices=State.choices)
    reason = Text(source="state_reason", help_text="Why it was not, or will not be, sent.")
    due_at = Instant()
    useful_until = Instant()
    time_zone = serializers.SerializerMethodField(help_text="The reader's: quiet hours are theirs.")
    attempts = Whole()
    sent_to = Text()
    sent_subject = Text()
    sent_body = Text()
    created_at = Instant()
    updated_at = Instant(source="changed_at")

    def get_time_zone(self, message: Any) -> str | None:
        return message.patient.time_zone if message.patient else None


class MessageList(ListQuery):
    patient = Id(required=False)
    course = Id(required=False)
    status = Choice(required=False, choices=State.choices)
    kind = Text(required=False, max_length=40)
    start_from = Instant(required=False, help_text="Due from here.")
    start_before = Instant(required=False, help_text="Due before this.")
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "patient": "patient_id",
        "course": "course_id",
        "status": "state",
        "kind": "kind",
        "start_from": "due_at__gte",
        "start_before": "due_at__lt",
        "updated_since": "changed_at__gte",
    }
