"""Changing when people work: recurring shifts with breaks, and absences.

Each function is one transaction with its trail row. `version` is what the caller last read: another one
raises Stale, None skips the check. `key` makes a repeated request have one effect. All raise NotAllowed,
NotFound and Invalid. Visits that no longer lie in a shift stay: people decide about them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, TypeGuard
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from clinic.practice import fields, permissions, queries, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Site, StaffMember
from scheduling.models import Absence, Shift, ShiftBreak
from scheduling.roster import recurrence

PLAIN = ("weekdays", "starts", "ends", "every_weeks", "valid_from", "valid_until")
CHANGEABLE = (*PLAIN, "site", "breaks")


def shifts(*, actor: Actor) -> QuerySet[Shift]:
    """The practice's shifts, each with its person, site and breaks: two queries in all."""
    rows = Shift.objects.filter(staff__practice_id=actor.practice_id, site__practice_id=actor.practice_id)
    return rows.select_related("staff", "site").prefetch_related("breaks").order_by("id")


def shift(*, actor: Actor, shift_id: UUID, lock: bool = False) -> Shift:
    """One shift; raises NotFound, also for a shift of another practice."""
    rows = shifts(actor=actor).filter(pk=shift_id)
    found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFound()
    return found


def create_shift(
    *,
    actor: Actor,
    staff_id: UUID,
    site_id: UUID,
    weekdays: Sequence[int],
    starts: time,
    ends: time,
    valid_from: date,
    now: datetime,
    valid_until: date | None = None,
    every_weeks: int = 1,
    breaks: Sequence[Mapping[str, time]] = (),
    key: writing.Key = None,
) -> Shift:
    """A person's recurring working time at a site, in the site's local time.

    `weekdays` are ISO (1 is Monday), in every `every_weeks`-th week from that of `valid_from`; `breaks`
    are {starts, ends}. A shift that ends at or before its start ends on the next day.
    """
    given: dict[str, Any] = {"site": site_id, "weekdays": weekdays, "starts": starts, "ends": ends}
    given |= {"valid_from": valid_from, "valid_until": valid_until}
    given |= {"every_weeks": every_weeks, "breaks": breaks}

    def make(shift_id: UUID) -> Shift:
        person = queries.practitioner(actor=actor, staff_id=staff_id)
        site = queries.site(actor=actor, site_id=site_id)
        values, pauses = _values(site, given)
        row = Shift.objects.create(id=shift_id, staff=person, **values)
        _put_breaks(row, pauses)
        return row

    return writing.create(
        actor=actor,
        capability="shifts.write",
        key=key,
        now=now,
        kind="shift",
        make=make,
        load=lambda shift_id: shift(actor=actor, shift_id=shift_id),
    )


def update_shift(
    *, actor: Actor, shift_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> Shift:
    """Change a shift. `breaks`, when given, replaces all of them."""
    permissions.check(actor=actor, capability="shifts.write")
    fields.only(changes=changes, allowed=CHANGEABLE)
    with writing.transaction():
        row = shift(actor=actor, shift_id=shift_id, lock=True)
        writing.fresh(held=row.version, read=version)
        held: dict[str, Any] = {
            name: getattr(row, name) for name in CHANGEABLE if name not in ("breaks", "site")
        }
        held["breaks"] = [{"starts": pause.starts, "ends": pause.ends} for pause in row.breaks.all()]
        site = queries.site(actor=actor, site_id=changes["site"]) if "site" in changes else row.site
        values, pauses = _values(site, {**held, **changes})
        writing.save(row=row, values=values)
        ShiftBreak.objects.filter(shift=row).delete()
        _put_breaks(row, pauses)
        writing.tell(actor=actor, now=now, verb="update", kind="shift", row_id=row.pk, fields=changes)
    return shift(actor=actor, shift_id=shift_id)


def delete_shift(*, actor: Actor, shift_id: UUID, now: datetime, version: int | None = None) -> None:
    """The person no longer works this shift, from the beginning; set `valid_until` to end it on a day."""
    permissions.check(actor=actor, capability="shifts.write")
    with writing.transaction():
        row = shift(actor=actor, shift_id=shift_id, lock=True)
        writing.fresh(held=row.version, read=version)
        writing.tell(actor=actor, now=now, verb="delete", kind="shift", row_id=row.pk)
        row.delete()


def absences(*, actor: Actor) -> QuerySet[Absence]:
    """The practice's absences, each with its person, and the clock that tells it (`zone_of`)."""
    rows = Absence.objects.filter(staff__practice_id=actor.practice_id)
    return rows.select_related("staff").annotate(zone=_clock(OuterRef("staff"))).order_by("id")


def clock_of(*, person: StaffMember) -> str:
    """The zone by which somebody's absences are told: of their home site, else of the practice's first."""
    zone = StaffMember.objects.filter(pk=person.pk).annotate(zone=_clock(OuterRef("pk")))
    return str(zone.values_list("zone", flat=True).get())


def zone_of(*, absence: Absence) -> str:
    """The same, of an absence that was read here."""
    return str(vars(absence)["zone"])


def _clock(staff: OuterRef) -> Coalesce:
    person = StaffMember.objects.filter(pk=staff)
    first = Site.objects.filter(practice__staff=staff).order_by("pk")
    return Coalesce(
        Subquery(person.values("home_site__time_zone")[:1]),
        Subquery(first.values("time_zone")[:1]),
        Value("UTC"),
    )


def absence(*, actor: Actor, absence_id: UUID, lock: bool = False) -> Absence:
    """One absence; raises NotFound, also for one of another practice."""
    rows = absences(actor=actor).filter(pk=absence_id)
    found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFound()
    return found


def add_absence(
    *, actor: Actor, absence_id: UUID, staff_id: UUID, starts_at: datetime, ends_at: datetime, reason: str
) -> Absence:
    """A span in which a person does not work, whatever their shifts say; in the caller's transaction."""
    person = queries.practitioner(actor=actor, staff_id=staff_id)
    values = _absence_values({"starts_at": starts_at, "ends_at": ends_at, "reason": reason})
    Absence.objects.create(id=absence_id, staff=person, **values)
    return absence(actor=actor, absence_id=absence_id)


def change_absence(*, row: Absence, changes: Mapping[str, Any]) -> None:
    """Another span, or another reason; with the row locked, in the caller's transaction."""
    fields.only(changes=changes, allowed=("starts_at", "ends_at", "reason"))
    held = {"starts_at": row.starts_at, "ends_at": row.ends_at, "reason": row.reason}
    writing.save(row=row, values=_absence_values({**held, **changes}))


def _absence_values(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    first, last = fields.span(problems, ("starts_at", given["starts_at"]), ("ends_at", given["ends_at"]))
    why = fields.text(problems, "reason", given["reason"], longest=100, blank=True, lines=True)
    problems.raise_if_any()
    return {"starts_at": first, "ends_at": last, "reason": why}


def _values(site: Site, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[ShiftBreak]]:
    problems = fields.Problems()
    days = given["weekdays"]
    if not isinstance(days, list | tuple | set | frozenset) or not days:
        problems.add("weekdays", "Name at least one day, 1 (Monday) to 7.")
        days = []
    weekdays = {fields.integer(problems, "weekdays", day, least=1, most=7) for day in days}
    every_weeks = fields.integer(problems, "every_weeks", given["every_weeks"], least=1, most=52)
    for name in ("starts", "ends"):
        if not _is_wall(given[name]):
            problems.add(name, "Must be a local time.")
    valid_from, valid_until = given["valid_from"], given["valid_until"]
    for name in ("valid_from", "valid_until"):
        _check_day(problems, name, given[name], optional=name == "valid_until")
    problems.raise_if_any()
    if valid_until is not None and valid_until < valid_from:
        problems.add("valid_until", "Must not be before valid_from.")
    pauses = _breaks(problems, given)
    problems.raise_if_any()
    if valid_from == valid_until:
        # One day is named: its times are somebody's own words, so the clocks must show them.
        _check_walls(site, given)
    values = {"site": site, "weekdays": sorted(weekdays), "every_weeks": every_weeks}
    values |= {name: given[name] for name in ("starts", "ends", "valid_from", "valid_until")}
    return values, pauses


def _is_wall(value: object) -> TypeGuard[time]:
    return isinstance(value, time) and value.tzinfo is None


def _check_day(problems: fields.Problems, field: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, date) or isinstance(value, datetime):
        problems.add(field, "Must be a date.")
    elif not fields.EARLIEST.date() <= value < fields.LATEST.date():
        problems.add(field, "Must lie between the years 2000 and 2099.")


def _breaks(problems: fields.Problems, given: Mapping[str, Any]) -> list[ShiftBreak]:
    told = given["breaks"]
    if not isinstance(told, list | tuple) or len(told) > 10:
        problems.add("breaks", "Must be a list of at most 10 of {starts, ends}.")
        return []
    overnight = given["ends"] <= given["starts"]
    pauses = []
    for number, item in enumerate(told):
        starts, ends = (item.get("starts"), item.get("ends")) if isinstance(item, Mapping) else (None, None)
        if not _is_wall(starts) or not _is_wall(ends):
            problems.add(f"breaks.{number}", "Must be {starts, ends} in local time.")
        elif starts >= ends:
            problems.add(f"breaks.{number}.ends", "Must be later than starts.")
        elif not overnight and not given["starts"] <= starts < ends <= given["ends"]:
            problems.add(f"breaks.{number}", "Must lie within the shift.")
        else:
            pauses.append(ShiftBreak(starts=starts, ends=ends))
    return pauses


def _check_walls(site: Site, given: Mapping[str, Any]) -> None:
    day, starts, ends = given["valid_from"], given["starts"], given["ends"]
    last = day if starts < ends else day + recurrence.DAY
    for field, on, wall, fold in (("starts", day, starts, 0), ("ends", last, ends, 1)):
        told = datetime.combine(on, wall)
        recurrence.local_instant(zone=site.time_zone, wall=told, field=field, fold=fold)


def _put_breaks(row: Shift, pauses: list[ShiftBreak]) -> None:
    for pause in pauses:
        pause.shift = row
    ShiftBreak.objects.bulk_create(pauses)
