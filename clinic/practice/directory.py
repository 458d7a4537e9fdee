"""Changing the place: practice, sites with their hours, rooms, closures. Its people are in `people`.

Each function is one transaction with its trail row. `version` is what the caller last read: another one
raises Stale, None skips the check. `key` makes a repeated request have one effect. All raise NotAllowed,
NotFound and Invalid.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any
from uuid import UUID

from clinic.practice import actor as actors
from clinic.practice import fields, permissions, ports, practice_settings, queries, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound, Stale
from clinic.practice.models import Closure, OpeningHours, Practice, Resource, Room, Site

GRIDS = (5, 10, 15, 20, 30, 60)
SITE_UNIQUE = {"site_name_once": "name"}
ROOM_UNIQUE = {"room_name_once": "name"}


# --- practice -----------------------------------------------------------------------------------------
def create_practice(
    *, name: str, message_name: str, now: datetime, phone: str = "", settings: dict[str, Any] | None = None
) -> Practice:
    """A new tenant. It takes no actor: nobody inside a practice can make another, only the installation
    does.
    """
    given = {"name": name, "message_name": message_name, "settings": settings or {}, "phone": phone}
    with writing.transaction():
        return insert_practice(given=given, now=now)


def insert_practice(*, given: Mapping[str, Any], now: datetime) -> Practice:
    """A practice with its trail row, inside the caller's transaction."""
    practice = Practice.objects.create(**_practice_values(given, region=queries.DEFAULT_REGION))
    installation = actors.system(practice_id=practice.pk)
    writing.tell(actor=installation, now=now, verb="create", kind="practice", row_id=practice.pk)
    return practice


def update_practice(
    *, actor: Actor, changes: Mapping[str, Any], now: datetime, version: str | None = None
) -> Practice:
    """Change the actor's practice; `version` is `queries.practice_tag` of what was read."""
    permissions.check(actor=actor, capability="practices.write")
    fields.only(changes=changes, allowed=("name", "message_name", "phone", "settings"))
    with writing.transaction():
        practice = queries.practice(actor=actor, lock=True)
        if version is not None and version != queries.practice_tag(practice=practice):
            raise Stale()
        values = _practice_values(changes, region=queries.region(practice=practice))
        judged_by, messages = (practice.settings.get(name) for name in ("severity_hours", "messages"))
        for name, value in values.items():
            setattr(practice, name, value)
        practice.save(update_fields=list(values))
        if practice.settings.get("severity_hours") != judged_by:
            ports.terms_changed(practice_id=practice.pk, now=now)
        if practice.settings.get("messages") != messages:
            ports.messages_changed(practice_id=practice.pk, now=now)
        writing.tell(actor=actor, now=now, verb="update", kind="practice", row_id=practice.pk, fields=values)
    return practice


def _practice_values(given: Mapping[str, Any], *, region: str) -> dict[str, Any]:
    problems = fields.Problems()
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = fields.text(problems, "name", given["name"], longest=200)
    if "message_name" in given:
        values["message_name"] = fields.text(problems, "message_name", given["message_name"], longest=40)
    if "settings" in given:
        values["settings"] = given["settings"]
        practice_settings.check(problems, "settings", given["settings"])
        if isinstance(given["settings"], dict):
            region = str(given["settings"].get("region", region))
    if "phone" in given:
        values["phone"] = _phone(problems, given["phone"], region)
    problems.raise_if_any()
    return values


def _phone(problems: fields.Problems, given: object, region: str) -> str:
    return fields.phone(problems, "phone", given, region=region) if given != "" else ""


# --- sites --------------------------------------------------------------------------------------------
def create_site(
    *,
    actor: Actor,
    name: str,
    time_zone: str,
    now: datetime,
    grid_minutes: int = 15,
    phone: str = "",
    address: str = "",
    hours: Sequence[Mapping[str, Any]] = (),
    key: writing.Key = None,
) -> Site:
    """A place of work. `hours` are {weekday, opens, closes} in local time; a site without any is open
    whenever people work.
    """
    given = {"name": name, "time_zone": time_zone, "grid_minutes": grid_minutes, "phone": phone}
    given |= {"address": address, "hours": hours}
    return writing.create(
        actor=actor,
        capability="sites.write",
        key=key,
        now=now,
        kind="site",
        make=lambda site_id: insert_site(actor=actor, site_id=site_id, given=given),
        load=lambda site_id: queries.site(actor=actor, site_id=site_id),
        unique=SITE_UNIQUE,
    )


def insert_site(*, actor: Actor, site_id: UUID, given: Mapping[str, Any]) -> Site:
    """A site without its trail row, inside the caller's transaction."""
    values, spans = _site_values(actor, given)
    site = Site.objects.create(id=site_id, practice_id=actor.practice_id, **values)
    _put_hours(site, spans or [])
    return site


def update_site(
    *, actor: Actor, site_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> Site:
    """Change a site. `hours`, when given, replaces all of them."""
    permissions.check(actor=actor, capability="sites.write")
    fields.only(changes=changes, allowed=("name", "time_zone", "grid_minutes", "phone", "address", "hours"))
    with writing.clashes(SITE_UNIQUE), writing.transaction():
        site = queries.site(actor=actor, site_id=site_id, lock=True)
        writing.fresh(held=site.version, read=version)
        values, spans = _site_values(actor, changes)
        moved = values.get("time_zone", site.time_zone) != site.time_zone
        if spans is not None:
            OpeningHours.objects.filter(site=site).delete()
            _put_hours(site, spans)
        writing.save(row=site, values=values)
        if moved:
            ports.terms_changed(practice_id=actor.practice_id, now=now)
        writing.tell(actor=actor, now=now, verb="update", kind="site", row_id=site.pk, fields=changes)
    return queries.site(actor=actor, site_id=site_id)


def _site_values(actor: Actor, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[OpeningHours] | None]:
    problems = fields.Problems()
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = fields.text(problems, "name", given["name"], longest=200)
    if "time_zone" in given:
        values["time_zone"] = fields.zone(problems, "time_zone", given["time_zone"])
    if "grid_minutes" in given:
        values["grid_minutes"] = given["grid_minutes"]
        if isinstance(given["grid_minutes"], bool) or given["grid_minutes"] not in GRIDS:
            problems.add("grid_minutes", f"Must be one of: {', '.join(str(grid) for grid in GRIDS)}.")
    if "phone" in given:
        region = queries.region(practice=queries.practice(actor=actor))
        values["phone"] = _phone(problems, given["phone"], region)
    if "address" in given:
        values["address"] = fields.text(
            problems, "address", given["address"], longest=300, blank=True, lines=True
        )
    spans = _hours(problems, given["hours"]) if "hours" in given else None
    problems.raise_if_any()
    return values, spans


def _hours(problems: fields.Problems, given: object) -> list[OpeningHours]:
    if not isinstance(given, list | tuple) or len(given) > 50:
        problems.add("hours", "Must be a list of at most 50 spans.")
        return []
    spans: list[OpeningHours] = []
    for number, item in enumerate(given):
        span = item if isinstance(item, Mapping) else {}
        opens, closes = span.get("opens"), span.get("closes")
        weekday = fields.integer(problems, f"hours.{number}.weekday", span.get("weekday"), least=1, most=7)
        if not isinstance(opens, time) or not isinstance(closes, time) or opens.tzinfo or closes.tzinfo:
            problems.add(f"hours.{number}", "Opens and closes must be local times.")
        elif opens >= closes:
            problems.add(f"hours.{number}.closes", "Must be later than opens.")
        elif any(
            other.weekday == weekday and other.opens < closes and opens < other.closes for other in spans
        ):
            problems.add(f"hours.{number}.opens", "Overlaps another span of the same day.")
        else:
            spans.append(OpeningHours(weekday=weekday, opens=opens, closes=closes))
    return spans


def _put_hours(site: Site, spans: list[OpeningHours]) -> None:
    for span in spans:
        span.site = site
    OpeningHours.objects.bulk_create(spans)


# --- rooms --------------------------------------------------------------------------------------------
def create_room(
    *,
    actor: Actor,
    site_id: UUID,
    name: str,
    kind: str,
    now: datetime,
    is_active: bool = True,
    key: writing.Key = None,
) -> Room:
    """A room, chair or device of a site; `kind` is the word that protocols ask for (`infusion_chair`)."""

    def make(room_id: UUID) -> Room:
        site = queries.site(actor=actor, site_id=site_id)
        values = _room_values({"name": name, "kind": kind, "is_active": is_active})
        resource = Resource.objects.create(practice_id=actor.practice_id, kind=Resource.Kind.ROOM)
        return Room.objects.create(id=room_id, site=site, resource=resource, **values)

    return writing.create(
        actor=actor,
        capability="rooms.write",
        key=key,
        now=now,
        kind="room",
        make=make,
        load=lambda room_id: queries.room(actor=actor, room_id=room_id),
        unique=ROOM_UNIQUE,
    )


def update_room(
    *, actor: Actor, room_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> Room:
    """Change a room; an inactive one takes no new visits."""
    permissions.check(actor=actor, capability="rooms.write")
    fields.only(changes=changes, allowed=("name", "kind", "is_active"))
    with writing.clashes(ROOM_UNIQUE), writing.transaction():
        room = queries.room(actor=actor, room_id=room_id, lock=True)
        writing.fresh(held=room.version, read=version)
        values = _room_values(changes)
        writing.save(row=room, values=values)
        writing.tell(actor=actor, now=now, verb="update", kind="room", row_id=room.pk, fields=values)
    return room


def _room_values(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = fields.text(problems, "name", given["name"], longest=100)
    if "kind" in given:
        values["kind"] = fields.slug(problems, "kind", given["kind"])
    if "is_active" in given:
        values["is_active"] = fields.flag(problems, "is_active", given["is_active"])
    problems.raise_if_any()
    return values


# --- closures -----------------------------------------------------------------------------------------
def create_closure(
    *,
    actor: Actor,
    site_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    reason: str = "",
    room_id: UUID | None = None,
    key: writing.Key = None,
) -> Closure:
    """Shut a site, or one room of it, for a span. Visits that stand in it stay: people are asked about them,
    in the same transaction."""

    def make(closure_id: UUID) -> Closure:
        site = queries.site(actor=actor, site_id=site_id)
        room = queries.room(actor=actor, room_id=room_id) if room_id else None
        if room is not None and room.site_id != site.pk:
            raise NotFound()
        given = {"starts_at": starts_at, "ends_at": ends_at, "reason": reason}
        made = Closure.objects.create(id=closure_id, site=site, room=room, **_closure_values(given))
        ports.closure_changed(actor=actor, before=None, after=_shut(made), now=now)
        return made

    return writing.create(
        actor=actor,
        capability="closures.write",
        key=key,
        now=now,
        kind="closure",
        make=make,
        load=lambda closure_id: queries.closure(actor=actor, closure_id=closure_id),
    )


def update_closure(
    *, actor: Actor, closure_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> Closure:
    """Change when or why a site is shut."""
    permissions.check(actor=actor, capability="closures.write")
    fields.only(changes=changes, allowed=("starts_at", "ends_at", "reason"))
    with writing.transaction():
        closure = queries.closure(actor=actor, closure_id=closure_id, lock=True)
        writing.fresh(held=closure.version, read=version)
        held = {"starts_at": closure.starts_at, "ends_at": closure.ends_at, "reason": closure.reason}
        before = _shut(closure)
        writing.save(row=closure, values=_closure_values({**held, **changes}))
        ports.closure_changed(actor=actor, before=before, after=_shut(closure), now=now)
        writing.tell(actor=actor, now=now, verb="update", kind="closure", row_id=closure.pk, fields=changes)
    return closure


def delete_closure(*, actor: Actor, closure_id: UUID, now: datetime, version: int | None = None) -> None:
    """Open again what was to be shut."""
    permissions.check(actor=actor, capability="closures.write")
    with writing.transaction():
        closure = queries.closure(actor=actor, closure_id=closure_id, lock=True)
        writing.fresh(held=closure.version, read=version)
        writing.tell(actor=actor, now=now, verb="delete", kind="closure", row_id=closure.pk)
        before = _shut(closure)
        closure.delete()
        ports.closure_changed(actor=actor, before=before, after=None, now=now)


def _shut(closure: Closure) -> ports.Shut:
    return ports.Shut(closure.site_id, closure.room_id, closure.starts_at, closure.ends_at)


def _closure_values(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    starts_at, ends_at = fields.span(
        problems, ("starts_at", given["starts_at"]), ("ends_at", given["ends_at"])
    )
    reason = fields.text(problems, "reason", given["reason"], longest=200, blank=True, lines=True)
    problems.raise_if_any()
    return {"starts_at": starts_at, "ends_at": ends_at, "reason": reason}
