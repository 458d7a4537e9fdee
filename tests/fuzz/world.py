"""A clinic in which every call finds something that it can do something with."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from scheduling.booking.course import courses, pauses
from scheduling.booking.visit import appointments
from scheduling.booking.wanted.holding import Hold
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories
from tests.api import access
from tests.api.conftest import issue

# More patients with a course, proposals and holds than the access matrix needs: what a call uses up is
# gone for the next.
MORE = 4
# What has happened to some of the visits.
STATES = {
    "arrived": ("check_in",),
    "started": ("check_in", "start"),
    "monitoring": ("check_in", "start", "end_administration"),
    "cancelled": ("cancel",),
}


def build() -> tuple[str, dict[str, Any]]:
    """A token of a program of the clinic, and what there is: ids by kind, and a good body for each call."""
    made = access.build()
    clinic = made.clinic
    ids: dict[str, list[str]] = {kind: [str(one)] for kind, one in made.ids.items()}
    ids |= {"protocol keys": [factories.IV], "proposals": [], "holds": [], "paused": []}
    for _ in range(MORE):
        _more(made, ids)
    for state, verbs in STATES.items():
        booked = Appointment.objects.filter(practice=clinic.practice, status="booked", kind="dosing")
        ids[state] = _ids(booked)[:3]
        for visit_id in ids[state]:
            for verb in verbs:
                appointments.transition(
                    actor=clinic.admin,
                    appointment_id=UUID(visit_id),
                    verb=verb,
                    reason="x",
                    now=timezone.now(),
                )
    ids["courses"] = _ids(TreatmentCourse.objects.filter(practice=clinic.practice, status="active"))
    ids["appointments"] = _ids(Appointment.objects.filter(practice=clinic.practice))
    ids["gaps"] = _ids(FollowUpGap.objects.filter(practice=clinic.practice))
    staff = (clinic.monitor, clinic.prescriber, clinic.front_desk, *clinic.therapists)
    ids["practitioners"] = [str(one.pk) for one in staff]
    ids["rooms"] = [str(one.pk) for one in (*clinic.chairs, *clinic.therapy_rooms)]
    bodies = {f"{row.method} /api/v1/{row.route}": made.body(row.body) for row in access.API if row.body}
    return issue(factories.client(clinic.practice), minutes=600), {
        "ids": ids,
        "soon": made.soon.isoformat(),
        "bodies": {
            call.replace("<", "{").replace(">", "}"): body.decode() if isinstance(body, bytes) else body
            for call, body in bodies.items()
        },
    }


def _more(made: access.World, ids: dict[str, list[str]]) -> None:
    """One more patient: a course that runs, one that rests, one that is held, one that is only proposed."""
    clinic, now = made.clinic, timezone.now()
    someone = factories.patient(clinic.site)
    factories.ready(someone, clinic.version)

    def propose(weeks: int) -> str:
        found = courses.propose(
            actor=clinic.admin,
            now=now,
            patient_id=someone.pk,
            protocol_key=factories.IV,
            start_on_or_after=(made.soon + timedelta(weeks=weeks)).date(),
            alternatives=1,
        )
        return found[0].token

    courses.book(actor=clinic.admin, now=now, proposal=propose(0))
    rests = courses.book(actor=clinic.admin, now=now, proposal=propose(8))
    pauses.pause(actor=clinic.admin, course_id=rests, reason="x", now=now)
    ids["paused"].append(str(rests))
    ids["proposals"].append(propose(16))
    held = courses.book(actor=clinic.admin, now=now, proposal=propose(30), hold=Hold(30))
    ids["holds"].append(str(held))
    ids["patients"].append(str(someone.pk))


def _ids(found: QuerySet[Any]) -> list[str]:
    return [str(one) for one in found.order_by("pk").values_list("pk", flat=True)]
