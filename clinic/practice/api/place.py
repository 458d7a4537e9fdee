"""Practices, sites, rooms and closures."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import directory, paging, queries
from clinic.practice.api import forms, shapes
from clinic.practice.api.references import named
from clinic.practice.api.views import ApiView, changes, operation
from clinic.practice.errors import NotFound
from clinic.practice.models import Practice


class PracticesView(ApiView):
    shape = forms.PracticeShape

    @operation(
        "practices_list",
        "The program's own practice, as a list of one",
        capability="practices.read",
        query=forms.PracticeList,
        answer=forms.PracticeShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        return self.page(paging.Page(rows=(queries.practice(actor=self.actor),), next=None))


class PracticeView(ApiView):
    shape = forms.PracticeShape

    @operation(
        "practices_retrieve",
        "Read the practice",
        capability="practices.read",
        answer=forms.PracticeShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        return self._answer(self._own(id))

    def _own(self, id: UUID) -> Practice:
        if id != self.actor.practice_id:
            raise NotFound()
        return queries.practice(actor=self.actor)

    def _change(self, request: Request, id: UUID) -> Response:
        self._own(id)
        changed = directory.update_practice(
            actor=self.actor, changes=self.body, now=self.now, version=self.tag
        )
        return self._answer(changed)

    patch, put = changes(
        "practices",
        "the practice",
        capability="practices.write",
        body=forms.PracticeChange,
        answer=forms.PracticeShape,
    )(_change)

    def _answer(self, practice: Practice) -> Response:
        return self.one(practice, version=queries.practice_tag(practice=practice))


class SitesView(ApiView):
    shape = forms.SiteShape

    @operation(
        "sites_list",
        "List sites",
        capability="sites.read",
        query=forms.SiteList,
        answer=forms.SiteShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.sites(actor=self.actor).prefetch_related("hours")
        return self.page(
            paging.page(rows=rows, part=self.part(), where=shapes.where(forms.SiteList, self.query))
        )

    @operation(
        "sites_create",
        "Add a site",
        capability="sites.write",
        body=forms.SiteChange,
        answer=forms.SiteShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        site = directory.create_site(actor=self.actor, now=self.now, key=self.key, **self.body)
        return self.one(site, version=site.version, status=201)


class SiteView(ApiView):
    shape = forms.SiteShape

    @operation(
        "sites_retrieve", "Read a site", capability="sites.read", answer=forms.SiteShape, problems=[404]
    )
    def get(self, request: Request, id: UUID) -> Response:
        site = queries.site(actor=self.actor, site_id=id)
        return self.one(site, version=site.version)

    def _change(self, request: Request, id: UUID) -> Response:
        site = directory.update_site(
            actor=self.actor, site_id=id, changes=self.body, now=self.now, version=self.version
        )
        return self.one(site, version=site.version)

    patch, put = changes(
        "sites", "a site", capability="sites.write", body=forms.SiteChange, answer=forms.SiteShape
    )(_change)


class RoomsView(ApiView):
    shape = forms.RoomShape

    @operation(
        "rooms_list",
        "List rooms, chairs and devices",
        capability="rooms.read",
        query=forms.RoomList,
        answer=forms.RoomShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.rooms(actor=self.actor)
        return self.page(
            paging.page(rows=rows, part=self.part(), where=shapes.where(forms.RoomList, self.query))
        )

    @operation(
        "rooms_create",
        "Add a room, chair or device",
        capability="rooms.write",
        body=forms.RoomNew,
        answer=forms.RoomShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        site_id = self.body.pop("site")
        room = named(
            "site",
            lambda: directory.create_room(
                actor=self.actor, now=self.now, key=self.key, site_id=site_id, **self.body
            ),
        )
        return self.one(room, version=room.version, status=201)


class RoomView(ApiView):
    shape = forms.RoomShape

    @operation(
        "rooms_retrieve", "Read a room", capability="rooms.read", answer=forms.RoomShape, problems=[404]
    )
    def get(self, request: Request, id: UUID) -> Response:
        room = queries.room(actor=self.actor, room_id=id)
        return self.one(room, version=room.version)

    def _change(self, request: Request, id: UUID) -> Response:
        room = directory.update_room(
            actor=self.actor, room_id=id, changes=self.body, now=self.now, version=self.version
        )
        return self.one(room, version=room.version)

    patch, put = changes(
        "rooms", "a room", capability="rooms.write", body=forms.RoomChange, answer=forms.RoomShape
    )(_change)


class ClosuresView(ApiView):
    shape = forms.ClosureShape

    @operation(
        "closures_list",
        "List closures",
        capability="closures.read",
        query=forms.ClosureList,
        answer=forms.ClosureShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.closures(actor=self.actor)
        return self.page(
            paging.page(rows=rows, part=self.part(), where=shapes.where(forms.ClosureList, self.query))
        )

    @operation(
        "closures_create",
        "Shut a site, or one room of it, for a span",
        capability="closures.write",
        body=forms.ClosureNew,
        answer=forms.ClosureShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        site_id, room_id = self.body.pop("site"), self.body.pop("room")
        named("site", lambda: queries.site(actor=self.actor, site_id=site_id))
        # What is left to be missing is the room, or that it belongs to another site.
        closure = named(
            "room",
            lambda: directory.create_closure(
                actor=self.actor, now=self.now, key=self.key, site_id=site_id, room_id=room_id, **self.body
            ),
        )
        return self.one(closure, version=closure.version, status=201)


class ClosureView(ApiView):
    shape = forms.ClosureShape

    @operation(
        "closures_retrieve",
        "Read a closure",
        capability="closures.read",
        answer=forms.ClosureShape,
        problems=[404],
    )
    def get(self, request: Request, id: UUID) -> Response:
        closure = queries.closure(actor=self.actor, closure_id=id)
        return self.one(closure, version=closure.version)

    def _change(self, request: Request, id: UUID) -> Response:
        closure = directory.update_closure(
            actor=self.actor, closure_id=id, changes=self.body, now=self.now, version=self.version
        )
        return self.one(closure, version=closure.version)

    patch, put = changes(
        "closures",
        "a closure",
        capability="closures.write",
        body=forms.ClosureChange,
        answer=forms.ClosureShape,
    )(_change)

    @operation(
        "closures_delete",
        "Open again what was to be shut",
        capability="closures.write",
        answer=None,
        status=204,
        condition="optional",
        problems=[404],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        directory.delete_closure(actor=self.actor, closure_id=id, now=self.now, version=self.version)
        return Response(status=204)
