"""When somebody does not work, whatever their shifts say."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice import queries as places
from clinic.practice.api import shapes
from clinic.practice.api.fields import Id, Instant, Text, Whole
from clinic.practice.api.references import named
from clinic.practice.api.shapes import Body, ListQuery, Shape
from clinic.practice.api.views import ApiView, changes, operation
from scheduling.booking.moving import absences
from scheduling.roster import shifts


class AbsenceShape(Shape):
    id = Id()
    practitioner = Id(source="staff_id")
    time_zone = serializers.SerializerMethodField(help_text="Of the person's home site, else of the first.")
    starts_at = Instant()
    ends_at = Instant()
    reason = Text()
    version = Whole()
    updated_at = Instant()

    def get_time_zone(self, absence: Any) -> str:
        return shifts.zone_of(absence=absence)


class AbsenceChange(Body):
    starts_at = Instant()
    ends_at = Instant()
    reason = Text(
        max_length=100, allow_blank=True, default="", help_text="Staff see it: not why somebody is ill."
    )


class AbsenceNew(AbsenceChange):
    practitioner = Id()


class AbsenceList(ListQuery):
    practitioner = Id(required=False)
    start_from = Instant(required=False)
    start_before = Instant(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "practitioner": "staff_id",
        "start_from": "starts_at__gte",
        "start_before": "starts_at__lt",
        "updated_since": "updated_at__gte",
    }


class AbsencesView(ApiView):
    shape = AbsenceShape

    @operation(
        "absences_list",
        "List absences",
        capability="shifts.read",
        query=AbsenceList,
        answer=AbsenceShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(AbsenceList, self.query)
        return self.page(paging.page(rows=shifts.absences(actor=self.actor), part=self.part(), where=where))

    @operation(
        "absences_create",
        "Somebody will not be there; each of their visits in the span becomes a task of the front desk",
        capability="shifts.write",
        body=AbsenceNew,
        answer=AbsenceShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        staff_id = self.body.pop("practitioner")
        named("practitioner", lambda: places.practitioner(actor=self.actor, staff_id=staff_id))
        absence = absences.create(
            actor=self.actor, now=self.now, key=self.key, staff_id=staff_id, **self.body
        )
        return self.one(absence, version=absence.version, status=201)


class AbsenceView(ApiView):
    shape = AbsenceShape

    @operation(
        "absences_retrieve",
        "Read an absence",
        capability="shifts.read",
        answer=AbsenceShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        absence = shifts.absence(actor=self.actor, absence_id=id)
        return self.one(absence, version=absence.version)

    def _change(self, request: Request, id: UUID) -> Response:
        absence = absences.update(
            actor=self.actor, absence_id=id, changes=self.body, now=self.now, version=self.version
        )
        return self.one(absence, version=absence.version)

    patch, put = changes(
        "absences", "an absence", capability="shifts.write", body=AbsenceChange, answer=AbsenceShape
    )(_change)

    @operation(
        "absences_delete",
        "Somebody will be there after all",
        capability="shifts.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        absences.delete(actor=self.actor, absence_id=id, now=self.now, version=self.version)
        return Response(status=204)
