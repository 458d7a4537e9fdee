"""When people work, and what is free."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice import queries as places
from clinic.practice.api import shapes
from clinic.practice.api.references import pointing
from clinic.practice.api.views import ApiView, changes, operation
from patients import queries as patients
from scheduling.api import asks, forms
from scheduling.booking.openings import days
from scheduling.roster import shifts


class ShiftsView(ApiView):
    shape = forms.ShiftShape

    @operation(
        "shifts_list",
        "List shifts",
        capability="shifts.read",
        query=asks.ShiftQuery,
        answer=forms.ShiftShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        where = shapes.where(asks.ShiftQuery, self.query)
        return self.page(paging.page(rows=shifts.shifts(actor=self.actor), part=self.part(), where=where))

    @operation(
        "shifts_create",
        "Add a recurring shift, in the site's local time",
        capability="shifts.write",
        body=asks.ShiftNew,
        answer=forms.ShiftShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        staff_id, site_id = self.body.pop("practitioner"), self.body.pop("site")
        loaders = {
            "practitioner": lambda: places.practitioner(actor=self.actor, staff_id=staff_id),
            "site": lambda: places.site(actor=self.actor, site_id=site_id),
        }
        with pointing(loaders):
            shift = shifts.create_shift(
                actor=self.actor,
                now=self.now,
                key=self.key,
                staff_id=staff_id,
                site_id=site_id,
                **self.body,
            )
        return self.one(shift, version=shift.version, status=201)


class ShiftView(ApiView):
    shape = forms.ShiftShape

    @operation(
        "shifts_retrieve",
        "Read a shift",
        capability="shifts.read",
        answer=forms.ShiftShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        shift = shifts.shift(actor=self.actor, shift_id=id)
        return self.one(shift, version=shift.version)

    def _change(self, request: Request, id: UUID) -> Response:
        site = self.body.get("site")
        with pointing({"site": lambda: site and places.site(actor=self.actor, site_id=site)}):
            shift = shifts.update_shift(
                actor=self.actor, shift_id=id, changes=self.body, now=self.now, version=self.version
            )
        return self.one(shift, version=shift.version)

    patch, put = changes(
        "shifts", "a shift", capability="shifts.write", body=asks.ShiftChange, answer=forms.ShiftShape
    )(_change)

    @operation(
        "shifts_delete",
        "Remove a shift from the beginning; set valid_until to end it on a day",
        capability="shifts.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        shifts.delete_shift(actor=self.actor, shift_id=id, now=self.now, version=self.version)
        return Response(status=204)


class AvailabilityView(ApiView):
    @operation(
        "availability_list",
        "When everybody and everything named is free together",
        capability="availability.read",
        query=asks.AvailabilityQuery,
        answer=forms.AvailabilityShape,
    )
    def get(self, request: Request) -> Response:
        query = self.query
        loaders = {
            "site": lambda: query.get("site") and places.site(actor=self.actor, site_id=query["site"]),
            "room": lambda: query.get("room") and places.room(actor=self.actor, room_id=query["room"]),
            "practitioner": lambda: (
                query.get("practitioner")
                and places.practitioner(actor=self.actor, staff_id=query["practitioner"])
            ),
            "patient": lambda: (
                query.get("patient") and patients.patient(actor=self.actor, patient_id=query["patient"])
            ),
        }
        with pointing(loaders):
            found = days.free_time(
                actor=self.actor,
                start_from=query["start_from"],
                start_before=query["start_before"],
                now=self.now,
                site_id=query.get("site"),
                practitioner_id=query.get("practitioner"),
                room_id=query.get("room"),
                patient_id=query.get("patient"),
                minutes=query["minutes"],
            )
        self.shown([query.get("patient")])
        return Response(forms.AvailabilityShape.show(found))


class RosterView(ApiView):
    @operation(
        "roster_retrieve",
        "One local day of a site, or of a practitioner",
        capability="roster.read",
        query=asks.RosterQuery,
        answer=forms.RosterShape,
    )
    def get(self, request: Request) -> Response:
        site_id, person_id = self.query.get("site"), self.query.get("practitioner")
        loaders = {
            "site": lambda: site_id and places.site(actor=self.actor, site_id=site_id),
            "practitioner": lambda: person_id and places.practitioner(actor=self.actor, staff_id=person_id),
        }
        with pointing(loaders):
            day = self.query.get("day") or days.today(
                actor=self.actor, now=self.now, site_id=site_id, practitioner_id=person_id
            )
            if site_id:
                roster = days.site_day(actor=self.actor, site_id=site_id, day=day)
            else:
                roster = days.practitioner_day(
                    actor=self.actor, practitioner_id=UUID(str(person_id)), day=day
                )
        self.shown(visit.patient.id for visit in roster.visits)
        return Response(forms.RosterShape.show(roster))
