"""What somebody asks for at the booking page, as it was typed: read from a form or from a proposal, and said
as the use case wants it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import Site
from scheduling.booking.openings import slots
from scheduling.booking.wanted.orders import Order
from scheduling.followups import facts
from scheduling.planning import windows
from scheduling.web import forms

WEEKDAYS = {1: "Mon", 2: "Tue", 3: "Wed", 4: "Thu", 5: "Fri", 6: "Sat", 7: "Sun"}
TIMES = {"": "Any time", "morning": "Mornings", "afternoon": "Afternoons", "evening": "Evenings"}
MODES = {"": "As the protocol says", "in_person": "In person", "video": "By video", "phone": "By phone"}
SATURDAY = 6
MOST_OVERRIDES = 10
# Who is asked on the telephone cannot be there within these minutes, unless they say so.
NOTICE_MINUTES = slots.SOON // timedelta(minutes=1)
ALTERED = "This page was altered on its way. Load it again."


@dataclass(frozen=True, slots=True)
class Wishes:
    """A course as somebody asks for it. `start` is as typed; `overrides` are values of the protocol that are
    changed for it, each with its reason; `soon`: the patient could come at once."""

    patient: UUID
    site: UUID | None = None
    protocol: UUID | None = None
    start: str = ""
    weekdays: tuple[int, ...] = ()
    time_of_day: str = ""
    modality: str = ""
    therapist: UUID | None = None
    practitioner: UUID | None = None
    soon: bool = False
    overrides: tuple[Mapping[str, Any], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there are wishes beside the course itself."""
        people = self.therapist or self.practitioner
        return bool(self.weekdays or self.time_of_day or self.modality or people or self.soon)

    @property
    def kept_overrides(self) -> list[str]:
        """The overrides as the form carries them."""
        return [json.dumps(dict(one)) for one in self.overrides]

    def asked(self) -> dict[str, Any]:
        """The arguments of `courses.propose`. Raises Invalid for what cannot be meant."""
        if self.protocol is None:
            raise Invalid({"protocol": ["Choose a protocol."]})
        try:
            start = date.fromisoformat(self.start)
        except ValueError:
            raise Invalid({"start": ["Say from which day on the course may begin."]}) from None
        preferences = {
            "weekdays": list(self.weekdays),
            "time_of_day": self.time_of_day or None,
            "modality": self.modality or None,
            "therapist": str(self.therapist) if self.therapist else None,
            "practitioners": [str(self.practitioner)] if self.practitioner else [],
            "notice_minutes": 0 if self.soon else NOTICE_MINUTES,
        }
        return {
            "patient_id": self.patient,
            "protocol_id": self.protocol,
            "site_id": self.site,
            "start_on_or_after": start,
            "preferences": {name: value for name, value in preferences.items() if value},
            "overrides": [dict(one) for one in self.overrides],
        }


def fresh(
    *, patient: UUID, site: Site, protocol: UUID | None, now: datetime, start: date | None = None
) -> Wishes:
    """What the form begins with: the day that was pointed at, else the next working day; and no wish."""
    if start is not None:
        return Wishes(patient=patient, site=site.pk, protocol=protocol, start=start.isoformat())
    day = windows.local_day(zone=site.time_zone, instant=now) + timedelta(days=1)
    while day.isoweekday() >= SATURDAY:
        day += timedelta(days=1)
    return Wishes(patient=patient, site=site.pk, protocol=protocol, start=day.isoformat())


def read(request: HttpRequest) -> Wishes:
    """The form as it came. Raises NotFound for an id that is none."""
    patient = forms.uuid(request.POST.get("patient"))
    if patient is None:
        raise NotFound()
    days = {number for number in WEEKDAYS if str(number) in request.POST.getlist("weekday")}
    time_of_day, modality = request.POST.get("time_of_day", ""), request.POST.get("modality", "")
    return Wishes(
        patient=patient,
        site=forms.uuid(request.POST.get("site")),
        protocol=forms.uuid(request.POST.get("protocol")),
        start=request.POST.get("start", "")[:10],
        weekdays=tuple(sorted(days)),
        time_of_day=time_of_day if time_of_day in TIMES else "",
        modality=modality if modality in MODES else "",
        therapist=forms.uuid(request.POST.get("therapist")),
        practitioner=forms.uuid(request.POST.get("practitioner")),
        soon=request.POST.get("soon") == "1",
    )


def with_overrides(request: HttpRequest, wishes: Wishes) -> Wishes:
    """The wishes with the overrides that the form carries, and with the change that its button asks for.
    Raises Invalid for what no page of ours sends."""
    kept = request.POST.getlist("override")[:MOST_OVERRIDES]
    wishes = replace(wishes, overrides=tuple(_object(text) for text in kept))
    patch = request.POST.get("relax")
    return relaxed(wishes, _object(patch), forms.text(request, "relax_reason")) if patch else wishes


def of_order(order: Order) -> Wishes:
    """What a proposal was asked for."""
    asked = order.preferences
    others = asked.get("practitioners") or [None]
    return Wishes(
        patient=UUID(order.patient),
        site=UUID(order.site),
        protocol=facts.version_of(UUID(order.version)).template_id,
        start=order.start_on_or_after,
        weekdays=tuple(asked.get("weekdays") or ()),
        time_of_day=asked.get("time_of_day") or "",
        modality=asked.get("modality") or "",
        therapist=forms.uuid(asked.get("therapist")),
        practitioner=forms.uuid(others[0]),
        soon=not asked.get("notice_minutes"),
        overrides=tuple(order.overrides),
    )


def relaxed(wishes: Wishes, patch: Mapping[str, Any], reason: str) -> Wishes:
    """The wishes after one of the changes that a refusal offers: another first day, or hours and days of the
    protocol that are changed for this course."""
    if "start_on_or_after" in patch:
        wishes = replace(wishes, start=str(patch["start_on_or_after"])[:10])
    added = [
        {"rule_id": rule, "visit": f"dose-{number}", "value": value, "reason": reason}
        for rule, number, value in _changed(patch)
    ]
    named = {(one["rule_id"], one["visit"]) for one in added}
    kept = [one for one in wishes.overrides if (one.get("rule_id"), one.get("visit")) not in named]
    return replace(wishes, overrides=(*kept, *added))


def needs_reason(patch: Mapping[str, Any]) -> bool:
    """Whether a change is an override, which somebody permitted makes and says why."""
    return bool(_changed(patch))


def possible(patch: Mapping[str, Any]) -> bool:
    """Whether the form can ask for it: nobody books an additional person or room with it."""
    return bool(patch) and set(patch) <= {"start_on_or_after", "windows", "spacing_max"}


def _changed(patch: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    windows_of, days_of = patch.get("windows", {}), patch.get("spacing_max", {})
    if not isinstance(windows_of, dict) or not isinstance(days_of, dict):
        raise Invalid({"override": [ALTERED]})
    found: list[tuple[str, str, Any]] = [
        ("window", str(number), hours) for number, hours in windows_of.items()
    ]
    found += [("spacing", str(number), {"max_days": most}) for number, most in days_of.items()]
    return found


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text[:2000])
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise Invalid({"override": [ALTERED]})
    return found


def packed(patch: Mapping[str, Any]) -> str:
    """A change as a button sends it."""
    return json.dumps(dict(patch))
