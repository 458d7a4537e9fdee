"""What the pages read beside the rows of booking: a few statements each, however many rows it is about."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, F, IntegerField, Max, OuterRef, Q, Value, When

from clinic.practice import delegates, permissions, work
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Room, StaffMember, TrailEntry, WorkItem
from notifications.models import Message
from notifications.planning.kinds import Kind
from notifications.reading import queries as ledger
from patients import queries as patients
from patients.models import Patient
from patients.queries import Papers
from scheduling import states
from scheduling.booking.reading import fetched, rows
from scheduling.followups import facts, owners
from scheduling.models import Appointment, CoursePhase, FollowUpGap, GapDose, TreatmentCourse

LISTED = 100
MATCHES = 25
NEXT = 2
OWED = 5
MESSAGES = 200
FOLLOW_UPS = ("integration", "group_integration")
NOT_BOOKED = ("prospective", "open", "lapsed")


@dataclass(frozen=True, slots=True)
class Protocol:
    key: str
    version: int
    name: str
    monitoring: timedelta


@dataclass(frozen=True, slots=True)
class Around:
    """What a list of visits needs to know beside itself; the keys are ids of courses, patients and visits."""

    planned: dict[tuple[UUID, str], int | None] = field(default_factory=dict)
    phases: dict[UUID, int] = field(default_factory=dict)
    protocols: dict[UUID, Protocol] = field(default_factory=dict)
    papers: Papers = field(default_factory=lambda: Papers({}, frozenset()))
    gaps: dict[UUID, rows.Gap] = field(default_factory=dict)


def around(*, actor: Actor, visits: Collection[rows.Visit], now: datetime) -> Around:
    """The numbers, readiness (S-01, S-02) and follow-up units of these visits."""
    course_ids = {visit.course_id for visit in visits if visit.course_id}
    doses = [visit for visit in visits if visit.kind in ("dosing", "device")]
    found = CoursePhase.objects.filter(course__practice_id=actor.practice_id, course_id__in=course_ids)
    planned = {(one.course_id, one.name): one.planned_sessions for one in found}
    count: dict[UUID, int] = {}
    for course_id, _ in planned:
        count[course_id] = count.get(course_id, 0) + 1
    protocols = _protocols(actor, course_ids)
    keys = {one.key for one in protocols.values()}
    people = {visit.patient.id for visit in doses}
    return Around(
        planned=planned,
        phases=count,
        protocols=protocols,
        papers=patients.papers(patient_ids=people, protocol_keys=keys, now=now),
        gaps=_gaps_of_doses(actor, [visit.id for visit in doses]),
    )


def _protocols(actor: Actor, course_ids: Collection[UUID]) -> dict[UUID, Protocol]:
    courses = TreatmentCourse.objects.filter(practice_id=actor.practice_id, id__in=course_ids)
    versions = dict(courses.order_by().values_list("id", "protocol_version_id"))
    told = {version_id: _protocol(version_id) for version_id in set(versions.values())}
    return {course_id: told[version_id] for course_id, version_id in versions.items()}


def _protocol(version_id: UUID) -> Protocol:
    version = facts.version_of(version_id)
    return Protocol(
        key=version.template.key,
        version=version.version,
        name=version.name,
        monitoring=timedelta(minutes=facts.protocol_of(version_id).block.monitoring),
    )


def _gaps_of_doses(actor: Actor, dose_ids: Collection[UUID]) -> dict[UUID, rows.Gap]:
    owed = GapDose.objects.filter(appointment_id__in=dose_ids).values("gap_id")
    units = fetched.gaps(fetched.gaps_of(actor).filter(pk__in=owed))
    return {dose_id: unit for unit in units for dose_id in unit.doses}


def last_follow_ups(*, actor: Actor, course_ids: Collection[UUID], now: datetime) -> dict[UUID, datetime]:
    """When each of these courses had its last follow-up that took place, by course."""
    permissions.check(actor=actor, capability="appointments.read")
    attended = Appointment.objects.filter(
        practice_id=actor.practice_id,
        course_id__in=course_ids,
        kind__in=FOLLOW_UPS,
        status__in=states.ATTENDED,
        start__lte=now,
    )
    return dict(attended.order_by().values_list("course_id").annotate(last=Max("start")))


# --- the worklist ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wanted:
    """The worklist's filters. `show` is `flagged`, `unbooked` or `snoozed`; `who` a clinician, for the units
    that are theirs and those of the courses for which they answer."""

    show: str = "flagged"
    severity: str = ""
    mine: bool = False
    site: UUID | None = None
    who: UUID | None = None


def worklist(
    *, actor: Actor, wanted: Wanted, now: datetime, most: int = LISTED
) -> tuple[tuple[rows.Gap, ...], int]:
    """The units that need a person, what can be lost first at the top, so `most`; and how many there are.

    A unit with a visit booked in its grace waits for it below those with none. What has already lapsed comes
    last, newest first: it cannot be saved any more, only explained.
    """
    permissions.check(actor=actor, capability="gaps.read")
    found = _narrowed(fetched.gaps_of(actor), actor, wanted, now)
    lapsed = Case(When(status="lapsed", then=Value(1)), default=Value(0), output_field=IntegerField())
    due = Case(
        When(status="open", then=F("grace_until")), When(status="lapsed", then=None), default=F("closes_at")
    )
    ordered = found.annotate(lapsed_last=lapsed, due=due).order_by(
        "lapsed_last", "booked_late", "due", "-closes_at", "id"
    )
    return fetched.gaps(ordered[:most]), found.count()


def _narrowed(found: fetched.Stored, actor: Actor, wanted: Wanted, now: datetime) -> fetched.Stored:
    asleep = Q(snoozed_until__gt=now)
    if wanted.show == "snoozed":
        found = found.filter(asleep, status__in=NOT_BOOKED)
    elif wanted.show == "unbooked":
        found = found.filter(~asleep | Q(snoozed_until=None), status__in=NOT_BOOKED)
    else:
        found = found.filter(~asleep | Q(snoozed_until=None), flagged=True)
    if wanted.severity:
        found = found.filter(severity=wanted.severity)
    if wanted.mine:
        found = found.filter(_mine(actor, now))
    if wanted.who:
        people = delegates.acts_for(staff_id=wanted.who, now=now)
        found = found.filter(owners.of_people(people=people) | Q(course__responsible_clinician__in=people))
    if wanted.site:
        found = found.filter(site_id=wanted.site)
    return found


def _mine(actor: Actor, now: datetime) -> Q:
    return owners.of_people(people=delegates.acts_for(staff_id=actor.id, now=now))


def owed_at(*, actor: Actor, site_id: UUID, start: datetime) -> tuple[rows.Gap, ...]:
    """The units of a site without a booked follow-up whose window holds this start, at most five."""
    permissions.check(actor=actor, capability="gaps.read")
    found = fetched.gaps_of(actor).filter(site_id=site_id, status__in=("prospective", "open"))
    return fetched.gaps(
        found.filter(opens_at__lte=start, closes_at__gte=start).order_by("closes_at", "id")[:OWED]
    )


def flagged_counts(*, actor: Actor, now: datetime) -> dict[str, int]:
    """How many units need somebody now: by severity, and `mine`."""
    permissions.check(actor=actor, capability="gaps.read")
    of_practice = FollowUpGap.objects.filter(practice_id=actor.practice_id)
    counted = _narrowed(of_practice, actor, Wanted(), now).aggregate(
        **{name: Count("id", filter=Q(severity=name)) for name in ("high", "moderate", "low")},
        mine=Count("id", filter=_mine(actor, now)),
    )
    return {name: int(count) for name, count in counted.items()}


def doses_of(*, actor: Actor, gaps: Iterable[rows.Gap]) -> dict[UUID, rows.Visit]:
    """The doses and visits that these units are about, by id."""
    ids = {one for gap in gaps for one in (*gap.doses, *gap.visits)}
    return {one.id: one for one in fetched.visits(actor=actor, ids=list(ids))}


# --- home, search, messages, names ------------------------------------------------------------------------
def tasks(*, actor: Actor, now: datetime) -> tuple[list[WorkItem], int]:
    """The tasks that wait for this person or a role of theirs, what is urgent and then the oldest, ten of
    them, and how many there are."""
    people = delegates.acts_for(staff_id=actor.id, now=now)
    mine = Q(assignee__in=people) | Q(assignee=None, role__in=actor.roles)
    found = WorkItem.objects.filter(mine, practice_id=actor.practice_id, done_at=None, due_at__lte=now)
    # What cannot wait stands before what is older.
    later = Case(When(kind__in=work.URGENT, then=False), default=True)
    return list(found.order_by(later, "due_at", "id")[:10]), found.count()


def find_patients(*, actor: Actor, name: str) -> list[Patient]:
    """Patients, each word asked for being the beginning of a part of their name; at most 25 and one more."""
    permissions.check(actor=actor, capability="patients.read")
    found = patients.patients(actor=actor)
    for word in name.split()[:5]:
        part = Q(given_name__istartswith=word) | Q(family_name__istartswith=word)
        found = found.filter(
            part | Q(given_name__icontains=f" {word}") | Q(family_name__icontains=f" {word}")
        )
    return list(found.order_by("family_name", "given_name", "id")[: MATCHES + 1])


def courses_of(*, actor: Actor, patient_ids: Collection[UUID]) -> dict[UUID, list[TreatmentCourse]]:
    """The courses of these patients, the newest first."""
    permissions.check(actor=actor, capability="courses.read")
    found: dict[UUID, list[TreatmentCourse]] = {}
    courses = TreatmentCourse.objects.filter(practice_id=actor.practice_id, patient_id__in=patient_ids)
    # The document is long, and only the name is shown.
    named = courses.select_related("protocol_version").defer("protocol_version__document")
    for course in named.order_by("-created_at", "-id")[: fetched.WHOLE]:
        found.setdefault(course.patient_id, []).append(course)
    return found


def coming_of(*, actor: Actor, patient_ids: Collection[UUID], now: datetime) -> dict[UUID, list[Appointment]]:
    """The next visits of these patients, soonest first; at most two of each."""
    permissions.check(actor=actor, capability="appointments.read")
    of_patient = Appointment.objects.filter(
        practice_id=actor.practice_id, patient_id=OuterRef("pk"), status__in=states.LIVE, end__gt=now
    )
    soonest = ArraySubquery(of_patient.order_by("start", "id").values("pk")[:NEXT])
    patients_of = Patient.objects.filter(practice_id=actor.practice_id, pk__in=patient_ids).order_by()
    ids = [one for some in patients_of.values_list(soonest, flat=True) for one in some]
    found: dict[UUID, list[Appointment]] = {}
    for visit in Appointment.objects.filter(pk__in=ids).order_by("start", "id"):
        found.setdefault(visit.patient_id, []).append(visit)
    return found


def messages_of(*, actor: Actor, course_id: UUID) -> list[Message]:
    """What was, will be and was not sent for a course, by the time that it is due; at most 200."""
    found = ledger.messages(actor=actor).filter(course_id=course_id)
    return list(found.order_by("due_at", "id")[:MESSAGES])


def told_of_offers(*, actor: Actor, visit_ids: Collection[UUID]) -> dict[UUID, str]:
    """The state of the message that tells of each of these places, by the visit that is held; none where
    nobody is told."""
    found = ledger.messages(actor=actor).filter(kind=Kind.WAITLIST_OFFER, subject_id__in=visit_ids)
    return dict(found.order_by("created_at").values_list("subject_id", "state"))


def numbers_of(*, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The telephone number of each of these patients who has one; not one at which they asked not to be
    reached (R-04)."""
    permissions.check(actor=actor, capability="patients.read")
    found = patients.patients(actor=actor).in_bulk(list(set(ids)))
    asked = patients.asked_addresses(patient_ids=list(found), category="reminders")
    numbers = {key: patients.first_address(one, "sms", only=asked.get(key)) for key, one in found.items()}
    return {key: number for key, number in numbers.items() if number}


def names_of_patients(*, actor: Actor, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of these patients, by id; those of another practice are left out."""
    permissions.check(actor=actor, capability="patients.read")
    found = Patient.objects.filter(practice_id=actor.practice_id, pk__in=set(ids))
    return {one.pk: str(one) for one in found}


def course_of_subject(*, actor: Actor, items: Iterable[WorkItem]) -> dict[UUID, UUID]:
    """The course that each task is about, or in which its visit or message stands, by the subject's id."""
    ids = [item.subject_id for item in items]
    visits = Appointment.objects.filter(practice_id=actor.practice_id, pk__in=ids, course__isnull=False)
    said = Message.objects.filter(practice_id=actor.practice_id, pk__in=ids, course_id__isnull=False)
    courses = TreatmentCourse.objects.filter(practice_id=actor.practice_id, pk__in=ids)
    pairs = [*visits.values_list("pk", "course_id"), *said.values_list("pk", "course_id")]
    pairs += courses.values_list("pk", "pk")
    return {subject: course for subject, course in pairs if course}


def asked(*, actor: Actor, subject_id: UUID, by: datetime | None = None) -> list[WorkItem]:
    """What is open before people about one visit or course, the oldest first; `by` a time, what is due."""
    found = WorkItem.objects.filter(practice_id=actor.practice_id, subject_id=subject_id, done_at=None)
    found = found.filter(due_at__lte=by) if by else found
    return list(found.order_by("due_at", "id")[:10])


def latest_change(*, actor: Actor, course_id: UUID) -> int:
    """The number of the last line of a course's story; 0 for none."""
    permissions.check(actor=actor, capability="courses.read")
    found = TrailEntry.objects.filter(practice_id=actor.practice_id, course_id=course_id)
    return int(found.aggregate(last=Max("id"))["last"] or 0)


def changes(*, actor: Actor, course_id: UUID, since: int) -> list[str]:
    """Who else has written to a course since that line, the latest first; raises NotFound."""
    permissions.check(actor=actor, capability="courses.read")
    if not TreatmentCourse.objects.filter(practice_id=actor.practice_id, pk=course_id).exists():
        raise NotFound()
    found = TrailEntry.objects.filter(practice_id=actor.practice_id, course_id=course_id, id__gt=since)
    others = found.exclude(actor_ref=actor.ref).order_by("-id")
    return [label or ref for label, ref in others.values_list("actor_label", "actor_ref")[:NEXT]]


def scores(*, actor: Actor, patient_id: UUID, since: datetime, now: datetime) -> list[patients.Taken]:
    """What was measured of a patient from a time on, newest first."""
    permissions.check(actor=actor, capability="patients.read")
    return patients.scores_of(patient_id=patient_id, since=since, now=now)


def entered(*, actor: Actor, visit_id: UUID) -> dict[str, datetime]:
    """When each fact of a visit was last written down, by the fact's name."""
    facts_of = {f"appointment.{move.verb}": move.fact for move in states.APPOINTMENT.moves if move.fact}
    told = TrailEntry.objects.filter(practice_id=actor.practice_id, subject_id=visit_id, verb__in=facts_of)
    return {facts_of[verb]: at for verb, at in told.order_by("id").values_list("verb", "at")}


def place_names(*, actor: Actor) -> dict[str, str]:
    """The practice's people, rooms and sites in words, by id."""
    people = StaffMember.objects.filter(practice_id=actor.practice_id).only(*StaffMember.NAMED_BY)
    found = {str(one.pk): one.display_name for one in people}
    found |= {str(pk): name for pk, name in places.rooms(actor=actor).values_list("pk", "name")}
    return found | {str(pk): name for pk, name in places.sites(actor=actor).values_list("pk", "name")}


def names(*, actor: Actor, refs: Iterable[str]) -> dict[str, str]:
    """Actors' references in words: `staff:<id>` becomes the person's name where they are of this practice."""
    ids = {ref.partition(":")[2] for ref in refs if ref.startswith("staff:")}
    staff = StaffMember.objects.filter(practice_id=actor.practice_id, pk__in=ids)
    return {f"staff:{one.pk}": one.display_name for one in staff}


def names_of_places(
    *, actor: Actor, people: Collection[str], rooms: Collection[str | None]
) -> tuple[dict[str, str], dict[str, str]]:
    """The names of these people and of these rooms, by id as text; those of another practice are left out."""
    staff = StaffMember.objects.filter(practice_id=actor.practice_id, pk__in=people)
    found = Room.objects.filter(site__practice_id=actor.practice_id, pk__in=[one for one in rooms if one])
    return {str(one.pk): one.display_name for one in staff}, {str(one.pk): one.name for one in found}


def patient(*, actor: Actor, patient_id: UUID) -> Patient:
    """One patient with site and addresses; raises NotFound, and Merged for a duplicate."""
    permissions.check(actor=actor, capability="patients.read")
    return patients.patient(actor=actor, patient_id=patient_id)


def clinicians(*, actor: Actor) -> list[StaffMember]:
    """Who treats patients here, by name."""
    permissions.check(actor=actor, capability="practitioners.read")
    staff = StaffMember.objects.filter(
        practice_id=actor.practice_id, is_active=True, roles__overlap=["prescriber", "monitor", "therapist"]
    )
    named = staff.only("roles", *StaffMember.NAMED_BY)
    return list(named.order_by("first_name", "last_name", "pk")[:LISTED])
