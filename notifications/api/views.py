"""The message ledger: what was, will be and was not sent, and why."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api import shapes
from clinic.practice.api.views import ApiView, operation
from notifications.api import forms
from notifications.reading import queries


class MessagesView(ApiView):
    shape = forms.MessageShape

    @operation(
        "messages_list",
        "List messages",
        capability="messages.read",
        query=forms.MessageList,
        answer=forms.MessageShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.messages(actor=self.actor)
        where = shapes.where(forms.MessageList, self.query)
        part = self.part(order="due_at", stamp="changed_at", moves=True)
        return self.page(paging.page(rows=rows, part=part, where=where))


class MessageView(ApiView):
    shape = forms.MessageShape

    @operation(
        "messages_retrieve",
        "Read a message",
        capability="messages.read",
        answer=forms.MessageShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        message = queries.message(actor=self.actor, message_id=id)
        return self.one(message, version=round(message.changed_at.timestamp() * 1_000_000))
