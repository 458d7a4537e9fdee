"""The addresses of a patient, and at which of them they asked to be written to."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api.fields import Choice, Flag, Id, Instant, Text, Whole
from clinic.practice.api.shapes import Body, Shape
from clinic.practice.api.views import ApiView, operation
from patients import addresses, queries
from patients.api.forms import DecisionList
from patients.models.contact import CATEGORIES, Channel, Purpose


class ContactPointNew(Body):
    channel = Choice(choices=Channel.choices)
    value = Text(max_length=254)
    rank = Whole(min_value=1, max_value=addresses.MOST, default=1, help_text="1 is tried first.")
    may_message = Flag(default=True, help_text="Whether it was given for messages, or to call by alone.")


class ContactPointShape(Shape):
    patient_at = "patient_id"
    id = Id()
    channel = Choice(choices=Channel.choices)
    value = Text()
    rank = Whole()
    purpose = Choice(choices=Purpose.choices)


class AddressRequestNew(Body):
    categories = serializers.ListField(
        child=Choice(choices=CATEGORIES),
        min_length=1,
        max_length=len(CATEGORIES),
        help_text="What it is for.",
    )
    addresses = serializers.ListField(
        child=Text(max_length=254),
        min_length=1,
        max_length=addresses.MOST,
        allow_null=True,
        help_text="Of the patient's contact points; at no other is written. Null: the request is over.",
    )
    said = Text(max_length=300, help_text="What the patient said, or how.")
    at = Instant(required=False)


class AddressRequestShape(Shape):
    patient_at = "patient_id"
    id = Id()
    categories = serializers.ListField(child=Choice(choices=CATEGORIES))
    addresses = serializers.SerializerMethodField()
    said = Text()
    decided_at = Instant()
    decided_by = Text()

    @extend_schema_field({"type": ["array", "null"], "items": {"type": "string"}})
    def get_addresses(self, row: Any) -> list[str] | None:
        found: list[str] | None = row.addresses
        return found


class ContactPointsView(ApiView):
    shape = ContactPointShape

    @operation(
        "patients_contact_points_list",
        "The addresses that are on file, in the order of their ids",
        capability="patients.read",
        query=DecisionList,
        answer=ContactPointShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        rows = patient.contact_points.filter(is_active=True)
        return self.page(paging.page(rows=rows, part=self.part()))

    @operation(
        "patients_contact_points_create",
        "Add an address, or use again one that was removed",
        capability="patients.write",
        body=ContactPointNew,
        answer=ContactPointShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        point = addresses.add(actor=self.actor, patient_id=id, now=self.now, key=self.key, **self.body)
        return self.one(point, version=1, status=201)


class ContactPointView(ApiView):
    @operation(
        "patients_contact_points_destroy",
        "Use an address no longer; doing it twice is harmless",
        capability="patients.write",
        answer=None,
        status=204,
        problems=[404, 410],
    )
    def delete(self, request: Request, id: UUID, point_id: UUID) -> Response:
        addresses.remove(actor=self.actor, patient_id=id, point_id=point_id, now=self.now)
        return Response(status=204)


class AddressRequestsView(ApiView):
    shape = AddressRequestShape

    @operation(
        "patients_address_requests_list",
        "Where the patient asked to be written to, oldest first; the latest of a category holds",
        capability="patients.read",
        query=DecisionList,
        answer=AddressRequestShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        part = self.part(order="decided_at")
        return self.page(paging.page(rows=queries.address_requests(patient=patient), part=part))

    @operation(
        "patients_address_requests_create",
        "Record at which addresses alone the patient asked to be written to (45 CFR 164.522)",
        capability="patients.record_consent",
        body=AddressRequestNew,
        answer=AddressRequestShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        asked = addresses.ask(actor=self.actor, patient_id=id, now=self.now, key=self.key, **self.body)
        return self.one(asked, version=1, status=201)
