"""Practitioners: the people that visits are booked with, and their roles."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging, people, queries
from clinic.practice.api import forms, shapes
from clinic.practice.api.references import named
from clinic.practice.api.views import ApiView, changes, operation


class PractitionersView(ApiView):
    shape = forms.PractitionerShape

    @operation(
        "practitioners_list",
        "List practitioners",
        capability="practitioners.read",
        query=forms.PractitionerList,
        answer=forms.PractitionerShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.practitioners(actor=self.actor)
        where = shapes.where(forms.PractitionerList, self.query)
        return self.page(paging.page(rows=rows, part=self.part(), where=where))

    @operation(
        "practitioners_create",
        "Add a practitioner, who cannot sign in until the practice's admin lets them",
        capability="practitioners.write",
        body=forms.PractitionerNew,
        answer=forms.PractitionerShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        home = self.body.pop("home_site")
        person = named(
            "home_site",
            lambda: people.create_staff_member(
                actor=self.actor, now=self.now, key=self.key, home_site_id=home, **self.body
            ),
        )
        return self.one(person, version=person.version, status=201)


class PractitionerView(ApiView):
    shape = forms.PractitionerShape

    @operation(
        "practitioners_retrieve",
        "Read a practitioner",
        capability="practitioners.read",
        answer=forms.PractitionerShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        person = queries.practitioner(actor=self.actor, staff_id=id)
        return self.one(person, version=person.version)

    def _change(self, request: Request, id: UUID) -> Response:
        queries.practitioner(actor=self.actor, staff_id=id)
        # They are here, so what is not is the home site.
        person = named(
            "home_site",
            lambda: people.update_staff_member(
                actor=self.actor, staff_id=id, changes=self.body, now=self.now, version=self.version
            ),
        )
        return self.one(person, version=person.version)

    patch, put = changes(
        "practitioners",
        "a practitioner",
        capability="practitioners.write",
        body=forms.PractitionerChange,
        answer=forms.PractitionerShape,
    )(_change)
