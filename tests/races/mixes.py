"""Mixes of requests that race: each builds one round, fires it, and says what was broken.

Twenty places are five therapists at four times of one day; more clients want them than there are places.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from clinic.practice.actor import Actor
from clinic.practice.models import Practice, Room, Site, StaffMember
from clinic.practice.models.place import SEATS
from patients.models import Patient
from scheduling.booking.course import courses
from scheduling.booking.visit import group_sessions, single
from scheduling.booking.wanted import proposals
from scheduling.models import Appointment, ProtocolVersion, TreatmentCourse
from tests import factories
from tests.races.firing import Answer, Ask, Door, Report, Want, clear, fire, judge

HOUR = timedelta(hours=1)
PLACES = 20
CAPACITY = 8
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
HOLDS = {"per_actor": 10_000, "per_practice": 10_000}
VISITS, COURSES = "/api/v1/appointments/", "/api/v1/courses/"


@dataclass
class World:
    practice: Practice
    site: Site
    admin: Actor
    therapists: list[StaffMember]
    iv: ProtocolVersion
    at_home: ProtocolVersion
    patients: list[Patient]
    # Ten o'clock of the day that is raced for.
    ten: datetime


def build(clients: int) -> World:
    """One practice, five therapists, and a patient for each client."""
    ours = factories.practice("Races", holds=HOLDS)
    here = factories.site(ours)

    def worker(role: str) -> StaffMember:
        member = factories.staff(here, role)
        factories.shift(member, here, weekdays=EVERY_DAY, starts=time(7), ends=time(21))
        return member

    therapists = [worker("therapist") for _ in range(5)]
    worker("prescriber")
    worker("monitor")
    for kind in ("infusion_chair",) * 2 + ("therapy_room",) * 5:
        factories.room(here, kind)
    # Doses at home that need nobody: so that only the places of the group sessions are scarce.
    plan = factories.document("at_home_sublingual_telehealth")["plan"] | {"staff": []}
    plan.pop("preparation")
    ten = datetime.now(ZoneInfo(here.time_zone)).replace(hour=10, minute=0, second=0, microsecond=0)
    return World(
        practice=ours,
        site=here,
        admin=factories.admin(ours),
        therapists=therapists,
        iv=factories.protocol(ours),
        at_home=factories.protocol(ours, "at_home_sublingual_telehealth", plan=plan),
        patients=[factories.patient(here, consents=False) for _ in range(clients)],
        ten=ten + timedelta(days=21),
    )


@dataclass
class Stage:
    """A world and the door to its web process."""

    world: World
    door: Door
    rng: Random
    # So many want a whole course: each loser is planned another one, which takes its time.
    courses: int

    def fire(self, asks: Sequence[Ask]) -> list[Answer]:
        return fire(self.door, asks)

    def slots(self) -> list[tuple[StaffMember, datetime]]:
        return [(who, self.world.ten + 2 * n * HOUR) for n in range(4) for who in self.world.therapists]

    def visit(self, patient: Patient, who: StaffMember, start: datetime, **more: Any) -> Ask:
        assert who.resource_id is not None
        body = {
            "patient": str(patient.pk),
            "kind": "therapy",
            "mode": "video",
            "start": start.isoformat(),
            "practitioners": [str(who.pk)],
            **more,
        }
        return Ask(VISITS, body, (Want(who.resource_id, SEATS, start, start + HOUR),))

    def wanting(self, patients: Sequence[Patient], **more: Any) -> list[Ask]:
        """Everybody wants one of the twenty, each slot as often as the others."""
        slots = self.slots()
        self.rng.shuffle(slots)
        return [self.visit(one, *slots[n % PLACES], **more) for n, one in enumerate(patients)]

    def book(self, patients: Sequence[Patient], slots: Sequence[tuple[StaffMember, datetime]]) -> list[Any]:
        """Booked before the race, in this process."""
        return [
            single.book(
                actor=self.world.admin,
                now=timezone.now(),
                visit=single.Visit(one.pk, "therapy", start, practitioner_ids=(who.pk,), mode="video"),
            )
            for one, (who, start) in zip(patients, slots, strict=True)
        ]


def booked_places(stage: Stage) -> Counter[tuple[Any, datetime]]:
    """How often each therapist is booked at each time."""
    rows = Appointment.objects.filter(practice=stage.world.practice, status="booked", kind="therapy")
    return Counter(rows.values_list("staffing__staff_id", "start"))


# --- the mixes ------------------------------------------------------------------------------------------
def same_slots(stage: Stage, report: Report) -> None:
    """Twenty slots, each wanted by ten: exactly twenty win."""
    judge(report, stage.fire(stage.wanting(stage.world.patients)))
    report.expect(len(report.won) == PLACES, f"{len(report.won)} won {PLACES} places")


def partly_overlapping(stage: Stage, report: Report) -> None:
    """An hour anywhere in the day, on the quarter: who is refused has somebody in the way at the end."""
    asks = [
        stage.visit(
            one,
            stage.rng.choice(stage.world.therapists),
            stage.world.ten + stage.rng.randrange(28) * HOUR / 4,
        )
        for one in stage.world.patients
    ]
    judge(report, stage.fire(asks))
    report.expect(len(report.won) >= PLACES, "fewer won than could")


def whole_courses(stage: Stage, report: Report) -> None:
    """Courses of more than ten visits, wanted by everybody: whole or not at all."""
    world, now = stage.world, timezone.now()
    found = courses.propose(
        actor=world.admin,
        patient_id=world.patients[0].pk,
        protocol_id=world.iv.template_id,
        start_on_or_after=world.ten.date(),
        now=now,
    )
    resources = dict(StaffMember.objects.filter(practice=world.practice).values_list("pk", "resource_id"))
    resources |= dict(Room.objects.filter(site=world.site).values_list("pk", "resource_id"))
    asks = [
        _course(world, one, found[n % len(found)], resources)
        for n, one in enumerate(world.patients[: stage.courses])
    ]
    stage.rng.shuffle(asks)
    judge(report, stage.fire(asks))
    report.expect(1 <= len(report.won) <= len(found), f"{len(report.won)} won {len(found)} plans")
    sizes = {len(one.visits) for one in found}
    for course in TreatmentCourse.objects.filter(practice=world.practice, status="active"):
        states = Counter(course.appointments.values_list("status", flat=True))
        whole = states["booked"] in sizes and set(states) == {"booked"}
        report.expect(whole or set(states) == {"cancelled"}, f"a course in part: {dict(states)}")


def _course(world: World, patient: Patient, plan: proposals.Proposal, resources: dict[Any, Any]) -> Ask:
    """The same plan for another patient, as its own proposal would hold it."""
    contents = proposals.read(actor=world.admin, token=plan.token, now=timezone.now())
    token = proposals.make(
        actor=world.admin,
        order=replace(contents.order, patient=str(patient.pk)),
        plan=plan.plan,
        site=world.site,
        stamp=contents.roster_stamp,
        now=timezone.now(),
    ).token
    by_id = {str(key): value for key, value in resources.items()}
    wants = [
        Want(by_id[one.practitioner], one.seats, visit.start, visit.end)
        for visit in plan.visits
        for one in visit.staffing
        if one.seats
    ]
    wants += [
        Want(by_id[visit.room], SEATS, visit.start, visit.end + timedelta(minutes=visit.turnover_minutes))
        for visit in plan.visits
        if visit.room
    ]
    return Ask(COURSES, {"proposal": token}, tuple(wants))


def hold_convert_expire(stage: Stage, report: Report) -> None:
    """Held by twenty; then half are booked, some released, some expire, while all others want them."""
    patients = stage.world.patients
    judge(report, stage.fire(stage.wanting(patients, hold_minutes=10)))
    held = [one.body["id"] for one in report.won]
    report.expect(len(held) == PLACES, f"{len(held)} hold {PLACES} places")
    keep, give_back, late = held[:10], held[10:15], held[15:]
    over = timezone.now() - timedelta(seconds=1)
    Appointment.objects.filter(id__in=late).update(hold_expires_at=over)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scheduling_occupancy SET expires_at = %s WHERE appointment_id = ANY(%s::uuid[])",
            [over, late],
        )
    losers = {one.ask.body["patient"] for one in report.lost}
    others = [one for one in patients if str(one.pk) in losers]
    asks = [Ask(f"{VISITS}{one}/book/", {}) for one in (*keep, *late)]
    asks += [Ask(f"{VISITS}{one}/release/", {}) for one in give_back]
    asks += stage.wanting(others)
    stage.rng.shuffle(asks)
    # A place that is released comes too late for who was refused a moment before.
    answers = stage.fire(asks)
    judge(report, answers, maximal=False)
    states = Counter(Appointment.objects.filter(id__in=keep).values_list("status", flat=True))
    report.expect(states == {"booked": 10}, f"holds that were booked: {dict(states)}")
    wrong = {one.code for one in answers if one.ask.path.endswith("/book/")} - {"", "hold_expired", "busy"}
    report.expect(not wrong, f"booking a hold: {wrong}")
    places = booked_places(stage)
    report.expect(set(places.values()) <= {1}, "a place with two bookings")
    expired = {(row.staffing.get().staff_id, row.start) for row in Appointment.objects.filter(id__in=late)}
    report.expect(all(places[one] == 1 for one in expired), "an expired hold was in somebody's way")


def cancel_and_book(stage: Stage, report: Report) -> None:
    """Twenty visits are cancelled while everybody else wants their places; who asks again then has them."""
    patients, slots = stage.world.patients, stage.slots()
    visits = stage.book(patients[:PLACES], slots)
    asks = [Ask(f"{VISITS}{one}/cancel/", {"reason": "Ill."}) for one in visits]
    asks += stage.wanting(patients[PLACES:])
    stage.rng.shuffle(asks)
    judge(report, stage.fire(asks), maximal=False)
    losers = {one.ask.body["patient"] for one in report.lost if one.ask.path == VISITS}
    judge(report, stage.fire(stage.wanting([one for one in patients if str(one.pk) in losers])))
    places = booked_places(stage)
    report.expect(len(places) == PLACES, f"{len(places)} of {PLACES} places are booked at the end")
    report.expect(set(places.values()) == {1}, "a place with two bookings")


def group_places(stage: Stage, report: Report) -> None:
    """Group sessions of eight: exactly eight join each."""
    world = stage.world
    sessions = [
        group_sessions.schedule(
            actor=world.admin,
            site_id=world.site.pk,
            start=world.ten + timedelta(days=1),
            end=world.ten + timedelta(days=1) + HOUR / 2,
            places=CAPACITY,
            staff_ids=[who.pk],
            now=timezone.now(),
        )
        for who in world.therapists[:2]
    ]
    asks = [
        Ask(
            COURSES,
            {
                "patient": str(one.pk),
                "protocol": world.at_home.template.key,
                "visits": [
                    {"kind": "dosing", "start": world.ten.isoformat(), "mode": "video"},
                    {
                        "kind": "group_integration",
                        "start": (world.ten + timedelta(days=1)).isoformat(),
                        "end": (world.ten + timedelta(days=1) + HOUR / 2).isoformat(),
                        "group_session": str(sessions[n % 2]),
                    },
                ],
            },
        )
        for n, one in enumerate(world.patients)
    ]
    judge(report, stage.fire(asks))
    joined = Counter(
        Appointment.objects.filter(group_session__in=sessions, status="booked").values_list(
            "group_session_id", flat=True
        )
    )
    report.expect(set(joined.values()) == {CAPACITY}, f"joined: {sorted(joined.values())}")
    report.expect(len(report.won) == 2 * CAPACITY, f"{len(report.won)} won")


def swaps_and_moves(stage: Stage, report: Report) -> None:
    """Twenty visits change places with each other, back and forth, or move to one of four free hours."""
    patients, slots = stage.world.patients, stage.slots()
    visits = stage.book(patients[:PLACES], slots)
    free = [stage.world.ten + (2 * n + 1) * HOUR for n in range(4)]
    asks = []
    for n in range(len(patients)):
        one, other = stage.rng.sample(visits, 2)
        if n % 2:
            asks.append(Ask(f"{VISITS}{one}/swap/", {"mode": "apply", "with": str(other), "cascade": False}))
        else:
            start = stage.rng.choice(free).isoformat()
            asks.append(Ask(f"{VISITS}{one}/move/", {"mode": "apply", "start": start, "cascade": False}))
    # Whoever moves a visit to where another has just put it is told so.
    answers = [one for one in stage.fire(asks) if "is there already" not in str(one.body)]
    judge(report, answers, maximal=False)
    places = booked_places(stage)
    report.expect(sum(places.values()) == PLACES, f"{sum(places.values())} visits are left of {PLACES}")
    report.expect(set(places.values()) == {1}, "a place with two visits")


MIXES: dict[str, Callable[[Stage, Report], None]] = {
    "same slots": same_slots,
    "partly overlapping": partly_overlapping,
    "whole courses": whole_courses,
    "hold, book, release, expire": hold_convert_expire,
    "cancel and book": cancel_and_book,
    "group places": group_places,
    "swaps and moves": swaps_and_moves,
}


def run(name: str, stage: Stage) -> Report:
    """One round of a mix, in an empty calendar."""
    clear()
    report = Report()
    MIXES[name](stage, report)
    return report
