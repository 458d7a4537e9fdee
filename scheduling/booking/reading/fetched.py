"""Stored visits and follow-up units as plain rows. Only values are read: whole models of a visit and of all
that it names cost three times as much.
"""

import functools
from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, Model, OuterRef, QuerySet, Subquery, TextField

from clinic.practice import prepared
from clinic.practice.actor import Actor
from clinic.practice.models import Site, StaffMember
from patients.models import Patient
from scheduling.booking.reading import decided, rows
from scheduling.models import (
    FollowUpGap,
    GapDose,
    GapVisit,
    GroupSession,
    RuleOverride,
    TreatmentCourse,
)
from scheduling.models.appointment import FACTS

Stored = QuerySet[Any, Any]

# A course's story and a day's visits are whole, so they are bounded by this instead of by pages.
WHOLE = 1000


def own(model: type[Model]) -> tuple[str, ...]:
    """The model's own values, by attribute (`patient_id`)."""
    return tuple(field.attname for field in model._meta.concrete_fields)


# --- visits ---------------------------------------------------------------------------------------------
_OF_A_VISIT = (
    "id",
    "version",
    "status",
    "kind",
    "ref",
    "sequence",
    "mode",
    "start",
    "end",
    "time_zone",
    "turnover_minutes",
    "patient_id",
    "site_id",
    "course_id",
    "follows_id",
    "group_session_id",
    "window_opens_at",
    "window_ideal_from",
    "window_ideal_to",
    "window_closes_at",
    "window_grace_until",
    "hold_expires_at",
    "cancel_code",
    "cancel_reason",
    "late_entry_reason",
    "updated_at",
    "pinned_at",
    "pinned_by",
    *(f"{fact}_{part}" for fact in FACTS for part in ("at", "by")),
)
# Each is looked up by its key for each visit. Joined, PostgreSQL reads all patients to name thirty of them.
_NAMED_BY_A_VISIT = {
    "patient_name": """
        (SELECT given_name || ' ' || family_name FROM patients_patient WHERE id = visit.patient_id)""",
    "site_name": "(SELECT name FROM practice_site WHERE id = visit.site_id)",
    "phase_name": "(SELECT name FROM scheduling_coursephase WHERE id = visit.phase_id)",
    "room": """
        (SELECT ARRAY[id::text, name, kind] FROM practice_room WHERE id = COALESCE(
            visit.room_id,
            (SELECT room_id FROM scheduling_groupsession WHERE id = visit.group_session_id)))""",
    "people": """
        ARRAY(SELECT ARRAY[
            part.staff_id::text, part.role, part.presence, staff.first_name, staff.last_name, staff.username]
        FROM scheduling_appointmentpractitioner part
        JOIN practice_staffmember staff ON staff.id = part.staff_id
        WHERE part.appointment_id = visit.id)""",
    "overridden": "EXISTS (SELECT FROM scheduling_ruleoverride one WHERE one.appointment_id = visit.id)",
}
_Stored = namedtuple("_Stored", [*_OF_A_VISIT, *_NAMED_BY_A_VISIT])  # type: ignore[misc]
_SELECT = f"""
    SELECT {", ".join(f'visit."{name}"' for name in _OF_A_VISIT)}, {", ".join(_NAMED_BY_A_VISIT.values())}
    FROM scheduling_appointment visit WHERE visit.practice_id = %s"""
_NARROWED_BY = {
    "course": "visit.course_id = %s",
    "site": "visit.site_id = %s",
    # By itself, so that its plan is made once: PostgreSQL guesses that a list holds ten.
    "day": "visit.local_date = %s",
    "days": "visit.local_date = ANY(%s::date[])",
    "person": """
        (visit.id IN (SELECT appointment_id FROM scheduling_appointmentpractitioner WHERE staff_id = %s)
        OR visit.group_session_id IN
            (SELECT groupsession_id FROM scheduling_groupsession_staff WHERE staffmember_id = %s))""",
    "room": """
        (visit.room_id = %s
        OR visit.group_session_id IN (SELECT id FROM scheduling_groupsession WHERE room_id = %s))""",
    "ids": "visit.id = ANY(%s::uuid[])",
}


def visits(*, actor: Actor, **where: Any) -> tuple[rows.Visit, ...]:
    """The practice's visits of a `course`, a `site`, of a local `day` or `days`, of a `person`, in a `room`,
    or with these `ids`, by start; at most `WHOLE`.
    """
    conditions = "".join(f" AND {_NARROWED_BY[name]}" for name in where)
    values = [value for name, value in where.items() for _ in range(_NARROWED_BY[name].count("%s"))]
    # To plan it takes PostgreSQL as long as to find a day's visits, and longer where the tables are large.
    statement = f"{_SELECT}{conditions} ORDER BY visit.start, visit.id LIMIT {WHOLE}"
    found: list[Any] = [_Stored._make(row) for row in prepared.fetch(statement, [actor.practice_id, *values])]
    led = _leading({one.group_session_id for one in found} - {None})
    overridden = _overrides([one.id for one in found if one.overridden])
    people: dict[tuple[str, ...], rows.Person] = {}
    return tuple(
        visit(
            one,
            patient=one.patient_name,
            site=one.site_name,
            phase=one.phase_name,
            room=_place(*one.room) if one.room else None,
            people=_people(one.people, people) if one.people else led.get(one.group_session_id, []),
            overrides=overridden.get(one.id, ()),
        )
        for one in found
    )


def visit(
    stored: Any,
    *,
    patient: str,
    site: str,
    phase: str | None,
    room: rows.Place | None,
    people: Iterable[rows.Person],
    overrides: Iterable[RuleOverride] = (),
) -> rows.Visit:
    """A visit that was read or just written, with what it names in words."""
    return rows.Visit(
        id=stored.id,
        version=stored.version,
        status=stored.status,
        kind=stored.kind,
        ref=stored.ref,
        phase=phase,
        sequence=stored.sequence,
        mode=stored.mode,
        start=stored.start,
        end=stored.end,
        time_zone=stored.time_zone,
        turnover_minutes=stored.turnover_minutes,
        patient=rows.Named(stored.patient_id, patient),
        site=rows.Named(stored.site_id, site),
        course_id=stored.course_id,
        practitioners=tuple(sorted(people, key=lambda one: (one.role, str(one.id)))),
        room=room,
        follows=stored.follows_id,
        window=_accepted_window(stored),
        group_session=stored.group_session_id,
        facts=_facts(stored),
        hold_expires_at=stored.hold_expires_at,
        cancel_code=stored.cancel_code,
        cancel_reason=stored.cancel_reason,
        late_entry_reason=stored.late_entry_reason,
        overrides=decided.overrides(overrides),
        updated_at=stored.updated_at,
        pinned_at=stored.pinned_at,
        pinned_by=stored.pinned_by,
    )


def _place(id: str, name: str, kind: str) -> rows.Place:
    return rows.Place(UUID(id), name, kind)


def _people(parts: list[list[str]], known: dict[tuple[str, ...], rows.Person]) -> list[rows.Person]:
    """Few people have many visits: each is made once."""
    found = []
    for part in map(tuple, parts):
        if part not in known:
            staff_id, role, presence, *name = part
            known[part] = rows.Person(UUID(staff_id), StaffMember.name_of(*name), role, presence)
        found.append(known[part])
    return found


def _leading(sessions: set[UUID | None]) -> dict[UUID, list[rows.Person]]:
    """Who leads these group sessions: a visit of one has no people of its own."""
    if not sessions:
        return {}
    found: dict[UUID, list[rows.Person]] = {}
    for session in GroupSession.objects.filter(pk__in=sessions).prefetch_related("staff"):
        found[session.pk] = [
            rows.Person(one.pk, one.display_name, "therapist", "exclusive") for one in session.staff.all()
        ]
    return found


def _overrides(ids: Sequence[UUID]) -> dict[UUID, list[RuleOverride]]:
    found: dict[UUID, list[RuleOverride]] = {}
    for one in RuleOverride.objects.filter(appointment_id__in=ids) if ids else ():
        found.setdefault(one.appointment_id, []).append(one)  # type: ignore[arg-type]
    return found


def _accepted_window(stored: Any) -> rows.Window | None:
    if stored.window_opens_at is None and stored.window_closes_at is None:
        return None
    return rows.Window(
        opens_at=stored.window_opens_at,
        ideal_from=stored.window_ideal_from,
        ideal_to=stored.window_ideal_to,
        closes_at=stored.window_closes_at,
        grace_until=stored.window_grace_until,
    )


def _facts(stored: Any) -> tuple[rows.Fact, ...]:
    known = (
        rows.Fact(name=name, at=at, by=getattr(stored, f"{name}_by"))
        for name in FACTS
        if (at := getattr(stored, f"{name}_at")) is not None
    )
    return tuple(sorted(known, key=lambda fact: fact.at))


# --- follow-up units ------------------------------------------------------------------------------------
def _named(model: type[Model], by: str, *parts: str) -> Subquery:
    """The parts of the name of the row that `by` points to. Not a join: a statement of eight joins takes the
    database four times as long to plan as to carry out, and the longer the larger the tables are.
    """
    array = Func(*parts, function="ARRAY", template="%(function)s[%(expressions)s]", output_field=_TEXTS)
    return Subquery(model._default_manager.filter(pk=OuterRef(by)).order_by().values_list(array))


_TEXTS: Any = ArrayField(TextField())


@functools.cache
def _all_gaps() -> Stored:
    doses = GapDose.objects.filter(gap_id=OuterRef("pk")).order_by("appointment_id")
    counting = GapVisit.objects.filter(gap_id=OuterRef("pk")).order_by("appointment_id")
    course = TreatmentCourse.objects.filter(pk=OuterRef("course_id")).order_by()
    return FollowUpGap.objects.annotate(
        dose_ids=ArraySubquery(doses.values("appointment_id")),
        visit_ids=ArraySubquery(counting.values("appointment_id")),
        patient_named=_named(Patient, "patient_id", "given_name", "family_name"),
        site_named=_named(Site, "site_id", "name", "time_zone"),
        assignee_named=_named(StaffMember, "assignee_id", *StaffMember.NAMED_BY),
        owner_named=_named(StaffMember, "owner_id", *StaffMember.NAMED_BY),
        protocol_named=Subquery(course.values("protocol_version__name")),
    ).values_list(
        *own(FollowUpGap),
        *("dose_ids", "visit_ids"),
        *("patient_named", "site_named", "assignee_named", "owner_named", "protocol_named"),
        named=True,
    )


def gaps_of(actor: Actor) -> Stored:
    """The practice's follow-up units: to be narrowed and ordered like any queryset, then read by `gaps`."""
    return _all_gaps().filter(practice_id=actor.practice_id)


def gaps(stored: Iterable[Any]) -> tuple[rows.Gap, ...]:
    """Units of `gaps_of`, in the same order."""
    return tuple(_gap(one) for one in stored)


def _gap(stored: Any) -> rows.Gap:
    assignee = _staff(stored.assignee_id, stored.assignee_named)
    owner = _staff(stored.owner_id, stored.owner_named)
    site, zone = stored.site_named
    return rows.Gap(
        id=stored.id,
        version=stored.version,
        status=stored.status,
        severity=stored.severity,
        flagged=stored.flagged,
        unit=stored.unit_key,
        needed=stored.needed,
        window=rows.Window(
            stored.opens_at, stored.ideal_from, stored.ideal_to, stored.closes_at, stored.grace_until
        ),
        due_at=stored.grace_until if stored.status == "open" else stored.closes_at,
        time_zone=zone,
        patient=rows.Named(stored.patient_id, " ".join(stored.patient_named)),
        site=rows.Named(stored.site_id, site),
        course_id=stored.course_id,
        protocol_name=stored.protocol_named,
        doses=tuple(stored.dose_ids),
        visits=tuple(stored.visit_ids),
        late=stored.late,
        booked_late=stored.booked_late,
        attendance_unrecorded=stored.attendance_unrecorded,
        review_needed=stored.review_needed,
        attended_after=stored.attended_after,
        assignee=assignee,
        owner=assignee or owner,
        escalated_at=stored.escalated_at,
        snoozed_until=stored.snoozed_until,
        waived_at=stored.waived_at,
        reason=stored.reason,
        next_change_at=stored.next_change_at,
        updated_at=stored.updated_at,
    )


def _staff(person: UUID | None, named: Sequence[str]) -> rows.Named | None:
    return None if person is None else rows.Named(person, StaffMember.name_of(*named))


def staff(stored: Any, which: str) -> rows.Named | None:
    """The person that a stored row names as its `which`."""
    person = getattr(stored, f"{which}_id")
    if person is None:
        return None
    name = (getattr(stored, f"{which}__{part}") for part in StaffMember.NAMED_BY)
    return rows.Named(person, StaffMember.name_of(*name))


def patient(stored: Any) -> rows.Named:
    """The patient that a stored row names."""
    return rows.Named(stored.patient_id, f"{stored.patient__given_name} {stored.patient__family_name}")
