"""Seeded cases for the repair planner: a planned course, part of it over, and something that upsets it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from scheduling.planning import course, protocol, refusal, repair
from scheduling.planning.repair import RepairRequest, Standing
from scheduling.planning.values import Availability, PlannedVisit, PlanRequest, Practitioner, Span
from tests.scheduling.planning.oracle import instances
from tests.scheduling.planning.oracle.instances import Instance, Size

DOSES = ("dosing", "device")


@dataclass(frozen=True, slots=True)
class Upset:
    """One case."""

    seed: int
    asked: RepairRequest
    availability: Availability
    what: tuple[str, ...]


def generate(*, seed: int, size: Size) -> Upset | None:
    """The case of this seed; None where the course cannot be planned to begin with."""
    rng = Random(f"upset-{size.name}-{seed}")
    instance = _plain(instances.generate(seed=seed, size=size))
    if instance.request.given:
        return None
    answer = course.plan_course(request=instance.request, availability=instance.availability)
    if not isinstance(answer, tuple) or not answer[0].proven:
        return None
    visits, what = list(answer[0].visits), []
    request, availability = instance.request, instance.availability
    if rng.random() < 0.35:
        request, said = _begun(rng, request, visits)
        what.append(said)
    standing = tuple(
        Standing(
            visit,
            given=visit.start < request.not_before,
            pinned=rng.random() < 0.1,
            told=rng.random() < 0.7,
        )
        for visit in visits
    )
    replan = rng.random() < 0.2
    if replan and rng.random() < 0.6:
        standing = _shortened(standing)
        what.append("shorter")
    if rng.random() < 0.5:
        availability = _absent(rng, request, availability, visits)
        what.append("absence")
    if rng.random() < 0.25:
        availability = _appointment(rng, availability, visits)
        what.append("appointment")
    placed: tuple[PlannedVisit, ...] = ()
    live = [one.visit for one in standing if not one.given and one.visit.group_session is None]
    if live and rng.random() < 0.75:
        placed = (_elsewhere(rng, request, availability, rng.choice(live)),)
        what.append(f"placed {placed[0].ref}")
    asked = RepairRequest(request, standing, placed, replan)
    return Upset(seed, asked, availability, tuple(what))


def _plain(instance: Instance) -> Instance:
    """Without reviews by time, and without a turnover that a later visit may run into."""
    document = instance.document
    plan = dict(document["plan"])
    reviews = {key: dict(value) for key, value in plan["reviews"].items()}
    if "medication_review" in reviews:
        reviews["medication_review"]["every_days"] = None
    rule = plan["follow_up"]
    near = rule is not None and not rule["not_same_day"] and rule["window_hours"]["min"] < 1
    if near or plan["dose_kind"] == "device":
        plan["turnover_minutes"] = 0
    changed = {**document, "plan": {**plan, "reviews": reviews}}
    request = replace(instance.request, protocol=protocol.parse(changed))
    return replace(instance, document=changed, request=request)


def _begun(rng: Random, request: PlanRequest, visits: list[PlannedVisit]) -> tuple[PlanRequest, str]:
    at = rng.choice(visits).start + timedelta(minutes=rng.choice((0, 60, 24 * 60)))
    return replace(request, not_before=max(at, request.not_before)), f"at {at}"


def _shortened(standing: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Without the last dose and what follows it, where it is still to come."""
    last = max((one for one in standing if one.visit.kind in DOSES), key=lambda one: one.visit.start)
    if last.given:
        return standing
    return tuple(one for one in standing if one is not last and one.visit.follows != last.visit.ref)


def _absent(
    rng: Random, request: PlanRequest, availability: Availability, visits: list[PlannedVisit]
) -> Availability:
    """Somebody of a visit is away from shortly before it for a while."""
    visit = rng.choice(visits)
    if not visit.staffing:
        return availability
    who = rng.choice(visit.staffing).practitioner
    away = Span(visit.start - timedelta(hours=1), visit.start + timedelta(hours=rng.choice((2, 8, 72))))
    return replace(
        availability,
        practitioners=tuple(
            replace(one, on_shift=_without(one, away)) if one.id == who else one
            for one in availability.practitioners
        ),
    )


def _without(person: Practitioner, away: Span) -> tuple[Span, ...]:
    found = []
    for span in person.on_shift:
        if span.start < min(span.end, away.start):
            found.append(Span(span.start, min(span.end, away.start)))
        if max(span.start, away.end) < span.end:
            found.append(Span(max(span.start, away.end), span.end))
    return tuple(found)


def _appointment(rng: Random, availability: Availability, visits: list[PlannedVisit]) -> Availability:
    visit = rng.choice(visits)
    taken = Span(visit.start, visit.start + timedelta(minutes=30))
    return replace(availability, patient_busy=(*availability.patient_busy, taken))


def _elsewhere(
    rng: Random, request: PlanRequest, availability: Availability, visit: PlannedVisit
) -> PlannedVisit:
    """The visit at another time, where its people and room are free more often than not."""
    moved = visit
    for _ in range(12):
        by = timedelta(
            days=rng.choice((-2, -1, 0, 0, 0, 1, 1, 2, 3)), minutes=rng.randint(-4, 4) * request.grid_minutes
        )
        moved = replace(visit, start=visit.start + by, end=visit.end + by)
        alone = RepairRequest(request, (Standing(visit),), (moved,))
        broken = {one.rule_id for one in repair.judge(request=alone, availability=availability)}
        if not broken & refusal.ALONE:
            break
    return moved
