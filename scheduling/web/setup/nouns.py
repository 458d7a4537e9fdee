"""What a practice sets up, one table: the fields of each thing, how it is listed, and its two use cases."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from clinic.practice import directory, people, queries, zones
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Room, Site, StaffMember
from clinic.practice.writing import Key
from scheduling.models import Shift
from scheduling.roster import shifts
from scheduling.web import words
from scheduling.web.setup import away, noun
from scheduling.web.setup.fields import WEEKDAYS, Field
from scheduling.web.setup.noun import LISTED, Line, Noun

BY_NAME = ("last_name", "first_name", "username")
BY_PERSON = ("staff__last_name", "staff__first_name", "starts", "id")
GRIDS = ("5", "10", "15", "20", "30", "60")


def _zones(actor: Actor) -> list[tuple[str, str]]:
    return [(zone, zone.replace("_", " ")) for zone in sorted(zones.known()) if "/" in zone]


def _room_kinds(actor: Actor) -> list[tuple[str, str]]:
    return list(words.ROOMS.items())


def _roles(actor: Actor) -> list[tuple[str, str]]:
    return [(str(role), told) for role, told in words.ROLES.items()]


def _grids(actor: Actor) -> list[tuple[str, str]]:
    return [(minutes, f"{minutes} minutes") for minutes in GRIDS]


# --- sites ------------------------------------------------------------------------------------------------
def _site_line(site: Site) -> Line:
    return Line(site.pk, site.name, f"{site.time_zone.replace('_', ' ')} · {_open(site)}")


def _open(site: Site) -> str:
    days = sorted({one.weekday for one in site.hours.all()})
    return f"open {_days(days)}" if days else "no opening hours: open whenever somebody works"


def _days(days: list[int]) -> str:
    return ", ".join(WEEKDAYS[number - 1][1][:3] for number in days)


def _site_held(site: Site) -> dict[str, Any]:
    return {
        "name": site.name,
        "time_zone": site.time_zone,
        "grid_minutes": site.grid_minutes,
        "phone": site.phone,
        "address": site.address,
        "hours": list(site.hours.all()),
    }


SITES = Noun(
    title="Sites",
    one="site",
    why="Where people come to. Its clock is the clock of every visit there.",
    reads="sites.read",
    writes="sites.write",
    fields=(
        Field("name", "Name"),
        Field("time_zone", "Time zone", "choice", choices=_zones),
        Field("address", "Address", needed=False, hint="As patients should read it."),
        Field("phone", "Phone", "tel", needed=False, hint="Patients see it in their messages."),
        Field("grid_minutes", "Visits begin every", "number", choices=_grids, start="15"),
        Field("hours", "Opening hours", "hours", needed=False),
    ),
    rows=lambda actor, now: queries.sites(actor=actor).prefetch_related("hours")[: LISTED + 1],
    line=_site_line,
    find=lambda actor, row_id: queries.site(actor=actor, site_id=row_id),
    held=_site_held,
    create=lambda actor, values, now, key: directory.create_site(actor=actor, now=now, key=key, **values),
    change=lambda actor, row_id, values, now, version: directory.update_site(
        actor=actor,
        site_id=row_id,
        changes=values,
        now=now,
        version=version,
    ),
)


# --- rooms ------------------------------------------------------------------------------------------------
def _room_detail(room: Room) -> str:
    kind = words.ROOMS.get(room.kind, room.kind.replace("_", " "))
    return f"{kind} · {room.site.name}{'' if room.is_active else ' · not in use'}"


ROOM = Noun(
    title="Rooms and chairs",
    one="room or chair",
    why="What one visit at a time takes up. A protocol asks for a kind of room, not for a room.",
    reads="rooms.read",
    writes="rooms.write",
    fields=(
        Field("site_id", "Site", "row", choices=noun.sites, at="new"),
        Field("name", "Name", hint="As on the door."),
        Field("kind", "Kind", "choice", choices=_room_kinds),
        Field("is_active", "In use", "flag", needed=False, start="1"),
    ),
    rows=lambda actor, now: queries.rooms(actor=actor).order_by("site__name", "name")[: LISTED + 1],
    line=lambda room: Line(room.pk, room.name, _room_detail(room)),
    find=lambda actor, row_id: queries.room(actor=actor, room_id=row_id),
    held=lambda room: {"name": room.name, "kind": room.kind, "is_active": room.is_active},
    create=lambda actor, values, now, key: directory.create_room(actor=actor, now=now, key=key, **values),
    change=lambda actor, row_id, values, now, version: directory.update_room(
        actor=actor, room_id=row_id, changes=values, now=now, version=version
    ),
)


# --- people -----------------------------------------------------------------------------------------------
def _person_detail(person: StaffMember) -> str:
    roles = ", ".join(words.ROLES[role] for role in person.roles) or "no role yet"
    return f"{roles}{'' if person.is_active else ' · does not work here any more'}"


def _person_held(person: StaffMember) -> dict[str, Any]:
    return {
        "given_name": person.first_name,
        "family_name": person.last_name,
        "email": person.email,
        "roles": person.roles,
        "home_site": person.home_site_id,
        "buffer_minutes": person.buffer_minutes,
        "is_active": person.is_active,
    }


def _create_person(actor: Actor, values: Mapping[str, Any], now: datetime, key: Key) -> StaffMember:
    given = dict(values)
    return people.create_staff_member(
        actor=actor,
        now=now,
        key=key,
        home_site_id=given.pop("home_site"),
        password=given.pop("password") or None,
        **given,
    )


PEOPLE = Noun(
    title="People",
    one="person",
    why="Who works here, what they may do, and whose time visits take.",
    reads="practitioners.read",
    writes="practitioners.write",
    fields=(
        Field("given_name", "Given name"),
        Field("family_name", "Family name"),
        Field(
            "username", "Username", at="new", hint="For signing in; no two people of any practice share one."
        ),
        Field(
            "password",
            "First password",
            "password",
            needed=False,
            at="new",
            hint="Fifteen characters or more. Blank for somebody who does not sign in.",
        ),
        Field("email", "E-mail", "email", needed=False),
        Field("roles", "Roles", "many", choices=_roles),
        Field("home_site", "Home site", "row", needed=False, choices=noun.sites),
        Field("buffer_minutes", "Minutes kept free after each visit", "number", start="0"),
        Field("is_active", "Works here", "flag", needed=False, at="change"),
    ),
    rows=lambda actor, now: queries.practitioners(actor=actor).order_by(
        "last_name", "first_name", "username"
    )[: LISTED + 1],
    line=lambda person: Line(person.pk, person.display_name, _person_detail(person)),
    find=lambda actor, row_id: queries.practitioner(actor=actor, staff_id=row_id),
    held=_person_held,
    create=_create_person,
    change=lambda actor, row_id, values, now, version: people.update_staff_member(
        actor=actor, staff_id=row_id, changes=values, now=now, version=version
    ),
)


# --- shifts -----------------------------------------------------------------------------------------------
def _shift_detail(shift: Shift) -> str:
    until = f" until {shift.valid_until:%-d %b %Y}" if shift.valid_until else ""
    often = "" if shift.every_weeks == 1 else f", every {shift.every_weeks} weeks"
    times = f"{_days(sorted(shift.weekdays))}, {shift.starts:%H:%M} to {shift.ends:%H:%M}{often}"
    return f"{times} · {shift.site.name} · from {shift.valid_from:%-d %b %Y}{until}"


def _shifts_told(actor: Actor, now: datetime) -> QuerySet[Shift]:
    """The shifts with no more than their lines say."""
    named = (f"staff__{part}" for part in StaffMember.NAMED_BY)
    told = shifts.shifts(actor=actor).prefetch_related(None).only(*shifts.PLAIN, "site__name", *named)
    return told.order_by(*BY_PERSON)[: LISTED + 1]


def _shift_held(shift: Shift) -> dict[str, Any]:
    pause = next(iter(shift.breaks.all()), None)
    return {
        "site": shift.site_id,
        "weekdays": list(shift.weekdays),
        "starts": shift.starts,
        "ends": shift.ends,
        "break_starts": pause.starts if pause else "",
        "break_ends": pause.ends if pause else "",
        "every_weeks": shift.every_weeks,
        "valid_from": shift.valid_from,
        "valid_until": shift.valid_until,
    }


def _with_break(values: Mapping[str, Any]) -> dict[str, Any]:
    """The one break that the form knows, as the list that a shift has."""
    given = dict(values)
    starts, ends = given.pop("break_starts"), given.pop("break_ends")
    if (starts is None) != (ends is None):
        raise Invalid({"break_ends": ["Give both times of the break, or none."]})
    given["breaks"] = [{"starts": starts, "ends": ends}] if starts and ends else []
    return given


def _create_shift(actor: Actor, values: Mapping[str, Any], now: datetime, key: Key) -> Shift:
    given = _with_break(values)
    return shifts.create_shift(actor=actor, now=now, key=key, site_id=given.pop("site"), **given)


SHIFTS = Noun(
    title="Shifts",
    one="shift",
    why="When each person works, week after week. Nobody is booked outside their shifts.",
    reads="shifts.read",
    writes="shifts.write",
    fields=(
        Field("staff_id", "Who", "row", choices=noun.staff, at="new"),
        Field("site", "Where", "row", choices=noun.sites),
        Field("weekdays", "On", "days"),
        Field("starts", "From", "time", start="08:00"),
        Field("ends", "To", "time", start="17:00"),
        Field("break_starts", "Break from", "pause", needed=False, start="12:00"),
        Field("break_ends", "Break to", "pause", needed=False, start="12:30"),
        Field("every_weeks", "Every so many weeks", "number", start="1"),
        Field("valid_from", "First day", "date"),
        Field("valid_until", "Last day", "date", needed=False),
    ),
    rows=_shifts_told,
    line=lambda shift: Line(shift.pk, shift.staff.display_name, _shift_detail(shift)),
    find=lambda actor, row_id: shifts.shift(actor=actor, shift_id=row_id),
    held=_shift_held,
    create=_create_shift,
    change=lambda actor, row_id, values, now, version: shifts.update_shift(
        actor=actor, shift_id=row_id, changes=_with_break(values), now=now, version=version
    ),
    remove=lambda actor, row_id, now, version: shifts.delete_shift(
        actor=actor, shift_id=row_id, now=now, version=version
    ),
)

NOUNS = {
    "sites": SITES,
    "rooms": ROOM,
    "people": PEOPLE,
    "shifts": SHIFTS,
    "closures": away.CLOSURES,
    "absences": away.ABSENCES,
}
