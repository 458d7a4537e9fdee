"""Holds: places reserved for minutes, then booked, released, or expired by time.

A held course is a draft whose visits are all held; a visit may be held by itself. Its places are rows of
`Occupancy` with an expiry, under the same lock and constraint as every other. Whether a hold can still be
booked is decided under that lock and by those rows alone: a booking that came after the expiry has removed
some of them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from clinic.practice import actor as actors
from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.models.place import SEATS
from scheduling import states
from scheduling.booking.course import courses, plans
from scheduling.booking.guard import access, locks
from scheduling.booking.moving import stranded
from scheduling.booking.visit import appointments
from scheduling.booking.wanted import nearest, orders
from scheduling.booking.wanted.nearest import Wanted
from scheduling.booking.wanted.orders import Order
from scheduling.booking.writing import releasing, reminders, seats
from scheduling.errors import HeldWhole, HoldExpired
from scheduling.followups import facts, gaps
from scheduling.models import Appointment, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED, Status
from scheduling.models.course import CourseStatus

# Why a hold ended: what is kept with its visits.
OVER = {"release": "The hold was released.", "expire": "The hold expired."}


def book_course(*, actor: Actor, course_id: UUID, now: datetime, key: idempotency.Key | None = None) -> UUID:
    """Book a held course whole, or not at all; returns its id, also for a repeated `key`.

    Raises HoldExpired with the best plan as things stand now, InvalidTransition when it is booked already,
    NotFound, Busy.
    """
    permissions.check(actor=actor, capability="courses.book")
    if before := idempotency.find(key=key, now=now):
        return before.object_id
    late: list[TreatmentCourse] = []
    try:
        with locks.unit_of_work():
            replay = idempotency.claim(
                key=key, now=now, status_code=201, object_kind="course", object_id=course_id
            )
            if replay:
                return replay.object_id
            course = access.course_for_update(actor=actor, course_id=course_id, capability="courses.book")
            late.append(course)
            keep_course(actor=actor, course=course, now=now)
            return course_id
    except HoldExpired as over:
        over.offer(plans.alternative(actor=actor, order=_order(late[0]), now=now))
        raise


def keep_course(*, actor: Actor, course: TreatmentCourse, now: datetime) -> None:
    """Turn the hold of a locked course into a booking, with all that follows from one."""
    if course.status == CourseStatus.STOPPED and course.appointments.filter(cancel_reason__in=OVER.values()):
        raise HoldExpired()
    status = states.move(machine=states.COURSE, state=course.status, verb="activate")
    held = list(course.appointments.select_related("patient", "site", "practice").order_by("start", "id"))
    _keep_places(held, now)
    booked = _mark_booked(held)
    TreatmentCourse.objects.filter(id=course.pk).update(status=status, **access.touched())
    course.status, course.version = status, course.version + 1
    trail.record(actor=actor, at=now, steps=courses.story(course=course, visits=booked, done="booked"))
    gaps.refresh(course_ids=[course.pk], now=now, actor=actor)
    reminders.on_course_booked(course=course, appointments=booked, now=now)
    stranded.ask_about_locked(actor=actor, visits=booked, now=now)


def book_visit(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Book a visit that is held by itself; a repeated `key` has no second effect.

    Raises HoldExpired with the nearest free start, InvalidTransition, HeldWhole, Stale, NotFound, Busy.
    """
    late: list[Appointment] = []
    try:
        with locks.unit_of_work():
            visit = _claimed(actor, appointment_id, now, version, key)
            if visit is not None:
                late.append(visit)
                keep_visit(actor=actor, visit=visit, now=now)
    except HoldExpired as over:
        found = nearest.start(wanted=_wanted(late[0]), now=now)
        over.offer({"start": found.isoformat()} if found else None)
        raise


def keep_visit(*, actor: Actor, visit: Appointment, now: datetime) -> None:
    """Turn the hold of a locked visit into a booking, with all that follows from one."""
    if visit.status == Status.CANCELLED and visit.cancel_reason in OVER.values():
        raise HoldExpired()
    _whole(visit, "book")
    _keep_places([visit], now)
    booked = _mark_booked([visit])
    appointments.record(actor=actor, appointment=visit, verb="booked", now=now, moment=visit.start, reason="")
    if visit.course_id:
        gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)
    reminders.on_appointments_booked(appointments=booked, now=now)
    stranded.ask_about_locked(actor=actor, visits=booked, now=now)


def release_course(
    *,
    actor: Actor,
    course_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Give the places of a held course back; a repeated `key` has no second effect.

    Raises InvalidTransition when it is booked or over, Stale, NotFound, NotAllowed.
    """
    permissions.check(actor=actor, capability="courses.book")
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
            return
        course = access.course_for_update(actor=actor, course_id=course_id, capability="courses.book")
        access.check_version(found=course.version, expected=version)
        if course.status != CourseStatus.DRAFT:
            raise states.InvalidTransition(
                machine="course",
                state=course.status,
                verb="release",
                allowed=states.allowed(machine=states.COURSE, state=course.status),
            )
        end_course(actor=actor, course=course, verb="release", now=now)


def end_course(*, actor: Actor, course: TreatmentCourse, verb: str, now: datetime) -> None:
    """Release or expire the hold of a locked course."""
    status = states.move(machine=states.COURSE, state=course.status, verb="cancel")
    held = list(course.appointments.filter(status=Status.HELD).order_by("start", "id"))
    _mark_ended(actor, held, verb, now)
    TreatmentCourse.objects.filter(id=course.pk).update(status=status, **access.touched())
    done = "released" if verb == "release" else "expired"
    trail.record(actor=actor, at=now, steps=courses.story(course=course, visits=held, done=done))
    gaps.refresh(course_ids=[course.pk], now=now, actor=actor)


def release_visit(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Give the places of a visit held by itself back; a repeated `key` has no second effect.

    Raises InvalidTransition, HeldWhole, Stale, NotFound, NotAllowed.
    """
    with locks.unit_of_work():
        visit = _claimed(actor, appointment_id, now, version, key)
        if visit is not None:
            end_visit(actor=actor, visit=visit, verb="release", now=now)


def end_visit(*, actor: Actor, visit: Appointment, verb: str, now: datetime) -> None:
    """Release or expire the hold of a locked visit."""
    _whole(visit, verb)
    _mark_ended(actor, [visit], verb, now)
    done = "released" if verb == "release" else "expired"
    appointments.record(actor=actor, appointment=visit, verb=done, now=now, moment=now, reason="")
    if visit.course_id:
        gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)


def expire(*, now: datetime, limit: int = 200) -> int:
    """End the holds whose time is over; returns how many visits were due. Idempotent.

    They block nobody meanwhile: this makes the rows say so. It reads only what is due, by index, one
    transaction a hold; a hold that somebody is booking or releasing is skipped, so any number of these may
    run at once.
    """
    due = Appointment.objects.filter(status=Status.HELD, hold_expires_at__lte=now)
    found = due.order_by("hold_expires_at").values_list("id", "course_id", "course__status", "practice_id")
    rows = list(found[:limit])
    alone = dict.fromkeys((id, practice) for id, _, status, practice in rows if status != CourseStatus.DRAFT)
    drafts = dict.fromkeys((course, practice) for _, course, status, practice in rows if status == "draft")
    for course_id, practice_id in drafts:
        _expire(actors.system(practice_id=practice_id), _expire_course, course_id, now)
    for visit_id, practice_id in alone:
        _expire(actors.system(practice_id=practice_id), _expire_visit, visit_id, now)
    return len(rows)


def _expire(actor: Actor, end: Callable[[Actor, UUID, datetime], None], row_id: UUID, now: datetime) -> None:
    with locks.unit_of_work():
        end(actor, row_id, now)


def _expire_course(actor: Actor, course_id: UUID, now: datetime) -> None:
    mine = TreatmentCourse.objects.select_for_update(skip_locked=True, no_key=True)
    course = mine.filter(id=course_id, status=CourseStatus.DRAFT).first()
    if course and course.appointments.filter(status=Status.HELD, hold_expires_at__lte=now).exists():
        end_course(actor=actor, course=course, verb="expire", now=now)


def _expire_visit(actor: Actor, visit_id: UUID, now: datetime) -> None:
    course_id = Appointment.objects.filter(id=visit_id).values_list("course_id", flat=True).first()
    if course_id:
        locked = TreatmentCourse.objects.select_for_update(skip_locked=True, no_key=True)
        if not locked.filter(id=course_id).values_list("id"):
            return
    mine = Appointment.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    visit = mine.filter(id=visit_id, status=Status.HELD, hold_expires_at__lte=now).first()
    if visit is not None:
        end_visit(actor=actor, visit=visit, verb="expire", now=now)


def _claimed(
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    version: int | None,
    key: idempotency.Key | None,
) -> Appointment | None:
    """The visit, locked; None when the key has had its effect already."""
    replay = idempotency.claim(
        key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
    )
    visit = access.appointment_for_update(
        actor=actor,
        appointment_id=appointment_id,
        capability="appointments.book",
        version=None if replay else version,
    )
    return None if replay else visit


def _whole(visit: Appointment, verb: str) -> None:
    """Raise unless the state allows it and the visit is held by itself."""
    states.find(machine=states.APPOINTMENT, state=visit.status, verb=verb, kind=visit.kind)
    if visit.course and visit.course.status == CourseStatus.DRAFT:
        raise HeldWhole()


def _keep_places(held: Sequence[Appointment], now: datetime) -> None:
    """Make the places of these visits last; raises HoldExpired unless every one of them is still there.

    By the caller's clock the hold may live while by another's it was over, and that one has the place: so the
    seats are counted under the resources' locks.
    """
    if not all(
        states.is_live(status=one.status, hold_expires_at=one.hold_expires_at, now=now) for one in held
    ):
        raise HoldExpired()
    ids = [one.pk for one in held]
    sessions = sorted({one.group_session_id for one in held if one.group_session_id})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM scheduling_groupsession WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sessions],
        )
        cursor.execute("SELECT resource_id FROM scheduling_occupancy WHERE appointment_id = ANY(%s)", [ids])
        locks.lock_resources(resource_id for (resource_id,) in cursor.fetchall())
        ended = [status.value for status in ENDED_UNATTENDED]
        cursor.execute(_LOST, {"ids": ids, "all": SEATS, "sessions": sessions, "ended": ended, "now": now})
        if cursor.fetchone()[0]:
            raise HoldExpired()
        cursor.execute(
            "UPDATE scheduling_occupancy SET expires_at = NULL WHERE appointment_id = ANY(%s)", [ids]
        )


# A visit of these has fewer seats than it needs (everybody's that it occupies, all of its patient's and of
# its room's), or a group session that it joins is over-full with it.
_LOST = """
    SELECT EXISTS (
        SELECT 1 FROM scheduling_appointment visit
        WHERE visit.id = ANY(%(ids)s) AND %(all)s + CASE
            WHEN visit.group_session_id IS NOT NULL THEN 0
            ELSE CASE WHEN visit.room_id IS NULL THEN 0 ELSE %(all)s END + (
                SELECT coalesce(sum(part.seats), 0) FROM scheduling_appointmentpractitioner part
                WHERE part.appointment_id = visit.id)
            END > (
                SELECT coalesce(sum(upper(taken.seats) - lower(taken.seats)), 0)
                FROM scheduling_occupancy taken WHERE taken.appointment_id = visit.id)
    ) OR EXISTS (
        SELECT 1 FROM scheduling_groupsession session
        WHERE session.id = ANY(%(sessions)s) AND session.places < (
            SELECT count(*) FROM scheduling_appointment visit
            WHERE visit.group_session_id = session.id AND NOT visit.status = ANY(%(ended)s)
              AND (visit.hold_expires_at IS NULL OR visit.hold_expires_at > %(now)s))
    )
"""


def _mark_booked(held: Sequence[Appointment]) -> list[Appointment]:
    Appointment.objects.filter(id__in=[one.pk for one in held]).update(
        status=Status.BOOKED, hold_expires_at=None, **access.touched()
    )
    for one in held:
        one.status, one.hold_expires_at, one.version = Status.BOOKED.value, None, one.version + 1
    return list(held)


def _mark_ended(actor: Actor, held: Sequence[Appointment], verb: str, now: datetime) -> None:
    ids = [one.pk for one in held]
    Appointment.objects.filter(id__in=ids).update(
        status=Status.CANCELLED,
        hold_expires_at=None,
        cancelled_at=now,
        cancelled_by=actor.ref,
        cancel_reason=OVER[verb],
        **access.touched(),
    )
    seats.release(appointment_ids=ids)
    releasing.settle(actor=actor, visits=held, now=now)


def _order(course: TreatmentCourse) -> Order:
    """What was asked for when the course was held."""
    changed = course.overrides.filter(rule_id__in=orders.PLANNED)
    return Order(
        patient=str(course.patient_id),
        version=str(course.protocol_version_id),
        site=str(course.site_id),
        start_on_or_after=course.start_on_or_after.isoformat(),
        through_phase=course.through_phase or None,
        preferences=course.preferences,
        overrides=[
            {"rule_id": one.rule_id, "visit": one.visit_ref, "value": one.value, "reason": one.reason}
            for one in changed
        ],
        alternatives=1,
    )


def _wanted(visit: Appointment) -> Wanted:
    return Wanted(
        practice_id=visit.practice_id,
        site_id=visit.site_id,
        patient_id=visit.patient_id,
        kind=visit.kind,
        start=visit.start,
        length=visit.end - visit.start,
        grid_minutes=visit.site.grid_minutes,
        mode=visit.mode,
        protocol=facts.protocol_of(visit.course.protocol_version_id) if visit.course else None,
        ordinal=visit.sequence or 1,
        people=tuple(one.staff_id for one in visit.staffing.all()),
    )
