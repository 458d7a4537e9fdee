"""Courses that are under way elsewhere, taken over."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import queries as places
from clinic.practice.api.fields import Day, Flag, Id, Text
from clinic.practice.api.references import pointing
from clinic.practice.api.shapes import Body
from clinic.practice.api.views import ApiView, operation
from patients import queries as patients
from scheduling.api import asks, forms
from scheduling.api.courses import chosen
from scheduling.booking.guard import access
from scheduling.booking.intake import adoption
from scheduling.booking.reading import queries


class AdoptAsk(Body):
    """What was `given`, and the rest: a `proposal` made for it, `visits`, `plan` for the best, or nothing
    yet.
    """

    given = asks.GivenAsk(many=True, max_length=200)  # type: ignore[call-arg]
    reason = Text(max_length=200, allow_blank=True, default="", help_text="Kept with what was given.")
    proposal = Text(max_length=200_000, required=False, help_text="A token of courses/propose/ with `given`.")
    patient = Id(required=False)
    protocol = asks.ProtocolRef(required=False)
    site = Id(required=False)
    start_on_or_after = Day(required=False, help_text="Of the rest; today unless told.")
    through_phase = Text(max_length=100, required=False, allow_null=True)
    preferences = asks.PreferencesAsk(required=False)
    plan = Flag(required=False, help_text="Book the best plan of the rest.")
    visits = asks.ChosenVisitAsk(many=True, required=False, max_length=200)  # type: ignore[call-arg]
    overrides = asks.OverrideAsk(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "proposal" in attrs:
            more = sorted(set(attrs) - {"proposal", "given", "reason"})
            if more:
                raise serializers.ValidationError(dict.fromkeys(more, ["A proposal holds this already."]))
            return attrs
        missing = [name for name in ("patient", "protocol") if name not in attrs]
        if missing:
            raise serializers.ValidationError(dict.fromkeys(missing, ["This field is required."]))
        if attrs.get("plan") and "visits" in attrs:
            raise serializers.ValidationError({"plan": ["Either a plan, or the visits themselves."]})
        if "overrides" in attrs and "visits" not in attrs:
            raise serializers.ValidationError({"overrides": ["Only with visits that a person chose."]})
        return attrs


class AdoptView(ApiView):
    @operation(
        "courses_adopt",
        "Take over a course under way: doses given are recorded, the rest is booked; all or nothing",
        capability="courses.book",
        body=AdoptAsk,
        answer=forms.WholeCourseShape,
        status=201,
        key="required",
    )
    def post(self, request: Request) -> Response:
        body = self.body
        common = {"given": body.pop("given"), "reason": body.pop("reason"), "key": self.key}
        if "proposal" in body:
            course_id = adoption.adopt(actor=self.actor, now=self.now, proposal=body["proposal"], **common)
        else:
            plan = bool(body.pop("plan", False))
            named = asks.protocol_named(body["protocol"])
            course = {**chosen({"visits": [], **body}), "protocol_id": named["protocol_id"]}
            loaders = {
                "patient": lambda: patients.patient(actor=self.actor, patient_id=body["patient"]),
                "protocol": lambda: access.protocol_version(
                    actor=self.actor, protocol_id=named["protocol_id"], key=named["protocol_key"]
                ),
                "site": lambda: body.get("site") and places.site(actor=self.actor, site_id=body["site"]),
            }
            with pointing(loaders):
                course_id = adoption.adopt(actor=self.actor, now=self.now, course=course, plan=plan, **common)
        whole = queries.course(actor=self.actor, course_id=course_id, capability="courses.book")
        return self.one(whole, version=whole.course.version, status=201, shape=forms.WholeCourseShape)
