"""What may be asked of the waitlist: times, wishes, and a visit that can be booked as it is asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import fields
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import StaffMember
from scheduling import states
from scheduling.booking.wanted.orders import TIMES_OF_DAY
from scheduling.models import Appointment, TreatmentCourse

# A dose is moved with what hangs on it, never filled in alone.
KINDS = tuple(sorted(states.TALKS))
MOST_PRIORITY = 9
ONLY_VISITS = "A visit that is not a dose: " + ", ".join(KINDS) + "."


def check(*, actor: Actor, values: Mapping[str, Any], now: datetime) -> None:
    """When somebody could come and what they wish; raises Invalid with every field that is wrong."""
    problems = fields.Problems()
    fields.span(problems, ("earliest", values["earliest"]), ("latest", values["latest"]))
    if values["latest"] <= now:
        problems.add("latest", "It must be in the future.")
    fields.integer(problems, "priority", values["priority"], least=0, most=MOST_PRIORITY)
    if values["time_of_day"] and values["time_of_day"] not in TIMES_OF_DAY:
        problems.add("time_of_day", f"One of {', '.join(TIMES_OF_DAY)}.")
    people = set(values["practitioners"])
    if people:
        known = StaffMember.objects.filter(practice_id=actor.practice_id, is_active=True, id__in=people)
        if known.count() < len(people):
            problems.add("practitioners", "Active members of this practice.")
    problems.raise_if_any()


def check_course(
    *, actor: Actor, patient_id: UUID, kind: str, course_id: UUID | None, follows_id: UUID | None
) -> None:
    """The visit can be booked as it is asked for: not a dose, in a course of the patient, after its dose.

    Raises Invalid, NotFound.
    """
    if kind not in KINDS:
        raise Invalid({"kind": [ONLY_VISITS]})
    if course_id is None:
        if follows_id:
            raise Invalid({"course": ["A follow-up belongs to a course."]})
        return
    course = TreatmentCourse.objects.filter(practice_id=actor.practice_id, id=course_id).first()
    if course is None:
        raise NotFound()
    if course.patient_id != patient_id:
        raise Invalid({"patient": ["The course belongs to another patient."]})
    doses = Appointment.objects.filter(course=course, kind__in=states.DOSES)
    if follows_id and not doses.filter(id=follows_id).exists():
        raise Invalid({"follows": ["A dose of this course."]})
