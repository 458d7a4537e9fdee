"""What patients are shown by a link: little before they prove who they are, their dates after.

No name and no treatment, here or there: the page may be read over a shoulder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from clinic.practice import reads, work
from notifications.planning import recipients
from notifications.planning.ports import Visit
from patients import own
from patients.own import Ride
from scheduling import states
from scheduling.booking.own import own_front
from scheduling.booking.writing import releasing
from scheduling.booking.writing.links import Link
from scheduling.models import Appointment, ProtocolVersion
from scheduling.models.appointment import Mode, Status

# A course is shown whole; more than anybody's fits.
MOST = 200
_WITHOUT = {
    "food": "solids_hours",
    "drink": "clear_liquids_hours",
    "spray": "nasal_steroid_or_decongestant_hours",
}
_COUNTED = states.LIVE | states.ATTENDED


class Stage(StrEnum):
    """What there is to do at a visit."""

    COMING = "coming"
    BEGUN = "begun"
    NEW_TIME = "new_time"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front(own_front.Front):
    """`start` is None where there is no time to come to."""

    start: datetime | None
    stage: Stage
    confirmed: bool
    cannot_come: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One visit of the course: its number in the order of time."""

    number: int
    start: datetime
    over: bool
    this: bool


@dataclass(frozen=True, slots=True)
class Preparation:
    """What to do without before the visit, each as (what, minutes), and whether somebody has to take the
    patient home."""

    without: tuple[tuple[str, int], ...]
    ride: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """What the patient sees who has proved it. `reaches` maps each channel with an address to whether
    messages go there."""

    end: datetime
    place: str
    mode: str
    version: int
    lines: tuple[Line, ...]
    number: int
    preparation: Preparation
    ride: Ride | None
    reaches: Mapping[str, bool]


def front(*, link: Link, now: datetime) -> Front:
    """What is shown without any proof: the clinic, the time and who to call."""
    visit = link.visit
    stage = stage_of(visit=visit, now=now)
    return Front(
        **own_front.of(link=link),
        zone=visit.time_zone,
        start=visit.start if stage in (Stage.COMING, Stage.BEGUN) else None,
        stage=stage,
        confirmed=visit.status == Status.CONFIRMED,
        cannot_come=stage is Stage.COMING
        and work.is_asked(
            practice_id=visit.practice_id, subject_id=visit.pk, kind=releasing.CANNOT_COME_ITEM
        ),
    )


def stage_of(*, visit: Appointment, now: datetime) -> Stage:
    """What there is to do."""
    if visit.status == Status.DISPLACED:
        return Stage.NEW_TIME
    if visit.status in (Status.CANCELLED, Status.NO_SHOW):
        return Stage.CANCELLED
    waits = visit.status in (Status.BOOKED, Status.CONFIRMED) and visit.start > now
    return Stage.COMING if waits else Stage.BEGUN


def whole(*, link: Link, now: datetime) -> Whole:
    """The rest, for who has proved to be the patient."""
    visit = link.visit
    lines = _lines(visit, now)
    usable = set(chain.from_iterable(recipients.usable_by_sort(patient_ids=[visit.patient_id]).values()))
    return Whole(
        end=visit.end,
        place=visit.site.address if visit.mode == Mode.IN_PERSON else "",
        mode=visit.mode,
        version=visit.version,
        lines=lines,
        number=next((one.number for one in lines if one.this), 0),
        preparation=_preparation(visit),
        ride=own.ride(patient_id=visit.patient_id, visit_id=visit.pk),
        reaches={
            channel: channel in usable and not visit.patient.no_messages
            for channel in own.channels(patient=visit.patient)
        },
    )


def log_read(*, link: Link, now: datetime) -> None:
    """Patients reading of themselves are in the log of reads like everybody."""
    reads.record(actor=link.actor, route="v/<str:token>", patient_ids=[link.visit.patient_id], now=now)


def calendar_entry(*, link: Link) -> Visit:
    """The visit as a calendar takes it: the same entry as in the messages, without a place."""
    visit = link.visit
    return Visit(uid=visit.pk, sequence=visit.version, start=visit.start, end=visit.end, zone=visit.time_zone)


def _lines(visit: Appointment, now: datetime) -> tuple[Line, ...]:
    rows = Appointment.objects.filter(patient_id=visit.patient_id, status__in=_COUNTED)
    rows = rows.filter(course_id=visit.course_id) if visit.course_id else rows.filter(pk=visit.pk)
    found = rows.exclude(hold_expires_at__lte=now).order_by("start", "pk").values_list("pk", "start", "end")
    return tuple(
        Line(number=number, start=start, over=end <= now, this=pk == visit.pk)
        for number, (pk, start, end) in enumerate(found[:MOST], start=1)
    )


def _preparation(visit: Appointment) -> Preparation:
    """S-11, S-12: what the protocol asks before a dose; of other visits nothing is asked."""
    if visit.kind not in states.MONITORED or visit.course is None:
        return Preparation((), ride=False)
    versions = ProtocolVersion.objects.filter(pk=visit.course.protocol_version_id)
    document = versions.values_list("document", flat=True).first() or {}
    fasting = document.get("fasting")
    told = ((what, _minutes(fasting, name)) for what, name in _WITHOUT.items())
    return Preparation(
        without=tuple((what, minutes) for what, minutes in told if minutes),
        ride=document.get("escort_required") is True,
    )


def _minutes(fasting: Any, name: str) -> int:
    """A number of hours in a document, which is data that people write, in minutes; 0 for what is none."""
    hours = fasting.get(name) if isinstance(fasting, dict) else None
    if not isinstance(hours, int | float) or isinstance(hours, bool) or not 0 < hours <= 48:
        return 0
    return round(hours * 60)
