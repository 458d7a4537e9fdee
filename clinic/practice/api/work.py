"""Tasks for people, and who stands in for whom."""

from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import delegates, paging, queries, work
from clinic.practice.api import shapes
from clinic.practice.api.fields import Choice, Id, Instant, Text, Whole
from clinic.practice.api.references import named
from clinic.practice.api.shapes import Body, FlagParameter, ListQuery, Shape
from clinic.practice.api.views import ApiView, operation
from clinic.practice.models.staff import Role


class WorkItemShape(Shape):
    """Something that a role, or one person, has to look at."""

    patient_at = "patient_id"

    id = Id()
    kind = Text(help_text="clinical, without a reason: what only a program with read:patients is told.")
    subject_kind = Text(help_text="What subject is: appointment, course, gap, message, patient ...")
    subject = Id(source="subject_id")
    patient = Id(source="patient_id", allow_null=True)
    role = Choice(choices=Role.choices)
    assignee = Id(source="assignee_id", allow_null=True)
    reason = Text()
    due_at = Instant()
    created_at = Instant()
    done_at = Instant(allow_null=True)
    done_by = Text(allow_null=True)
    version = Whole()


class WorkItemList(ListQuery):
    """In the order in which they were raised."""

    role = Choice(required=False, choices=Role.choices)
    kind = Text(required=False, max_length=40)
    assignee = Id(required=False)
    patient = Id(required=False)
    subject = Id(required=False)
    open = FlagParameter(required=False, help_text="true: not done yet.")  # type: ignore[assignment]
    lookups: ClassVar = {
        "role": "role",
        "kind": "kind",
        "assignee": "assignee_id",
        "patient": "patient_id",
        "subject": "subject_id",
        "open": "done_at__isnull",
    }


class WorkItemsView(ApiView):
    shape = WorkItemShape

    @operation(
        "work_items_list",
        "List tasks for people",
        capability="work.read",
        query=WorkItemList,
        answer=WorkItemShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(WorkItemList, self.query)
        if kind := where.pop("kind", None):
            where["kind__in"] = work.named(actor=self.actor, kind=kind)
        rows = work.items(actor=self.actor)
        found = paging.page(rows=rows, part=self.part(order="created_at"), where=where)
        shown = (work.shown(actor=self.actor, found=row) for row in found.rows)
        return self.page(replace(found, rows=tuple(shown)))


class WorkItemView(ApiView):
    shape = WorkItemShape

    @operation(
        "work_items_retrieve",
        "Read a task",
        capability="work.read",
        answer=WorkItemShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        item = work.item(actor=self.actor, item_id=id)
        return self.one(work.shown(actor=self.actor, found=item), version=item.version)


class WorkItemDoneView(ApiView):
    shape = WorkItemShape

    @operation(
        "work_items_done",
        "Say that a task is done; many finish by themselves when what they ask about is settled",
        capability="work.finish",
        body=shapes.Nothing,
        answer=WorkItemShape,
        key="optional",
        condition="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        item = work.done(actor=self.actor, item_id=id, now=self.now, version=self.version, key=self.key)
        return self.one(work.shown(actor=self.actor, found=item), version=item.version)


class DelegationNew(Body):
    staff = Id(help_text="Who will be away.")
    delegate = Id(help_text="Who sees their work meanwhile.")
    starts_at = Instant()
    ends_at = Instant()


class DelegationShape(Shape):
    id = Id()
    staff = Id(source="staff_id")
    delegate = Id(source="delegate_id")
    starts_at = Instant()
    ends_at = Instant()
    version = Whole()
    updated_at = Instant()


class DelegationList(ListQuery):
    staff = Id(required=False)
    delegate = Id(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "staff": "staff_id",
        "delegate": "delegate_id",
        "updated_since": "updated_at__gte",
    }


class DelegationsView(ApiView):
    shape = DelegationShape

    @operation(
        "delegations_list",
        "List who stands in for whom",
        capability="delegations.read",
        query=DelegationList,
        answer=DelegationShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(DelegationList, self.query)
        rows = delegates.listed(actor=self.actor)
        return self.page(paging.page(rows=rows, part=self.part(), where=where))

    @operation(
        "delegations_create",
        "Name who stands in for somebody for a time",
        capability="practitioners.write",
        body=DelegationNew,
        answer=DelegationShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        body: dict[str, Any] = self.body
        named("staff", lambda: queries.practitioner(actor=self.actor, staff_id=body["staff"]))
        named("delegate", lambda: queries.practitioner(actor=self.actor, staff_id=body["delegate"]))
        row = delegates.create(
            actor=self.actor,
            staff_id=body["staff"],
            delegate_id=body["delegate"],
            starts_at=body["starts_at"],
            ends_at=body["ends_at"],
            now=self.now,
            key=self.key,
        )
        return self.one(row, version=row.version, status=201)


class DelegationView(ApiView):
    shape = DelegationShape

    @operation(
        "delegations_retrieve",
        "Read a delegation",
        capability="delegations.read",
        answer=DelegationShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        row = delegates.one(actor=self.actor, delegation_id=id)
        return self.one(row, version=row.version)

    @operation(
        "delegations_delete",
        "Take it back: what is theirs is shown to them again",
        capability="practitioners.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        delegates.end(actor=self.actor, delegation_id=id, now=self.now, version=self.version)
        return Response(status=204)
