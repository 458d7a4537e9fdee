"""What people do in `./dev bench gaps`: each act one call of a use case, in a process that may be killed at
any moment and whose successor does the whole job again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.errors import Busy, DomainError
from clinic.practice.models import Practice, Site
from scheduling import states
from scheduling.booking.course import courses
from scheduling.booking.moving import moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.protocol import protocols
from scheduling.booking.visit import appointments, gaps, single
from scheduling.errors import SlotTaken
from scheduling.followups import facts
from scheduling.models import Appointment, FollowUpGap, ProtocolVersion, TreatmentCourse
from tests import factories
from tests.bench._gap_crew import Job, patient_with_servers
from tests.machine.invariants import differences_of
from tests.machine.world import REASON, STEPS, short_protocol

# What becomes of a visit on its day, in percent.
FATES = {"attend": 74, "late": 8, "no_show": 8, "cancel": 6, "forget": 4}
SITES_A_PRACTICE, COURSES_A_SITE = 2, 100


def found(count: int) -> list[tuple[UUID, UUID, int]]:
    """Practices with their sites; for each course the site, the protocol's version and its place in the
    site's order.

    Three practices of four give two doses, the fourth gives four.
    """
    wanted = []
    for number in range(-(-count // COURSES_A_SITE)):
        if number % SITES_A_PRACTICE == 0:
            ours = factories.practice()
            document = short_protocol()
            if number // SITES_A_PRACTICE % 4:
                document["phases"][0] |= {"sessions": 2, "example_offsets_days": [0, 3]}
            version = protocols.create(actor=factories.admin(ours), document=document, now=factories.NOW)
        here = factories.site(ours)
        for role in ("prescriber", "monitor", "monitor", "therapist", "therapist", "therapist"):
            factories.worker(here, role)
        for kind in ("infusion_chair",) * 3 + ("therapy_room",) * 3:
            factories.room(here, kind)
        places = range(min(COURSES_A_SITE, count - number * COURSES_A_SITE))
        wanted += [(here.pk, version.pk, place) for place in places]
    return wanted


def perform(job: Job) -> Any:
    done: Counter[str] = Counter()
    match job.name:
        case "enrol":
            return [_enrol(*row, job.now) for row in job.rows]
        case "check":
            return [
                one for course in facts.load(course_ids=job.rows) for one in differences_of(course, job.now)
            ]
        case "book":
            for row in job.rows:
                _book(done, *row, job.now)
        case "live":
            _live(done, dict(job.rows), job.now)
        case "change":
            _change(done, dict(job.rows), job.now)
        case "mend":
            _mend(done, job.rows, job.now)
    return done


def attempt(
    done: Counter[str],
    name: str,
    use_case: Callable[..., Any],
    *,
    again: tuple[type[DomainError], ...] = (Busy,),
    **arguments: Any,
) -> None:
    """A refusal is an answer: a successor is refused what its predecessor has done already."""
    for tries_left in reversed(range(5)):
        try:
            patient_with_servers(lambda: use_case(**arguments))
        except DomainError as refusal:
            if isinstance(refusal, again) and tries_left:
                continue
            done[f"refused {name}: {refusal.code}"] += 1
        else:
            done[name] += 1
        return


def _enrol(site_id: UUID, version_id: UUID, place: int, now: datetime) -> tuple[UUID, UUID, UUID, int]:
    """One patient with everything that a dose asks to be on file, and the consent to be reminded."""
    here = Site.objects.select_related("practice").get(pk=site_id)
    version = ProtocolVersion.objects.select_related("template").get(pk=version_id)
    someone = factories.patient(here)
    factories.ready(someone, version, now=now)
    return here.practice_id, someone.pk, version.template_id, place


def _book(
    done: Counter[str],
    practice_id: UUID,
    patient_id: UUID,
    template_id: UUID,
    begins: datetime,
    now: datetime,
) -> None:
    """A course, unless a killed predecessor has booked it; one in four leaves a follow-up out."""
    if TreatmentCourse.objects.filter(patient_id=patient_id).exists():
        return
    actor = factories.admin(Practice(pk=practice_id))

    def propose_and_book() -> None:
        best = courses.propose(
            actor=actor,
            patient_id=patient_id,
            protocol_id=template_id,
            start_on_or_after=begins.date(),
            alternatives=1,
            now=now,
        )[0]
        skip = ["integration-2"] if patient_id.int % 4 == 0 else []
        courses.book(actor=actor, proposal=best.token, skip=skip, now=now)

    attempt(done, "book", propose_and_book, again=(Busy, SlotTaken))


def _live(done: Counter[str], fates: dict[UUID, str], evening: datetime) -> None:
    """What became of these visits, recorded by the evening, step by step."""
    for visit in Appointment.objects.filter(id__in=fates):
        fate = fates[visit.pk]
        given = {"actor": factories.admin(Practice(pk=visit.practice_id)), "appointment_id": visit.pk}
        end = visit.end + timedelta(minutes=90 if fate == "late" else 0)
        verbs: tuple[str, ...] = STEPS[visit.kind in states.MONITORED]
        if fate in ("no_show", "cancel"):
            verbs, end = (fate,), evening
        for verb in () if fate == "forget" else verbs:
            at = end if verb in ("discharge", "complete", "no_show", "cancel") else visit.start
            attempt(
                done, verb, appointments.transition, verb=verb, now=evening, at=at, reason=REASON, **given
            )


def _change(done: Counter[str], changes: dict[UUID, str], morning: datetime) -> None:
    """Visits of the coming days that are put to another day, and courses that are stopped."""
    for visit in Appointment.objects.filter(id__in=changes):
        actor = factories.admin(Practice(pk=visit.practice_id))
        if changes[visit.pk] == "stop":
            attempt(
                done,
                "stop",
                courses.cancel,
                actor=actor,
                course_id=visit.course_id,
                reason=REASON,
                now=morning,
            )
        else:
            attempt(
                done,
                "move",
                moves.apply,
                actor=actor,
                appointment_id=visit.pk,
                wish=Wish(start=visit.start + timedelta(days=1)),
                ways=Ways(cascade=False, reason=REASON),
                now=morning,
            )


def _mend(done: Counter[str], flagged: Sequence[UUID], morning: datetime) -> None:
    """What the desk does about flagged follow-ups: books, waives or attests one in three each."""
    for gap in FollowUpGap.objects.filter(id__in=flagged):
        given = {"actor": factories.admin(Practice(pk=gap.practice_id)), "now": morning}
        choice = gap.pk.int % 3
        if choice == 0:
            attempt(done, "book follow-up", single.book, visit=_follow_up(gap, morning), **given)
        elif choice == 1 and gap.status == "lapsed":
            attempt(done, "waive", gaps.waive, gap_id=gap.pk, reason=REASON, **given)
        elif choice == 2 and gap.opens_at and gap.opens_at < morning:
            attempt(done, "attest", gaps.attest, gap_id=gap.pk, attended_at=gap.opens_at, **given)


def _follow_up(gap: FollowUpGap, morning: datetime) -> single.Visit:
    dose = gap.doses.first()
    return single.Visit(
        patient_id=gap.patient_id,
        kind="integration",
        start=(morning + timedelta(days=1)).replace(hour=18, minute=0),
        course_id=gap.course_id,
        follows_id=dose.appointment_id if dose else None,
        mode="video",
    )
