"""Protocols: stored as they come, a new version for every change."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api import shapes
from clinic.practice.api.views import ApiView, changes, operation
from scheduling.api import asks, forms
from scheduling.booking.protocol import protocols


class ProtocolsView(ApiView):
    shape = forms.ProtocolShape

    @operation(
        "protocols_list",
        "List protocols in their current version",
        capability="protocols.read",
        query=asks.ProtocolQuery,
        answer=forms.ProtocolShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(asks.ProtocolQuery, self.query)
        rows = protocols.protocols(actor=self.actor)
        return self.page(paging.page(rows=rows, part=self.part(order="created_at"), where=where))

    @operation(
        "protocols_create",
        "Store an entry of protocols.json as it stands; a known key gets a new version",
        capability="protocols.write",
        body=asks.ProtocolAsk,
        answer=forms.ProtocolShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        stored = protocols.create(actor=self.actor, document=self.body, now=self.now, key=self.key)
        return self.one(stored, version=stored.version, status=201)


class ProtocolView(ApiView):
    shape = forms.ProtocolShape

    @operation(
        "protocols_retrieve",
        "Read a protocol in its current version",
        capability="protocols.read",
        answer=forms.ProtocolShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        stored = protocols.protocol(actor=self.actor, protocol_id=id)
        return self.one(stored, version=stored.version)

    def _change(self, request: Request, id: UUID) -> Response:
        document = self.body
        if request.method == "PATCH":
            document = {**protocols.protocol(actor=self.actor, protocol_id=id).document, **self.body}
        stored = protocols.change(
            actor=self.actor, protocol_id=id, document=document, now=self.now, version=self.version
        )
        return self.one(stored, version=stored.version)

    patch, put = changes(
        "protocols",
        "a protocol; running courses keep their version",
        capability="protocols.write",
        body=asks.ProtocolAsk,
        answer=forms.ProtocolShape,
    )(_change)
