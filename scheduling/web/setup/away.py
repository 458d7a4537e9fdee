"""Closures of a site and absences of a person: days, or hours of days, by the site's clock."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from clinic.practice import directory, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import Closure
from clinic.practice.web import times
from clinic.practice.writing import Key
from scheduling.booking.moving import absences, stranded
from scheduling.models import Absence
from scheduling.planning import windows
from scheduling.roster import shifts
from scheduling.web import forms
from scheduling.web.setup import noun
from scheduling.web.setup.fields import Field
from scheduling.web.setup.noun import LISTED, Line, Noun

DAY = timedelta(days=1)
# Where what the use cases say of a span belongs in the form.
FIELDS = {"starts_at": "first_day", "ends_at": "last_day"}
SPAN = (
    Field("first_day", "First day", "date"),
    Field("from_time", "From", "pause", needed=False, hint="Blank: from the beginning of the day."),
    Field("last_day", "Last day", "date", needed=False, hint="Blank: the same day."),
    Field("until_time", "Until", "pause", needed=False, hint="Blank: to the end of the day."),
)


def _rooms(actor: Actor) -> list[tuple[str, str]]:
    found = queries.rooms(actor=actor).order_by("site__name", "name")
    return [(str(one.pk), f"{one.name}, {one.site.name}") for one in found]


def _span(values: Mapping[str, Any], zone: str) -> dict[str, datetime]:
    """The two instants that the form's days and hours mean by this clock. Where the clocks show a time
    twice, the longer span is meant.
    """
    first: date = values["first_day"]
    last: date = values["last_day"] or first
    for name, day in (("first_day", first), ("last_day", last)):
        if not 2000 <= day.year < 2100:
            raise Invalid({name: ["A day between the years 2000 and 2099."]})
    begins: time | None = values["from_time"]
    ends: time | None = values["until_time"]
    starts_at = _at(first, begins, zone, "first_day", fold="0")
    ends_at = _at(last, ends, zone, "last_day", fold="1") if ends else _begin(last + DAY, zone)
    if ends_at <= starts_at:
        raise Invalid({"last_day": ["It ends before it begins."]})
    return {"starts_at": starts_at, "ends_at": ends_at}


def _at(day: date, wall: time | None, zone: str, name: str, *, fold: str) -> datetime:
    told = forms.instant(f"{day}T{wall}", name=name, zone=zone, fold=fold) if wall else None
    return told or _begin(day, zone)


def _begin(day: date, zone: str) -> datetime:
    return windows.day_start(zone=zone, day=day)


def _held(row: Closure | Absence, zone: str) -> dict[str, Any]:
    """The span as days and hours; whole days have none."""
    tz = windows.load_zone(zone)
    first, last = row.starts_at.astimezone(tz), row.ends_at.astimezone(tz)
    to_end = row.ends_at == windows.day_start(zone=zone, day=last.date())
    last_day = last.date() - DAY if to_end else last.date()
    return {
        "first_day": first.date(),
        "from_time": None if _is_begin(row.starts_at, zone) else first.time(),
        "last_day": None if last_day == first.date() else last_day,
        "until_time": None if to_end else last.time(),
        "reason": row.reason,
    }


def _is_begin(at: datetime, zone: str) -> bool:
    return at == windows.day_start(zone=zone, day=windows.local_day(zone=zone, instant=at))


def _told(row: Closure | Absence, zone: str) -> str:
    """`Thu 26 Nov 2026`, `24 Dec 2026 from 12:00 to 1 Jan 2027`, and why."""
    held = _held(row, zone)
    first, last = held["first_day"], held["last_day"] or held["first_day"]
    begins, ends = held["from_time"], held["until_time"]
    if first == last:
        hours = (
            f", {begins or time():%H:%M} to {f'{ends:%H:%M}' if ends else '24:00'}" if begins or ends else ""
        )
        span = f"{times.short_day(first)} {first.year}{hours}"
    else:
        span = f"{_end(first, begins)} to {_end(last, ends)}"
    return f"{span} · {row.reason}" if row.reason else span


def _end(day: date, wall: time | None) -> str:
    return f"{times.short_day(day)} {day.year}" + (f" {wall:%H:%M}" if wall else "")


def _placed(error: Invalid) -> Invalid:
    return Invalid({FIELDS.get(name, name): found for name, found in error.fields.items()})


# --- closures ---------------------------------------------------------------------------------------------
def _create_closure(actor: Actor, values: Mapping[str, Any], now: datetime, key: Key) -> Closure:
    site = queries.site(actor=actor, site_id=values["site_id"])
    try:
        return directory.create_closure(
            actor=actor,
            site_id=site.pk,
            room_id=values["room_id"],
            reason=values["reason"],
            now=now,
            key=key,
            **_span(values, site.time_zone),
        )
    except Invalid as error:
        raise _placed(error) from None
    except NotFound:
        raise Invalid({"room_id": ["Choose a room of that site."]}) from None


def _change_closure(
    actor: Actor, row_id: UUID, values: Mapping[str, Any], now: datetime, version: int | None
) -> None:
    zone = queries.closure(actor=actor, closure_id=row_id).site.time_zone
    changes = {**_span(values, zone), "reason": values["reason"]}
    try:
        directory.update_closure(actor=actor, closure_id=row_id, changes=changes, now=now, version=version)
    except Invalid as error:
        raise _placed(error) from None


def _closure_line(row: Closure) -> Line:
    where = f"{row.site.name}, {row.room.name}" if row.room else row.site.name
    return Line(row.pk, where, _told(row, row.site.time_zone), getattr(row, "stranded", 0))


CLOSURES = Noun(
    title="Closures",
    one="closure",
    why="Holidays, and days on which a site or one room is shut. Nobody is booked in them; what is booked "
    "already stays until somebody moves it, and is a task of the front desk until then.",
    reads="closures.read",
    writes="closures.write",
    fields=(
        Field("site_id", "Site", "row", choices=noun.sites, at="new", hint="Its clock counts."),
        Field("room_id", "What", "row", needed=False, choices=_rooms, at="new", blank="The whole site"),
        *SPAN,
        Field("reason", "Why", needed=False, hint="Staff see it, such as Thanksgiving."),
    ),
    rows=lambda actor, now: stranded.closures(actor=actor, now=now)[: LISTED + 1],
    line=_closure_line,
    find=lambda actor, row_id: queries.closure(actor=actor, closure_id=row_id),
    held=lambda row: _held(row, row.site.time_zone),
    create=_create_closure,
    change=_change_closure,
    remove=lambda actor, row_id, now, version: directory.delete_closure(
        actor=actor, closure_id=row_id, now=now, version=version
    ),
    stranded=lambda actor, row, now: stranded.by_closure(actor=actor, closure=row, now=now),
    gives=lambda row: "closure-rooms" if row.room_id else "",
)


# --- absences ---------------------------------------------------------------------------------------------
def _create_absence(actor: Actor, values: Mapping[str, Any], now: datetime, key: Key) -> Absence:
    person = queries.practitioner(actor=actor, staff_id=values["staff_id"])
    try:
        return absences.create(
            actor=actor,
            staff_id=person.pk,
            reason=values["reason"],
            now=now,
            key=key,
            **_span(values, shifts.clock_of(person=person)),
        )
    except Invalid as error:
        raise _placed(error) from None


def _change_absence(
    actor: Actor, row_id: UUID, values: Mapping[str, Any], now: datetime, version: int | None
) -> None:
    zone = shifts.zone_of(absence=shifts.absence(actor=actor, absence_id=row_id))
    changes = {**_span(values, zone), "reason": values["reason"]}
    try:
        absences.update(actor=actor, absence_id=row_id, changes=changes, now=now, version=version)
    except Invalid as error:
        raise _placed(error) from None


def _absence_line(row: Absence) -> Line:
    return Line(
        row.pk, row.staff.display_name, _told(row, shifts.zone_of(absence=row)), getattr(row, "stranded", 0)
    )


ABSENCES = Noun(
    title="Absences",
    one="absence",
    why="Days or hours in which somebody does not work, whatever their shifts say. Each of their visits in "
    "it becomes a task of the front desk.",
    reads="shifts.read",
    writes=absences.CAPABILITY,
    fields=(
        Field("staff_id", "Who", "row", choices=noun.staff, at="new", hint="The clock of their site counts."),
        *SPAN,
        Field("reason", "Why", needed=False, hint="Everybody on the staff sees it: “away” is enough."),
    ),
    rows=lambda actor, now: stranded.absences(actor=actor, now=now)[: LISTED + 1],
    line=_absence_line,
    find=lambda actor, row_id: shifts.absence(actor=actor, absence_id=row_id),
    held=lambda row: _held(row, shifts.zone_of(absence=row)),
    create=_create_absence,
    change=_change_absence,
    remove=lambda actor, row_id, now, version: absences.delete(
        actor=actor, absence_id=row_id, now=now, version=version
    ),
    stranded=lambda actor, row, now: stranded.by_absence(actor=actor, absence=row, now=now),
    gives=lambda row: "absence-give",
)
