"""Calendar feeds: making an address, and ending it."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api import shapes
from clinic.practice.api.conditions import etag
from clinic.practice.api.fields import Choice, Id, Instant, Text
from clinic.practice.api.references import named
from clinic.practice.api.shapes import Body, ListQuery, Shape
from clinic.practice.api.views import ApiView, operation
from scheduling.booking.own import feeds

WHAT = [(name, name) for name in feeds.SHOWN]


class FeedShape(Shape):
    id = Id()
    shows = serializers.SerializerMethodField()
    of = serializers.SerializerMethodField()
    created_at = Instant()
    revoked_at = Instant(allow_null=True)
    updated_at = Instant()

    @extend_schema_field(Choice(choices=WHAT, help_text="What it shows."))
    def get_shows(self, feed: Any) -> str:
        return next(name for name in feeds.SHOWN if getattr(feed, f"{name}_id"))

    @extend_schema_field(Id(help_text="The id of what it shows."))
    def get_of(self, feed: Any) -> str:
        return str(getattr(feed, f"{self.get_shows(feed)}_id"))


class NewFeedShape(FeedShape):
    """Shown once, when it is made."""

    url = Text(allow_null=True, help_text="The address: who has it sees the calendar. Not shown again.")


class FeedAsk(Body):
    shows = Choice(choices=WHAT)
    of = Id(help_text="The id of what it shows.")


class FeedList(ListQuery):
    practitioner = Id(required=False)
    room = Id(required=False)
    site = Id(required=False)
    patient = Id(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "practitioner": "practitioner_id",
        "room": "room_id",
        "site": "site_id",
        "patient": "patient_id",
        "updated_since": "updated_at__gte",
    }


class FeedsView(ApiView):
    shape = FeedShape

    @operation(
        "calendar_feeds_list",
        "List calendar feeds",
        capability="calendar_feeds.read",
        query=FeedList,
        answer=FeedShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = feeds.feeds(actor=self.actor)
        return self.page(paging.page(rows=rows, part=self.part(), where=shapes.where(FeedList, self.query)))

    @operation(
        "calendar_feeds_create",
        "Make the address of a calendar; it is shown once",
        capability="calendar_feeds.write",
        body=FeedAsk,
        answer=NewFeedShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        made, token = named(
            "of", lambda: feeds.create(actor=self.actor, now=self.now, key=self.key, **self.body)
        )
        address = token and f"{settings.PUBLIC_URL}{reverse('calendar', args=[token])}"
        told = {**FeedShape(made).data, "url": address}
        return Response(told, status=201, headers={"ETag": etag(made.version)})


class FeedView(ApiView):
    shape = FeedShape

    @operation(
        "calendar_feeds_retrieve",
        "Read a calendar feed",
        capability="calendar_feeds.read",
        answer=FeedShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        found = feeds.feed(actor=self.actor, feed_id=id)
        return self.one(found, version=found.version)

    @operation(
        "calendar_feeds_revoke",
        "End an address, at once and for good",
        capability="calendar_feeds.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        feeds.revoke(actor=self.actor, feed_id=id, now=self.now, version=self.version)
        return Response(status=204)
