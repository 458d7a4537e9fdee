"""Courses: proposed, booked whole, read."""

from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import queries as places
from clinic.practice.api.references import named, pointing
from clinic.practice.api.views import ApiView, operation
from patients import queries as patients
from scheduling.api import asks, forms
from scheduling.booking.course import courses
from scheduling.booking.guard import access
from scheduling.booking.intake import adoption
from scheduling.booking.reading import queries
from scheduling.booking.reading.queries import Filters
from scheduling.booking.waiting import holds


class ProposeView(ApiView):
    @operation(
        "courses_propose",
        "Propose whole courses, best first; writes nothing",
        capability="courses.book",
        body=asks.ProposeAsk,
        answer=forms.ProposedShape,
        problems=[422],
    )
    def post(self, request: Request) -> Response:
        protocol = asks.protocol_named(self.body.pop("protocol"))
        patient_id = self.body.pop("patient")
        wishes = self.body.get("preferences") or {}
        _check_people(self, wishes)
        loaders = {
            "patient": lambda: patients.patient(actor=self.actor, patient_id=patient_id),
            "protocol": lambda: access.protocol_version(
                actor=self.actor, protocol_id=protocol["protocol_id"], key=protocol["protocol_key"]
            ),
            "preferences.site": lambda: (
                wishes.get("site") and places.site(actor=self.actor, site_id=wishes["site"])
            ),
        }
        with pointing(loaders):
            propose = adoption.propose if self.body.get("given") else courses.propose
            found = propose(actor=self.actor, now=self.now, patient_id=patient_id, **protocol, **self.body)
        return Response({"proposals": [proposal.as_dict() for proposal in found]})


class CoursesView(ApiView):
    shape = forms.CourseShape

    @operation(
        "courses_list",
        "List courses",
        capability="courses.read",
        query=asks.CourseQuery,
        answer=forms.CourseShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        filters = Filters(**{name: self.query.get(name) for name in asks.FILTERS_OF_COURSES})
        return self.page(queries.courses(actor=self.actor, filters=filters, part=self.part()))

    @operation(
        "courses_create",
        "Book a course whole: a proposal, a hold, or visits that a person chose; all or nothing",
        capability="courses.book",
        body=asks.CourseAsk,
        answer=forms.WholeCourseShape,
        status=201,
        key="required",
    )
    def post(self, request: Request) -> Response:
        body = self.body
        skip = tuple(body.pop("skip", ()))
        if "hold" in body:
            with pointing({"hold": lambda: self._held(body["hold"])}):
                course_id = holds.book_course(
                    actor=self.actor, course_id=body["hold"], now=self.now, key=self.key
                )
        elif "proposal" in body:
            course_id = courses.book(
                actor=self.actor, now=self.now, key=self.key, proposal=body["proposal"], skip=skip
            )
        else:
            with pointing(self._loaders(body)):
                course_id = courses.book(
                    actor=self.actor, now=self.now, key=self.key, chosen=chosen(body), skip=skip
                )
        whole = queries.course(actor=self.actor, course_id=course_id, capability="courses.book")
        return self.one(whole, version=whole.course.version, status=201, shape=forms.WholeCourseShape)

    def _held(self, course_id: UUID) -> Any:
        return queries.course(actor=self.actor, course_id=course_id, capability="courses.book")

    def _loaders(self, body: dict[str, Any]) -> dict[str, Any]:
        protocol = asks.protocol_named(body["protocol"])
        return {
            "patient": lambda: patients.patient(actor=self.actor, patient_id=body["patient"]),
            "protocol": lambda: access.protocol_version(
                actor=self.actor, protocol_id=protocol["protocol_id"], key=protocol["protocol_key"]
            ),
            "site": lambda: body.get("site") and places.site(actor=self.actor, site_id=body["site"]),
        }


class CourseView(ApiView):
    shape = forms.WholeCourseShape

    @operation(
        "courses_retrieve",
        "Read a course with its visits and follow-up units",
        capability="courses.read",
        answer=forms.WholeCourseShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        whole = queries.course(actor=self.actor, course_id=id)
        return self.one(whole, version=whole.course.version)


def _check_people(view: ApiView, wishes: dict[str, Any]) -> None:
    """Preferences are soft, so nothing else would miss somebody who does not work here."""
    if wishes.get("therapist"):
        named(
            "preferences.therapist",
            lambda: places.practitioner(actor=view.actor, staff_id=wishes["therapist"]),
        )
    for position, person in enumerate(wishes.get("practitioners") or ()):
        named(
            f"preferences.practitioners.{position}",
            partial(places.practitioner, actor=view.actor, staff_id=person),
        )


def chosen(body: dict[str, Any]) -> dict[str, Any]:
    """The body as the use case reads it: a protocol by id or by key, and only what a person decides of a
    visit.
    """
    protocol = asks.protocol_named(body["protocol"])
    computed = {"sequence", "window"}
    visits = [
        {name: value for name, value in visit.items() if name not in computed} for visit in body["visits"]
    ]
    chosen = {**body, "visits": visits}
    chosen["protocol"] = protocol["protocol_id"]
    return chosen | {"protocol_key": protocol["protocol_key"]}
