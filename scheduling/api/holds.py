"""Holds: a course or a visit reserved for minutes, then booked or released."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice.api.shapes import Nothing
from clinic.practice.api.views import ApiView, operation
from scheduling.api import asks, forms
from scheduling.booking.course import courses
from scheduling.booking.reading import queries
from scheduling.booking.waiting import holds
from scheduling.booking.wanted.holding import Hold


class CourseHoldView(ApiView):
    @operation(
        "courses_hold",
        "Hold a proposal for minutes: a draft whose places nobody else can take until then",
        capability="courses.book",
        body=asks.HoldAsk,
        answer=forms.WholeCourseShape,
        status=201,
        key="required",
    )
    def post(self, request: Request) -> Response:
        hold = Hold(self.body.get("minutes"))
        course_id = courses.book(
            actor=self.actor, now=self.now, key=self.key, proposal=self.body["proposal"], hold=hold
        )
        whole = queries.course(actor=self.actor, course_id=course_id, capability="courses.book")
        return self.one(whole, version=whole.course.version, status=201, shape=forms.WholeCourseShape)


class CourseReleaseView(ApiView):
    shape = forms.WholeCourseShape

    @operation(
        "courses_hold_release",
        "Give a held course's places back",
        capability="courses.book",
        body=Nothing,
        answer=forms.WholeCourseShape,
        key="optional",
        condition="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        holds.release_course(actor=self.actor, course_id=id, now=self.now, version=self.version, key=self.key)
        whole = queries.course(actor=self.actor, course_id=id, capability="courses.book")
        return self.one(whole, version=whole.course.version)


class VisitBookView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_book",
        "Book a held visit",
        capability="appointments.book",
        body=Nothing,
        answer=forms.AppointmentShape,
        key="optional",
        condition="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        holds.book_visit(
            actor=self.actor, appointment_id=id, now=self.now, version=self.version, key=self.key
        )
        visit = queries.visit(actor=self.actor, appointment_id=id, capability="appointments.book")
        return self.one(visit, version=visit.version)


class VisitReleaseView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_release",
        "Give a held visit's place back",
        capability="appointments.book",
        body=Nothing,
        answer=forms.AppointmentShape,
        key="optional",
        condition="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        holds.release_visit(
            actor=self.actor, appointment_id=id, now=self.now, version=self.version, key=self.key
        )
        visit = queries.visit(actor=self.actor, appointment_id=id, capability="appointments.book")
        return self.one(visit, version=visit.version)
