"""Follow-up units: read, explained, and worked on."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice.api.views import ApiView, operation
from scheduling.api import asks, forms
from scheduling.booking.openings import days
from scheduling.booking.reading import queries
from scheduling.booking.reading.queries import Filters
from scheduling.booking.visit import gaps


class GapsView(ApiView):
    shape = forms.GapShape

    @operation(
        "gaps_list",
        "List follow-up units",
        capability="gaps.read",
        query=asks.GapQuery,
        answer=forms.GapShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        filters = Filters(**{name: self.query.get(name) for name in asks.FILTERS_OF_GAPS})
        return self.page(queries.gaps(actor=self.actor, filters=filters, part=self.part()))


class GapView(ApiView):
    shape = forms.GapShape

    @operation(
        "gaps_retrieve",
        "Read a follow-up unit",
        capability="gaps.read",
        answer=forms.GapShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        gap = queries.gap(actor=self.actor, gap_id=id)
        return self.one(gap, version=gap.version)


class ExplainView(ApiView):
    shape = forms.ExplanationShape

    @operation(
        "gaps_explain",
        "Why it is in its state, which visits count for it, and how many starts still fit",
        capability="gaps.read",
        answer=forms.ExplanationShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        told = days.explain(actor=self.actor, gap_id=id, now=self.now)
        return self.one(told, version=told.gap.version)


class GapWorkView(ApiView):
    """Every action answers with the unit as it is then."""

    shape = forms.GapShape

    def answer(self, id: UUID, *, capability: str) -> Response:
        gap = queries.gap(actor=self.actor, gap_id=id, capability=capability)
        return self.one(gap, version=gap.version)


class AssignView(GapWorkView):
    @operation(
        "gaps_assign",
        "Give it to somebody, or to nobody",
        capability="gaps.work",
        body=asks.AssignAsk,
        answer=forms.GapShape,
        key="optional",
        condition="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        gaps.assign(
            actor=self.actor,
            gap_id=id,
            assignee_id=self.body["assignee"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability="gaps.work")


class SnoozeView(GapWorkView):
    @operation(
        "gaps_snooze",
        "Keep it off the worklist until a time",
        capability="gaps.work",
        body=asks.SnoozeAsk,
        answer=forms.GapShape,
        key="optional",
        condition="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        gaps.snooze(
            actor=self.actor,
            gap_id=id,
            until=self.body["until"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability="gaps.work")


class WaiveView(GapWorkView):
    @operation(
        "gaps_waive",
        "Say that no follow-up is needed, and why",
        capability="gaps.waive",
        body=asks.ReasonAsk,
        answer=forms.GapShape,
        key="optional",
        condition="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        gaps.waive(
            actor=self.actor,
            gap_id=id,
            reason=self.body["reason"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability="gaps.waive")


class UnwaiveView(GapWorkView):
    @operation(
        "gaps_unwaive",
        "Take a waiver back",
        capability="gaps.waive",
        body=asks.OptionalReasonAsk,
        answer=forms.GapShape,
        key="optional",
        condition="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        gaps.unwaive(
            actor=self.actor,
            gap_id=id,
            reason=self.body["reason"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability="gaps.waive")


class AttestView(GapWorkView):
    @operation(
        "gaps_attest",
        "Record that the patient was seen outside the practice",
        capability="gaps.work",
        body=asks.AttestAsk,
        answer=forms.GapShape,
        key="optional",
        condition="optional",
        problems=[404, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        gaps.attest(
            actor=self.actor,
            gap_id=id,
            now=self.now,
            attended_at=self.body.get("attended_at"),
            attended_on=self.body.get("attended_on"),
            provider=self.body["provider"],
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability="gaps.work")
