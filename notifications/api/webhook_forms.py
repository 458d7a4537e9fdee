"""What is asked and told about webhooks."""

from typing import Any, ClassVar

from rest_framework import serializers

from clinic.practice.api.fields import Choice, Flag, Id, Instant, Text, Whole
from clinic.practice.api.shapes import Body, ListQuery, Shape
from notifications.models.webhook import DeliveryState
from notifications.webhooks import events

TYPES = [(name, name) for name in events.TYPES]


class WebhookShape(Shape):
    id = Id()
    url = Text()
    description = Text()
    event_types = serializers.ListField(child=Choice(choices=TYPES))
    is_active = Flag()
    disabled_reason = Text(help_text="Why it was switched off by itself: `gone` or `failing`.")
    failing_since = Instant(allow_null=True, help_text="Since when nothing has been accepted.")
    created_at = Instant()
    updated_at = Instant()


class SecretShape(WebhookShape):
    """Shown once: when it is made, and when its secret is renewed."""

    secret = Text(help_text="Signs what is sent. It cannot be read again.")


class WebhookAsk(Body):
    url = Text(max_length=500, help_text="https, a full name, port 443 or 8443.")
    description = Text(max_length=200, allow_blank=True, default="")
    event_types = serializers.ListField(child=Choice(choices=TYPES), min_length=1, max_length=100)
    is_active = Flag(default=True)


class WebhookList(ListQuery):
    updated_since = Instant(required=False)
    lookups: ClassVar = {"updated_since": "updated_at__gte"}


class DeliveryShape(Shape):
    id = Id()
    event_id = serializers.SerializerMethodField(help_text="`webhook-id` of the call.")
    event_type = Text()
    event_at = Instant(source="entry.recorded_at")
    object_id = Id(source="entry.subject_id")
    status = Choice(source="state", choices=DeliveryState.choices)
    attempts = Whole()
    next_attempt_at = Instant(allow_null=True)
    last_attempt_at = Instant(allow_null=True)
    last_status = Whole(allow_null=True, help_text="What the receiver answered.")
    last_error = Text(help_text="Why there was no answer.")
    delivered_at = Instant(allow_null=True)
    created_at = Instant()
    updated_at = Instant()

    def get_event_id(self, delivery: Any) -> str:
        return events.event_id(line_id=delivery.entry_id)


class DeliveryList(ListQuery):
    status = Choice(required=False, choices=DeliveryState.choices)
    updated_since = Instant(required=False)
    lookups: ClassVar = {"status": "state", "updated_since": "updated_at__gte"}


class SpanAsk(Body):
    since = Instant(help_text="From here.")
    until = Instant(help_text="Before this.")


class QueuedShape(Shape):
    queued = Whole(help_text="How many events are sent again.")
