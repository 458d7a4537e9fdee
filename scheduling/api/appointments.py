"""Appointments: read, booked one by one, and moved through their states as the day goes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import queries as places
from clinic.practice.api.references import pointing
from clinic.practice.api.views import ApiView, operation
from patients import queries as patients
from scheduling.api import asks, forms, life_asks
from scheduling.booking.reading import queries
from scheduling.booking.reading.queries import Filters
from scheduling.booking.visit import appointments, corrections, reinstating, single
from scheduling.booking.wanted.holding import Hold

VERBS = {
    "confirm": "Confirm that the patient will come",
    "check_in": "The patient has arrived",
    "start": "It begins",
    "end_administration": "The dose has been given; the observation goes on",
    "discharge": "The patient may leave: the end of a visit with monitoring",
    "complete": "The end of a visit without monitoring",
    "cancel": "Cancel the visit, with a reason",
    "no_show": "The patient did not come",
}


class AppointmentsView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_list",
        "List appointments by start; with updated_since, in the order of change",
        capability="appointments.read",
        query=asks.AppointmentQuery,
        answer=forms.AppointmentShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        filters = Filters(**{name: self.query.get(name) for name in asks.FILTERS_OF_APPOINTMENTS})
        part = self.part(order="start", moves=True)
        return self.page(queries.visits(actor=self.actor, filters=filters, part=part))

    @operation(
        "appointments_create",
        "Book one visit; what is not given is found among what is free",
        capability="appointments.book",
        body=asks.AppointmentAsk,
        answer=forms.AppointmentShape,
        status=201,
        key="optional",
        problems=[409, 422],
    )
    def post(self, request: Request) -> Response:
        with pointing(self._loaders(self.body)):
            visit = single.booked(actor=self.actor, now=self.now, key=self.key, visit=_wanted(self.body))
        return self.one(visit, version=visit.version, status=201)

    def _loaders(self, body: dict[str, Any]) -> dict[str, Callable[[], Any]]:
        course, site = body.get("course"), body.get("site")
        return {
            "patient": lambda: patients.patient(actor=self.actor, patient_id=body["patient"]),
            "course": lambda: (
                course and queries.course(actor=self.actor, course_id=course, capability="appointments.book")
            ),
            "site": lambda: site and places.site(actor=self.actor, site_id=site),
        }


def _wanted(body: dict[str, Any]) -> single.Visit:
    return single.Visit(
        patient_id=body["patient"],
        kind=body["kind"],
        start=body["start"],
        end=body.get("end"),
        course_id=body.get("course"),
        follows_id=body.get("follows"),
        practitioner_ids=tuple(body["practitioners"]),
        room_id=body.get("room"),
        site_id=body.get("site"),
        mode=body["mode"],
        late_entry_reason=body["late_entry_reason"],
        hold=Hold(minutes, named="hold_minutes") if (minutes := body.get("hold_minutes")) else None,
        overrides=tuple(body["overrides"]),
    )


class AppointmentView(ApiView):
    shape = forms.AppointmentShape

    @operation(
        "appointments_retrieve",
        "Read an appointment",
        capability="appointments.read",
        answer=forms.AppointmentShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        visit = queries.visit(actor=self.actor, appointment_id=id)
        return self.one(visit, version=visit.version)


def transition_view(verb: str) -> Callable[..., HttpResponseBase]:
    """The view of one transition, `POST appointments/<id>/<verb>/`."""
    capability = appointments.CAPABILITY[verb]

    class TransitionView(ApiView):
        shape = forms.AppointmentShape

        @operation(
            f"appointments_{verb}",
            VERBS[verb],
            capability=capability,
            body=life_asks.CancelAsk if verb == "cancel" else asks.TransitionAsk,
            answer=forms.AppointmentShape,
            key="optional",
            condition="optional",
            problems=[404, 409, 422],
        )
        def post(self, request: Request, id: UUID) -> Response:
            appointments.transition(
                actor=self.actor,
                appointment_id=id,
                verb=verb,
                now=self.now,
                at=self.body.get("at"),
                reason=self.body["reason"],
                reason_code=self.body.get("reason_code", ""),
                follow_up=self.body.get("follow_up", ""),
                overrides=self.body["overrides"],
                version=self.version,
                key=self.key,
            )
            visit = queries.visit(actor=self.actor, appointment_id=id, capability=capability)
            return self.one(visit, version=visit.version)

    return TransitionView.as_view()


class RecordView(ApiView):
    """What changes a visit's record and is no step of its day; each answers with the visit as it is then."""

    shape = forms.AppointmentShape

    def answer(self, id: UUID, *, capability: str) -> Response:
        visit = queries.visit(actor=self.actor, appointment_id=id, capability=capability)
        return self.one(visit, version=visit.version)


class ReinstateView(RecordView):
    @operation(
        "appointments_reinstate",
        "Bring a cancelled, missed or displaced visit back to its old time and place",
        capability=reinstating.CAPABILITY,
        body=life_asks.ReinstateAsk,
        answer=forms.AppointmentShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        reinstating.reinstate(
            actor=self.actor,
            appointment_id=id,
            reason=self.body["reason"],
            overrides=self.body["overrides"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability=reinstating.CAPABILITY)


class CorrectView(RecordView):
    @operation(
        "appointments_correct",
        "Say what state a visit is really in and when things happened; all that followed is judged anew",
        capability=corrections.CAPABILITY,
        body=life_asks.CorrectAsk,
        answer=forms.AppointmentShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 422],
    )
    def post(self, request: Request, id: UUID) -> Response:
        corrections.correct(
            actor=self.actor,
            appointment_id=id,
            status=self.body.get("status"),
            facts=self.body.get("facts"),
            reason=self.body["reason"],
            overrides=self.body["overrides"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability=corrections.CAPABILITY)


class EnterInErrorView(RecordView):
    @operation(
        "appointments_enter_in_error",
        "Say that the visit should never have been written; nothing leads back",
        capability=corrections.CAPABILITY,
        body=asks.ReasonAsk,
        answer=forms.AppointmentShape,
        key="optional",
        condition="optional",
        problems=[404, 409],
    )
    def post(self, request: Request, id: UUID) -> Response:
        corrections.enter_in_error(
            actor=self.actor,
            appointment_id=id,
            reason=self.body["reason"],
            now=self.now,
            version=self.version,
            key=self.key,
        )
        return self.answer(id, capability=corrections.CAPABILITY)
