"""What is sent ahead of a visit: a line each, for which visits, and what decides when.

Whether it goes and how many hours before is settled by `notifications.planning.terms`; a change of that is
followed by `replanning`. Whether a message is wanted and true is asked again when it is sent.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Max, Min, Q

from notifications.models import Message
from notifications.models.message import State
from notifications.planning import policy, terms
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.policy import Timing
from notifications.planning.terms import Settled, Terms
from patients import instruments
from scheduling import states
from scheduling.booking.writing import drafts
from scheduling.booking.writing.drafts import People
from scheduling.models import Appointment, ProtocolVersion, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED
from scheduling.planning import measures
from scheduling.planning.measures import Asked


@dataclass(frozen=True, slots=True)
class Asks:
    """What a protocol asks of patients: somebody who takes them home (S-11), and measures (S-26). `terms` are
    what it says of messages."""

    ride: bool = False
    measures: Asked = Asked()
    terms: Terms = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """What must be known of a visit's course: `first_dose` and `last_dose` are when they start."""

    asks: Asks = Asks()
    first_dose: datetime | None = None
    last_dose: datetime | None = None


def every_visit(visit: Appointment, whole: Whole) -> bool:
    return True


def first_dose(visit: Appointment, whole: Whole) -> bool:
    """Whether no dose of its course comes before it."""
    return visit.kind in states.DOSES and visit.start == whole.first_dose


def ride(visit: Appointment, whole: Whole) -> bool:
    """S-11: nobody goes home alone after a dose that is monitored."""
    return visit.kind in states.MONITORED and whole.asks.ride


def measured(visit: Appointment, whole: Whole) -> bool:
    """S-26: before doses, and before the visits after the last one from a week on. Which of these are the
    first in their time is asked when it goes, as is whether it was answered."""
    asked = bool(whole.asks.measures.codes)
    if visit.kind in states.DOSES or whole.last_dose is None or not asked:
        return visit.kind in states.DOSES and asked
    last = whole.last_dose.astimezone(ZoneInfo(visit.time_zone)).date()
    return visit.start > whole.last_dose and measures.unit_after(last=last, day=visit.local_date) is not None


@dataclass(frozen=True, slots=True)
class Ahead:
    """One kind: of which visits, and when, from (start, hours before, hours of the last reminder, now)."""

    kind: Kind
    of: Callable[[Appointment, Whole], bool]
    timing: Callable[[datetime, float, float, datetime], Timing | None]


def _reminder(start: datetime, hours: float, last: float, now: datetime) -> Timing | None:
    return policy.reminder(
        start=start, lead_hours=hours, last_hours=last, changed_at=now, grace=drafts.grace()
    )


def _preparation(start: datetime, hours: float, last: float, now: datetime) -> Timing | None:
    return policy.preparation(start=start, lead_hours=hours, changed_at=now)


TABLE = (
    Ahead(Kind.PREPARATION, first_dose, _preparation),
    Ahead(Kind.REMINDER_72H, every_visit, _reminder),
    Ahead(Kind.MEASURE_DUE, measured, _reminder),
    Ahead(Kind.REMINDER_24H, every_visit, _reminder),
    Ahead(Kind.RIDE_HOME, ride, _reminder),
)
KINDS = tuple(line.kind for line in TABLE)
# Said by a confirmation, or by the news of a move, as well.
_REMINDERS = (Kind.REMINDER_72H, Kind.REMINDER_24H)


def of(
    coming: Sequence[Appointment],
    people: People,
    now: datetime,
    *,
    told: Collection[UUID] | None = None,
    since: Mapping[UUID, datetime] | None = None,
    beside: Sequence[Appointment] = (),
) -> list[Draft]:
    """What goes ahead of each visit; no reminder of what other news tells at about the same moment (`told`:
    all unless said). `since`: when the preparation of a visit was first planned, unless it is now. `beside`:
    other visits that stand where they are given, not where their rows are."""
    courses = courses_of(visits=[*coming, *beside])
    every = within(coming=coming, courses=courses, people=people, now=now, told=told, since=since)
    return [draft for draft, settled in every if settled.on]


def within(
    *,
    coming: Sequence[Appointment],
    courses: Mapping[UUID, Whole],
    people: People,
    now: datetime,
    told: Collection[UUID] | None = None,
    since: Mapping[UUID, datetime] | None = None,
) -> Iterator[tuple[Draft, Settled]]:
    """The same of visits within courses that are known, also what is switched off, with who has it so."""
    for visit in coming:
        whole = courses.get(visit.course_id, Whole()) if visit.course_id else Whole()
        last = people.settled(visit, Kind.REMINDER_24H, whole.asks.terms).hours
        for line in TABLE:
            settled = people.settled(visit, line.kind, whole.asks.terms)
            hours = last if line.kind == Kind.RIDE_HOME else settled.hours
            soon = visit.start - timedelta(hours=hours) <= now + drafts.grace()
            if not line.of(visit, whole) or (
                soon and line.kind in _REMINDERS and (told is None or visit.pk in told)
            ):
                continue
            planned = (since or {}).get(visit.pk, now) if line.kind == Kind.PREPARATION else now
            timing = line.timing(visit.start, hours, last, planned)
            for draft in drafts.draft(visit, line.kind, timing, people, now):
                yield draft, settled


def terms_of(*, version_id: UUID | None) -> Terms:
    """What a version of a protocol says of messages; nothing where there is none."""
    return asks_of_version(version_id=version_id).terms if version_id else {}


def of_new_firsts(
    *, now: datetime, ended: Collection[UUID] = (), moved: Sequence[Appointment] = ()
) -> list[Draft]:
    """What is to be done before the dose that is now the first of its course, where one of these was ended or
    stands elsewhere; none where it was planned or said. What is `moved` stands where it is given, and what is
    planned of it itself is not made here."""
    doses = Appointment.objects.filter(kind__in=states.DOSES, course__isnull=False)
    given = [one for one in moved if one.kind in states.DOSES and one.course_id]
    if moved and not given:
        return []
    courses = doses.filter(pk__in=[*ended, *(one.pk for one in given)]).values("course_id")
    standing = doses.exclude(status__in=ENDED_UNATTENDED).select_related("patient__practice")
    rest = standing.filter(course_id__in=courses).exclude(pk__in=[one.pk for one in given])
    firsts: dict[UUID | None, Appointment] = {}
    for one in sorted([*rest, *given], key=lambda dose: (dose.start, dose.pk)):
        firsts.setdefault(one.course_id, one)
    for one in given:
        if firsts.get(one.course_id) is one:
            del firsts[one.course_id]
    coming = drafts.still_to_come(firsts.values(), now)
    held = Message.objects.filter(kind=Kind.PREPARATION, subject_id__in=[one.pk for one in coming])
    told = set(held.exclude(state=State.CANCELLED).values_list("subject_id", flat=True)) if coming else set()
    fresh = [one for one in coming if one.pk not in told]
    people = drafts.people_of(fresh)
    return [one for one in of(fresh, people, now, beside=given) if one.kind == Kind.PREPARATION]


def needs_ride(*, visit: Appointment) -> bool:
    """Whether somebody has to take the patient home after this visit."""
    return ride(visit, _whole(visit))


def is_first_dose(*, visit: Appointment) -> bool:
    """Whether no dose of its course comes before it."""
    return first_dose(visit, _whole(visit))


def _whole(visit: Appointment) -> Whole:
    return courses_of(visits=[visit]).get(visit.course_id, Whole()) if visit.course_id else Whole()


def courses_of(*, visits: Iterable[Appointment]) -> Mapping[UUID, Whole]:
    """The visits' courses, in one query; the visits themselves stand where they are given, not where their
    rows are."""
    of_courses = [one for one in visits if one.course_id]
    if not of_courses:
        return {}
    theirs = Q(appointments__kind__in=states.DOSES) & ~Q(appointments__status__in=ENDED_UNATTENDED)
    others = ~Q(appointments__pk__in=[one.pk for one in of_courses])
    rows = (
        TreatmentCourse.objects.filter(pk__in={one.course_id for one in of_courses})
        .annotate(first=Min("appointments__start", filter=theirs & others))
        .annotate(last=Max("appointments__start", filter=theirs & others))
        .values_list("pk", "protocol_version_id", "first", "last")
    )
    return {
        course_id: whole_of(
            asks=asks_of_version(version_id=version_id),
            visits=[one for one in of_courses if one.course_id == course_id],
            others=[one for one in (first, last) if one],
        )
        for course_id, version_id, first, last in rows
    }


def whole_of(*, asks: Asks, visits: Iterable[Appointment], others: Sequence[datetime] = ()) -> Whole:
    """A course of these visits, with `others` of its doses. Pure."""
    starts = [*others, *(one.start for one in visits if one.kind in states.DOSES)]
    return Whole(asks, min(starts, default=None), max(starts, default=None))


@lru_cache(maxsize=512)
def asks_of_version(*, version_id: UUID) -> Asks:
    """What a version asks: versions never change."""
    document = ProtocolVersion.objects.values_list("document", flat=True).get(pk=version_id)
    return asks_of(document=document)


def asks_of(*, document: Mapping[str, Any]) -> Asks:
    """What a protocol's document asks. Pure."""
    return Asks(
        ride=document.get("escort_required") is True,
        measures=measures.asked(measures=document.get("measures"), known=instruments.BY_CODE),
        terms=terms.read(document.get("messages"))[0],
    )
