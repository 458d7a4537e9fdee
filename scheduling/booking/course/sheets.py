"""The list of visits that a patient keeps: mailed when somebody at the desk is asked for it."""

from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict
from clinic.practice.trail import Step
from notifications.planning import outbox
from scheduling.booking.guard import access, locks
from scheduling.booking.writing import drafts, reminders

CAPABILITY = "messages.work"
NO_WAY = "No e-mail address that may be used is on file. Print the page instead."
NOTHING = "Nothing is booked any more."


def mail(*, actor: Actor, course_id: UUID, now: datetime, key: idempotency.Key | None = None) -> None:
    """Queue the list of a course's coming visits by e-mail; a repeated `key` has no second effect.

    R-02: the text says when and where, never what for. Raises Conflict where nothing is booked or no e-mail
    may be sent, NotFound, NotAllowed.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
            return
        course = access.course_for_update(actor=actor, course_id=course_id, capability=CAPABILITY)
        visits = list(course.appointments.select_related("patient__practice").order_by("start", "pk"))
        if not any(one.status in drafts.EXPECTED and one.start > now for one in visits):
            raise Conflict(NOTHING)
        made = reminders.listed(course=course, visits=visits, now=now)
        if not made:
            raise Conflict(NO_WAY)
        outbox.queue(messages=made, now=now)
        step = Step("course.visits_mailed", "course", course.pk, course.pk, course.patient_id)
        trail.record(actor=actor, at=now, steps=[step])
