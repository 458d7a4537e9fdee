"""Webhooks: who is told of events, what became of it, and telling it again."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api import shapes
from clinic.practice.api.conditions import etag
from clinic.practice.api.views import ApiView, changes, operation
from notifications.api import webhook_forms as forms
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.webhooks import subscriptions


class WebhooksView(ApiView):
    shape = forms.WebhookShape

    @operation(
        "webhooks_list",
        "List webhooks",
        capability="webhooks.read",
        query=forms.WebhookList,
        answer=forms.WebhookShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = subscriptions.subscriptions(actor=self.actor)
        where = shapes.where(forms.WebhookList, self.query)
        return self.page(paging.page(rows=rows, part=self.part(), where=where))

    @operation(
        "webhooks_create",
        "Be told of events from now on; the answer has the signing secret, once",
        capability="webhooks.write",
        body=forms.WebhookAsk,
        answer=forms.SecretShape,
        status=201,
        key="optional",
        problems=[409],
    )
    def post(self, request: Request) -> Response:
        made = subscriptions.create(actor=self.actor, now=self.now, key=self.key, **self.body)
        return _with_secret(made, status=201)


class WebhookView(ApiView):
    shape = forms.WebhookShape

    @operation(
        "webhooks_retrieve",
        "Read a webhook",
        capability="webhooks.read",
        answer=forms.WebhookShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        found = subscriptions.subscription(actor=self.actor, webhook_id=id)
        return self.one(found, version=found.version)

    def _change(self, request: Request, id: UUID) -> Response:
        changed = subscriptions.update(
            actor=self.actor, webhook_id=id, changes=self.body, now=self.now, version=self.version
        )
        return self.one(changed, version=changed.version)

    patch, put = changes(
        "webhooks",
        "a webhook",
        capability="webhooks.write",
        body=forms.WebhookAsk,
        answer=forms.WebhookShape,
    )(_change)

    @operation(
        "webhooks_delete",
        "End a webhook",
        capability="webhooks.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        subscriptions.delete(actor=self.actor, webhook_id=id, now=self.now, version=self.version)
        return Response(status=204)


class RotateSecretView(ApiView):
    @operation(
        "webhooks_rotate_secret",
        "A new signing secret, shown once; the one before signs too for a day",
        capability="webhooks.write",
        body=shapes.Nothing,
        answer=forms.SecretShape,
        key="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        renewed = subscriptions.renew_secret(actor=self.actor, webhook_id=id, now=self.now, key=self.key)
        return _with_secret(renewed, status=200)


class ReplaySpanView(ApiView):
    @operation(
        "webhooks_replay",
        "Send every event of a span again",
        capability="webhooks.write",
        body=forms.SpanAsk,
        answer=forms.QueuedShape,
        key="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        queued = subscriptions.replay_span(
            actor=self.actor, webhook_id=id, now=self.now, key=self.key, **self.body
        )
        return Response(forms.QueuedShape({"queued": queued}).data)


class DeliveriesView(ApiView):
    shape = forms.DeliveryShape

    @operation(
        "webhooks_deliveries_list",
        "List what a webhook was told, or is to be told",
        capability="webhooks.read",
        query=forms.DeliveryList,
        answer=forms.DeliveryShape,
        page=True,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        rows = subscriptions.deliveries(actor=self.actor, webhook_id=id)
        where = shapes.where(forms.DeliveryList, self.query)
        return self.page(paging.page(rows=rows, part=self.part(), where=where))


class DeliveryView(ApiView):
    shape = forms.DeliveryShape

    @operation(
        "webhooks_deliveries_retrieve",
        "Read one delivery",
        capability="webhooks.read",
        answer=forms.DeliveryShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID, delivery: UUID) -> Response:
        found = subscriptions.delivery(actor=self.actor, webhook_id=id, delivery_id=delivery)
        return self.one(found, version=_moment(found))


class ReplayDeliveryView(ApiView):
    shape = forms.DeliveryShape

    @operation(
        "webhooks_deliveries_replay",
        "Send one event again, with the id that it had",
        capability="webhooks.write",
        body=shapes.Nothing,
        answer=forms.DeliveryShape,
        key="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID, delivery: UUID) -> Response:
        again = subscriptions.replay(
            actor=self.actor, webhook_id=id, delivery_id=delivery, now=self.now, key=self.key
        )
        return self.one(again, version=_moment(again))


def _with_secret(webhook: WebhookSubscription, *, status: int) -> Response:
    told = {**forms.WebhookShape(webhook).data, "secret": subscriptions.secret_of(webhook=webhook)}
    return Response(told, status=status, headers={"ETag": etag(webhook.version)})


def _moment(delivery: WebhookDelivery) -> int:
    return round(delivery.updated_at.timestamp() * 1_000_000)
