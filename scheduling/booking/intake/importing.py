"""Coming appointments from a file: each row is one visit, known by the number that another system gives it.

A visit is booked as any other: under the same locks and constraint, with a confirmation and reminders. What a
row changes is booked anew and the former visit cancelled; a visit of a course is not changed from a file,
because the rest of its course would have to follow.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction

from clinic.practice import fields, idempotency, importing, tables
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.ids import new_id
from clinic.practice.importing import Job, Mode, Outcome, Report
from clinic.practice.models import Site
from clinic.practice.tables import Row
from patients import queries as patients
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.visit import appointments, consequences, single
from scheduling.booking.visit.single import Visit
from scheduling.models import Appointment, AppointmentIdentifier, TreatmentCourse
from scheduling.models import appointment as visits
from scheduling.models.appointment import Kind, Status
from scheduling.planning import windows

NEEDED = ("external_system", "external_value", "patient_system", "patient_value", "kind", "start")
COLUMNS = (*NEEDED, "minutes", "site", "practitioner", "room", "mode", "course")
# A visit is looked for among what is free, one by one: more would keep a request waiting too long.
MOST_ROWS = 500
# A group's visits belong to its session, which a file does not name.
KINDS = sorted(set(Kind.values) - {Kind.GROUP_INTEGRATION})
OF_A_COURSE = {*states.DOSES, Kind.INTEGRATION.value, Kind.PLAN_REVIEW.value}
_START = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_COLUMN_OF = {
    "end": "minutes",
    "practitioners": "practitioner",
    "patient": "patient_value",
    "slot_taken": "start",
    "rule_violation": "start",
    "not_found": "course",
    "conflict": "external_value",
    "invalid_transition": "external_value",
}


def run(
    *,
    actor: Actor,
    now: datetime,
    file: str,
    mode: str,
    all_or_nothing: bool = False,
    key: idempotency.Key | None = None,
) -> Report:
    """Book the coming visits of a CSV text, or only say what would be done.

    `start` is RFC 3339 with an offset, or the site's local time; `practitioner` a username, or several with
    semicolons; `room` and `site` are names, `course` an id. Raises NotAllowed, and Invalid on `file` for a
    file that cannot be read.
    """
    rows = tables.read(text=file, columns=COLUMNS, needed=NEEDED, most=MOST_ROWS)
    context = _Context(actor, now, rows)
    together = mode == Mode.DRY_RUN or all_or_nothing

    @contextmanager
    def unit() -> Iterator[None]:
        with locks.unit_of_work():
            if together:
                context.lock()
            yield

    job = Job(
        kind="appointments",
        capability="appointments.book",
        put=lambda row: _put(context, row),
        unit=unit,
        batches=_batches,
        column_of=lambda name: _COLUMN_OF.get(name, name if name in COLUMNS else ""),
    )
    return importing.run(
        actor=actor, now=now, job=job, rows=rows, mode=mode, all_or_nothing=all_or_nothing, key=key
    )


def _batches(rows: Sequence[Row], mode: Mode) -> list[Sequence[Row]]:
    """An apply books row by row. A dry run takes the rows of one day together, because they are in each
    other's way, and lets others book between the days.
    """
    if mode == Mode.APPLY:
        return [[row] for row in rows]
    days: dict[str, list[Row]] = {}
    for row in rows:
        days.setdefault(row.get("start")[:10], []).append(row)
    return list(days.values())


class _Context:
    """What the rows name: read once for all of them."""

    def __init__(self, actor: Actor, now: datetime, rows: Sequence[Row]) -> None:
        self.actor, self.now = actor, now
        self.sites = {site.name.casefold(): site for site in places.sites(actor=actor)}
        self.rooms = {(one.site_id, one.name.casefold()): one for one in places.rooms(actor=actor)}
        staff = places.practitioners(actor=actor).filter(is_active=True)
        self.staff = {one.username: one for one in staff}
        named = [(row.get("patient_system"), row.get("patient_value")) for row in rows]
        self.patients = patients.by_external_ids(actor=actor, named=named)
        self.identifiers = AppointmentIdentifier.objects.filter(
            practice_id=actor.practice_id,
            system__in={row.get("external_system") for row in rows},
            value__in={row.get("external_value") for row in rows},
        )
        self.courses = {one for row in rows if (one := _id(row.get("course")))}

    def lock(self) -> None:
        """Many visits in one transaction: all that they may lock, at once and in everybody's order, or two of
        them would wait in a ring.
        """
        courses = TreatmentCourse.objects.filter(practice_id=self.actor.practice_id, id__in=self.courses)
        list(courses.order_by("id").select_for_update(no_key=True).values_list("id"))
        former = Appointment.objects.filter(id__in=self.identifiers.values("appointment_id"))
        list(former.order_by("id").select_for_update(no_key=True).values_list("id"))
        owned = [one.resource_id for one in self.rooms.values()]
        owned += [one.resource_id for one in self.staff.values() if one.resource_id is not None]
        locks.lock_resources([*owned, *(one.resource_id for one in self.patients.values())])


def _put(context: _Context, row: Row) -> tuple[Outcome, UUID]:
    visit = _visit(context, row)
    named = {"system": row.get("external_system"), "value": row.get("external_value")}
    identifiers = AppointmentIdentifier.objects.filter(practice_id=context.actor.practice_id, **named)
    with transaction.atomic():
        held = identifiers.first()
        if held is not None:
            former = access.appointment_for_update(
                actor=context.actor, appointment_id=held.appointment_id, capability="appointments.book"
            )
            if _same(former, visit):
                return Outcome.UNCHANGED, former.id
            _make_way(context, former)
        if visit.start <= context.now:
            raise Invalid({"start": ["It is over: adopt the course, or book it as a late entry."]})
        appointment_id = new_id()
        single.add(actor=context.actor, now=context.now, visit=visit, appointment_id=appointment_id)
        if held is not None:
            identifiers.update(appointment_id=appointment_id)
            return Outcome.UPDATED, appointment_id
        AppointmentIdentifier.objects.create(
            practice_id=context.actor.practice_id,
            appointment_id=appointment_id,
            **named,
        )
        return Outcome.CREATED, appointment_id


def _same(former: Appointment, visit: Visit) -> bool:
    """Whether the visit stands as the row says; what the row does not say is not looked at."""
    if former.status in visits.ENDED_UNATTENDED:
        raise Conflict(
            f"The visit of this identifier is {former.status} here: a file does not bring it back."
        )
    told = [
        (former.patient_id, visit.patient_id),
        (former.kind, visit.kind),
        (former.start, visit.start),
        (former.site_id, visit.site_id),
        (former.mode, visit.mode),
        (former.course_id, visit.course_id or former.course_id),
        (former.end, visit.end or former.end),
        (former.room_id, visit.room_id or former.room_id),
    ]
    people = {one.staff_id for one in former.staffing.all()}
    return all(here == there for here, there in told) and people >= set(visit.practitioner_ids)


def _make_way(context: _Context, former: Appointment) -> None:
    """Cancel the visit in whose place another one comes."""
    if former.course_id is not None:
        raise Conflict("A visit of a course is moved, so that the rest of its course can follow.")
    if former.status not in (Status.BOOKED, Status.CONFIRMED):
        raise Conflict(f"The visit is {former.status}: it is not changed any more.")
    reason = "Changed by an import."
    move = states.find(machine=states.APPOINTMENT, state=former.status, verb="cancel", kind=former.kind)
    facts = {"cancelled_at": context.now, "cancelled_by": context.actor.ref, "cancel_reason": reason}
    Appointment.objects.filter(id=former.id).update(status=move.target, **facts, **access.touched())
    appointments.record(
        actor=context.actor,
        appointment=former,
        verb="cancel",
        now=context.now,
        moment=context.now,
        reason=reason,
    )
    consequences.follow(verb="cancel", actor=context.actor, appointment=former, now=context.now)


# --- what a row says ----------------------------------------------------------------------------------------
def _visit(context: _Context, row: Row) -> Visit:
    """The row as a visit; raises Invalid that names every column that is wrong."""
    problems = fields.Problems()
    patient = context.patients.get((row.get("patient_system"), row.get("patient_value")))
    if patient is None:
        problems.add("patient_value", "No patient has this identifier.")
    kind = fields.choice(problems, "kind", row.get("kind"), KINDS)
    course_id = _course(problems, row, kind)
    site = _site(context, problems, row) or (patient.site if patient else None)
    start = _start(problems, row.get("start"), site.time_zone) if site else context.now
    minutes = _minutes(problems, row.get("minutes"))
    mode = fields.choice(problems, "mode", row.get("mode") or "in_person", visits.Mode.values)
    staff = [
        context.staff.get(name.strip().lower()) for name in row.get("practitioner").split(";") if name.strip()
    ]
    if None in staff:
        problems.add("practitioner", "Must be the username of somebody who works here.")
    room = context.rooms.get((site.pk, row.get("room").casefold())) if site else None
    if row.get("room") and site and room is None:
        problems.add("room", "Must be the name of a room of the site.")
    problems.raise_if_any()
    assert patient is not None
    assert site is not None
    return Visit(
        patient_id=patient.pk,
        kind=kind,
        start=start,
        end=start + minutes if minutes else None,
        course_id=course_id,
        practitioner_ids=tuple(one.pk for one in staff if one),
        room_id=room.pk if room else None,
        site_id=site.pk,
        mode=mode,
    )


def _course(problems: fields.Problems, row: Row, kind: str) -> UUID | None:
    told = row.get("course")
    if not told:
        if kind in OF_A_COURSE:
            problems.add("course", f"A visit of the kind {kind} belongs to a course: adopt it, or name it.")
        return None
    course_id = _id(told)
    if course_id is None:
        problems.add("course", "Must be the id of a course.")
    return course_id


def _id(told: str) -> UUID | None:
    try:
        return UUID(told)
    except ValueError:
        return None


def _site(context: _Context, problems: fields.Problems, row: Row) -> Site | None:
    told = row.get("site")
    site = context.sites.get(told.casefold())
    if told and site is None:
        known = ", ".join(sorted(one.name for one in context.sites.values()))
        problems.add("site", f"Must be the name of a site: {known}.")
    return site


def _minutes(problems: fields.Problems, told: str) -> timedelta | None:
    if not told:
        return None
    number = int(told) if re.fullmatch(r"[0-9]{1,4}", told, re.ASCII) else 0
    return timedelta(minutes=fields.integer(problems, "minutes", number, least=1, most=720))


def _start(problems: fields.Problems, told: str, zone: str) -> datetime:
    """An instant as it is; a local time by the site's clocks, which may skip it or show it twice."""
    try:
        if not _START.fullmatch(told):
            raise ValueError
        moment = datetime.fromisoformat(told)
    except ValueError:
        problems.add("start", "Must be a time such as 2026-12-01T09:00, or 2026-12-01T09:00:00-05:00.")
        return fields.EARLIEST
    if moment.tzinfo is None:
        try:
            moment = windows.resolve_local(zone=zone, wall=moment)
        except windows.LocalGap as gap:
            problems.add("start", f"{gap}. The nearest time is {_local(gap.nearest, zone)}.")
            return fields.EARLIEST
        except windows.LocalOverlap as twice:
            both = f"{_local(twice.first, zone)} or {_local(twice.second, zone)}"
            problems.add("start", f"{twice}: write {both}.")
            return fields.EARLIEST
    return fields.instant(problems, "start", moment).astimezone(UTC)


def _local(moment: datetime, zone: str) -> str:
    return moment.astimezone(windows.load_zone(zone)).isoformat()
