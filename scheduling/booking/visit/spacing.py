"""Spacing and caps of one dose that is booked by itself (S-13, S-14): against the doses before and after
it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from scheduling import states
from scheduling.booking.wanted import given
from scheduling.booking.writing.visits import Placement
from scheduling.models import Appointment
from scheduling.planning import rules
from scheduling.planning.values import Availability, GivenDose, PlannedVisit, PlanRequest

RULES = {"spacing_min", "spacing_max", "rolling_cap"}


def violations(
    *,
    placement: Placement,
    start: datetime,
    end: datetime,
    phase: str | None,
    beside: Sequence[Appointment] = (),
) -> list[dict[str, Any]]:
    """What a dose at this time breaks, for itself and for the next one, as violations; nothing without a
    course. `beside` are doses that would be there as well, though they are not live now."""
    course, protocol = placement.course, placement.protocol
    if course is None or protocol is None:
        return []
    doses = (
        Appointment.objects.filter(
            Q(status__in=states.LIVE | states.ATTENDED) | Q(pk__in=[one.pk for one in beside]),
            course=course,
            kind=protocol.dose_kind,
        )
        .exclude(hold_expires_at__lte=placement.now)
        .order_by("start", "id")
        .values("start", "end", "phase__name", "sequence")
    )
    before = tuple(_given(dose) for dose in doses if dose["start"] < start)
    mine = PlannedVisit("new", protocol.dose_kind, phase, len(before) + 1, start, end)
    after = [_planned(dose, protocol.dose_kind) for dose in doses if dose["start"] >= start]
    request = PlanRequest(
        protocol=protocol,
        zone=placement.site.time_zone,
        start_on_or_after=course.start_on_or_after,
        not_before=placement.now,
        given=before,
    )
    found = rules.check_visits(request=request, availability=Availability((), ()), visits=[mine, *after])
    names = {f"dose-{len(before) + 1}", f"dose-{len(before) + 2}"}
    return [given.violation_as_dict(one) for one in found if one.rule_id in RULES and one.visit in names]


def _given(dose: Mapping[str, Any]) -> GivenDose:
    return GivenDose(dose["phase__name"], dose["sequence"], dose["start"], dose["end"])


def _planned(dose: Mapping[str, Any], kind: str) -> PlannedVisit:
    ref = f"at {dose['start'].isoformat()}"
    return PlannedVisit(ref, kind, dose["phase__name"], dose["sequence"], dose["start"], dose["end"])
