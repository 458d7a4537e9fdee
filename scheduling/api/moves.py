"""Visits that go elsewhere: moved with all that has to follow, seen first and then done."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import queries as places
from clinic.practice.api import conditions
from clinic.practice.api.references import pointing
from clinic.practice.api.views import ApiView, operation
from scheduling.api import forms, move_shapes
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, moves, pins, reassignments, replans, swaps
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.reading import queries


class MoveView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_move",
        "Move a visit, with everything that has to follow: see it first, or do it",
        capability=moves.CAPABILITY,
        body=move_shapes.MoveAsk,
        answer=move_shapes.ActShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        body = self.body
        with pointing(self._loaders(id)):
            if body["mode"] == "preview":
                found = moves.preview(
                    actor=self.actor,
                    appointment_id=id,
                    wish=_wish(body),
                    ways=ways(body),
                    now=self.now,
                    version=self.version,
                )
                return seen(self, found)
            act_id = moves.apply(
                actor=self.actor,
                appointment_id=id,
                now=self.now,
                wish=_wish(body),
                token=body.get("preview_token"),
                ways=ways(body),
                version=self.version,
                key=self.key,
            )
        return done(self, act_id, subject_id=id)

    def _loaders(self, visit_id: UUID) -> Mapping[str, Callable[[], Any]]:
        """The visit itself first: when it is not there, nothing that the body names is to blame."""
        site = self.body.get("site")
        if site is None or not moves.is_there(actor=self.actor, appointment_id=visit_id):
            return {}
        return {"site": lambda: places.site(actor=self.actor, site_id=site)}


class SwapView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_swap",
        "Let two visits change places: see it first, or do it",
        capability=moves.CAPABILITY,
        body=move_shapes.SwapAsk,
        answer=move_shapes.ActShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        body, other = self.body, self.body["with"]
        here = moves.is_there(actor=self.actor, appointment_id=id)
        loaders = {"with": lambda: here and access.visit(actor=self.actor, appointment_id=other)}
        with pointing(loaders):
            if body["mode"] == "preview":
                return seen(
                    self,
                    swaps.preview(
                        actor=self.actor,
                        appointment_id=id,
                        other_id=other,
                        ways=ways(body),
                        now=self.now,
                        version=self.version,
                    ),
                )
            act_id = swaps.apply(
                actor=self.actor,
                appointment_id=id,
                other_id=other,
                now=self.now,
                token=body.get("preview_token"),
                ways=ways(body),
                version=self.version,
                key=self.key,
            )
        return done(self, act_id, subject_id=id)


class ReassignView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "practitioners_reassign",
        "Give a person's visits in a span to others who can: see it first, or do it",
        capability=reassignments.CAPABILITY,
        body=move_shapes.ReassignAsk,
        answer=move_shapes.ActShape,
        key="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        body = self.body
        asked = Asked(practitioner_id=id, start=body["start"], end=body["end"], to_id=body.get("to"))
        how = ways({"cascade": False, **body})
        if body["mode"] == "preview":
            found = reassignments.preview(actor=self.actor, asked=asked, ways=how, now=self.now)
            return seen(self, found)
        act_id = reassignments.apply(
            actor=self.actor,
            asked=asked,
            now=self.now,
            token=body.get("preview_token"),
            ways=how,
            key=self.key,
        )
        return done(self, act_id)


class ReplanView(ApiView):
    shape = forms.WholeCourseShape

    @operation(
        "courses_replan",
        "Plan a course anew around what was given and pinned: see it first, or do it",
        capability=replans.CAPABILITY,
        body=move_shapes.ReplanAsk,
        answer=move_shapes.ActShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        body = self.body
        wishes = {name: body[name] for name in ("start_on_or_after", "preferences") if name in body}
        if body["mode"] == "preview":
            found = replans.preview(
                actor=self.actor,
                course_id=id,
                ways=ways(body),
                now=self.now,
                version=self.version,
                **wishes,
            )
            return seen(self, found)
        act_id = replans.apply(
            actor=self.actor,
            course_id=id,
            now=self.now,
            ways=ways(body),
            token=body.get("preview_token"),
            version=self.version,
            key=self.key,
            **wishes,
        )
        whole = queries.course(actor=self.actor, course_id=id, capability=replans.CAPABILITY)
        return done(self, act_id, version=whole.course.version, capability=replans.CAPABILITY)


def pin_view(verb: str, summary: str) -> Callable[..., HttpResponseBase]:
    """The view of `pin` or `unpin`."""
    set_pin = {"pin": pins.pin, "unpin": pins.unpin}[verb]

    class PinView(ApiView):
        shape = forms.AppointmentShape

        @operation(
            f"appointments_{verb}",
            summary,
            capability=pins.CAPABILITY,
            body=move_shapes.PinAsk,
            answer=forms.AppointmentShape,
            key="optional",
            condition="optional",
            problems=[404, 409],
        )
        def post(self, request: Request, id: UUID) -> Response:
            set_pin(
                actor=self.actor,
                appointment_id=id,
                now=self.now,
                reason=self.body["reason"],
                version=self.version,
                key=self.key,
            )
            visit = queries.visit(actor=self.actor, appointment_id=id, capability=pins.CAPABILITY)
            return self.one(visit, version=visit.version)

    return PinView.as_view()


def ways(body: Mapping[str, Any]) -> Ways:
    """How an act is made, of a body that may leave all of it out."""
    return Ways(
        pins=frozenset(body.get("pins", ())),
        cascade=body.get("cascade", True),
        reason=body.get("reason", ""),
        overrides=tuple(body.get("overrides", ())),
    )


# What an answer has nothing to say about: a preview of what is stored, an act of what was only weighed.
_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("stays", "added", "ended", "units", "violations", "unmet", "visits"), ()),
    **dict.fromkeys(("token", "expires_at", "messages")),
}


def seen(view: ApiView, preview: Preview) -> Response:
    """A preview, as it is answered."""
    act = preview.act
    told = {
        **_NOTHING,
        "mode": "preview",
        "token": preview.token,
        "expires_at": preview.expires_at,
        "applicable": not preview.open,
        "moves": preview.moves,
        "stays": act.stays,
        "added": preview.added,
        "ended": preview.ended,
        "units": preview.units,
        "messages": preview.notices,
        "violations": act.violations,
        "unmet": act.unmet,
        "outcomes": act.outcomes,
    }
    view.shown({one["patient"] for one in preview.moves} | {UUID(one["patient"]) for one in act.outcomes})
    return Response(move_shapes.ActShape.show(told))


def done(
    view: ApiView,
    act_id: UUID,
    *,
    subject_id: UUID | None = None,
    version: int | None = None,
    capability: str = moves.CAPABILITY,
) -> Response:
    """What an act did, with the ETag of the visit that it was asked of, or of the `version` given."""
    act = acts.done(actor=view.actor, act_id=act_id)
    visits = queries.visits_named(actor=view.actor, ids=act.changed, capability=capability)
    told = {
        **_NOTHING,
        "mode": "apply",
        "applicable": True,
        "moves": act.relocated,
        "outcomes": act.outcomes,
        "visits": visits,
    }
    view.shown(visit.patient.id for visit in visits)
    named = next((visit for visit in visits if visit.id == subject_id), None)
    version = named.version if named else version
    headers = {"ETag": conditions.etag(version)} if version is not None else {}
    return Response(move_shapes.ActShape.show(told), headers=headers)


def _wish(body: Mapping[str, Any]) -> Wish:
    people = body.get("practitioners")
    return Wish(
        start=body.get("start"),
        end=body.get("end"),
        practitioner_ids=None if people is None else tuple(people),
        room_id=body.get("room"),
        site_id=body.get("site"),
        mode=body.get("mode_of_visit"),
        group_session_id=body.get("group_session"),
    )
