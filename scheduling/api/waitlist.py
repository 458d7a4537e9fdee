"""The waitlist: who waits, whom a free place fits, what was offered and what they said."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import queries as places
from clinic.practice.api import shapes
from clinic.practice.api.references import named, pointing
from clinic.practice.api.shapes import Nothing
from clinic.practice.api.views import ApiView, changes, operation
from patients import queries as patients
from scheduling.api import forms
from scheduling.api import waitlist_asks as asks
from scheduling.booking.reading import queries
from scheduling.booking.waiting import waiting, waitlist
from scheduling.booking.waiting.waiting import Opening
from scheduling.booking.waiting.waitlist import Place, Wish


class EntryAnswer(ApiView):
    shape = forms.WaitlistShape

    def answer(self, id: UUID, *, capability: str, status: int = 200) -> Response:
        entry = waiting.entry(actor=self.actor, entry_id=id, capability=capability)
        return self.one(entry, version=entry.version, status=status)


class WaitlistView(EntryAnswer):
    @operation(
        "waitlist_list",
        "List who waits, and who waited",
        capability="waitlist.read",
        query=asks.WaitlistQuery,
        answer=forms.WaitlistShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(asks.WaitlistQuery, self.query)
        return self.page(waiting.entries(actor=self.actor, part=self.part(), where=where))

    @operation(
        "waitlist_create",
        "Put a patient on the list for a visit",
        capability="waitlist.work",
        body=asks.WaitlistNew,
        answer=forms.WaitlistShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        with pointing(self._loaders(self.body)):
            entry_id = waitlist.add(actor=self.actor, wish=_wish(self.body), now=self.now, key=self.key)
        return self.answer(entry_id, capability="waitlist.work", status=201)

    def _loaders(self, body: dict[str, Any]) -> dict[str, Callable[[], Any]]:
        course, site = body.get("course"), body.get("site")
        return {
            "patient": lambda: patients.patient(actor=self.actor, patient_id=body["patient"]),
            "course": lambda: (
                course and queries.course(actor=self.actor, course_id=course, capability="waitlist.work")
            ),
            "site": lambda: site and places.site(actor=self.actor, site_id=site),
        }


def _wish(body: dict[str, Any]) -> Wish:
    return Wish(
        patient_id=body["patient"],
        kind=body["kind"],
        earliest=body["earliest"],
        latest=body["latest"],
        site_id=body.get("site"),
        course_id=body.get("course"),
        follows_id=body.get("follows"),
        mode=body["mode"],
        practitioner_ids=tuple(body["practitioners"]),
        weekdays=tuple(body["weekdays"]),
        time_of_day=body["time_of_day"],
        priority=body["priority"],
    )


class EntryView(EntryAnswer):
    @operation(
        "waitlist_retrieve",
        "Read an entry with its latest offer",
        capability="waitlist.read",
        answer=forms.WaitlistShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        return self.answer(id, capability="waitlist.read")

    def _change(self, request: Request, id: UUID) -> Response:
        waitlist.change(actor=self.actor, entry_id=id, changes=self.body, now=self.now, version=self.version)
        return self.answer(id, capability="waitlist.work")

    patch, put = changes(
        "waitlist",
        "an entry",
        capability="waitlist.work",
        body=asks.WaitlistChange,
        answer=forms.WaitlistShape,
    )(_change)


class FitsView(ApiView):
    @operation(
        "waitlist_fits",
        "Whom a place fits, the most urgent first",
        capability="waitlist.read",
        query=asks.FitsQuery,
        answer=forms.FitShape,
        many=True,
    )
    def get(self, request: Request) -> Response:
        opening = self._opening()
        found = named("site", lambda: waiting.fits(actor=self.actor, opening=opening, now=self.now))
        self.shown(shapes.patients_of(forms.FitShape, found))
        return Response(forms.FitShape.show_all(found))

    def _opening(self) -> Opening:
        query = self.query
        if "appointment" in query:
            return named(
                "appointment",
                lambda: waiting.place_of(actor=self.actor, appointment_id=query["appointment"]),
            )
        return Opening(
            query["site"], query["start"], query["end"], query.get("practitioner"), query.get("room")
        )


class OfferView(EntryAnswer):
    @operation(
        "waitlist_offer",
        "Hold a place for them until they answer or it expires",
        capability="appointments.book",
        body=asks.OfferAsk,
        answer=forms.WaitlistShape,
        key="optional",
        condition="optional",
        problems=[404],
    )
    def post(self, request: Request, id: UUID) -> Response:
        body = self.body
        place = Place(
            start=body["start"],
            end=body.get("end"),
            practitioner_ids=tuple(body["practitioners"]),
            room_id=body.get("room"),
            minutes=body.get("minutes"),
        )
        waitlist.offer(
            actor=self.actor, entry_id=id, place=place, now=self.now, version=self.version, key=self.key
        )
        return self.answer(id, capability="appointments.book")


def verb_view(
    verb: str, summary: str, act: Callable[..., object], capability: str
) -> Callable[..., HttpResponseBase]:
    """The view of a verb that needs no more than the entry."""

    class VerbView(EntryAnswer):
        @operation(
            f"waitlist_{verb}",
            summary,
            capability=capability,
            body=Nothing,
            answer=forms.WaitlistShape,
            key="optional",
            condition="optional",
            problems=[404],
        )
        def post(self, request: Request, id: UUID) -> Response:
            act(actor=self.actor, entry_id=id, now=self.now, version=self.version, key=self.key)
            return self.answer(id, capability=capability)

    return VerbView.as_view()


VERBS = {
    verb: verb_view(verb, summary, act, capability)
    for verb, summary, act, capability in (
        ("accept", "They take it: the visit is booked", waitlist.accept, "waitlist.answer"),
        (
            "decline",
            "They do not take it: the place is free, and they wait on",
            waitlist.decline,
            "waitlist.answer",
        ),
        (
            "retract",
            "Take the offer back: the place is free, and they wait on",
            waitlist.retract,
            "waitlist.work",
        ),
        (
            "withdraw",
            "Take them off the list; a place offered to them is free again",
            waitlist.withdraw,
            "waitlist.work",
        ),
    )
}
