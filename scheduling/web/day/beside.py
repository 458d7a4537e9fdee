"""What a clinician wants to know beside a visit: the ride home, the last score, the last follow-up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.web import times
from patients import queries as patients
from patients.models import Escort
from patients.queries import Score
from scheduling import states
from scheduling.web import queries, shown
from scheduling.web.shown import VisitLine
from scheduling.web.words import Badge


@dataclass(frozen=True, slots=True)
class Beside:
    ride: Badge | None
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    line: VisitLine
    beside: Beside


def entries(*, actor: Actor, lines: Sequence[VisitLine], now: datetime) -> list[Entry]:
    """Each visit with what is known beside it, in the same few queries however many there are."""
    permissions.check(actor=actor, capability="patients.read")
    here = {line.visit.patient.id for line in lines}
    rides = patients.escorts(patient_ids={line.visit.patient.id for line in lines if _leaves(line)})
    scores = patients.last_scores(patient_ids=here, now=now)
    attended = queries.last_follow_ups(
        actor=actor, course_ids={line.visit.course_id for line in lines if line.visit.course_id}, now=now
    )
    return [Entry(line, _beside(line, rides, scores, attended)) for line in lines]


def _leaves(line: VisitLine) -> bool:
    """Whether somebody still has to be taken home: after a dose, not after a talk (S-11)."""
    return line.visit.kind in states.MONITORED and line.visit.status in states.LIVE


def _beside(
    line: VisitLine,
    rides: Sequence[Escort],
    scores: Mapping[UUID, Score],
    attended: Mapping[UUID, datetime],
) -> Beside:
    visit = line.visit
    score, last = scores.get(visit.patient.id), attended.get(visit.course_id) if visit.course_id else None
    told = [_score(score, visit.time_zone)] if score else []
    if last and visit.kind in states.DOSES:
        told.append(f"last follow-up {times.moment(last, visit.time_zone).day}")
    return Beside(_ride(line, rides), () if line.over else tuple(told))


def _ride(line: VisitLine, rides: Sequence[Escort]) -> Badge | None:
    """Who takes the patient home, where somebody has said so: of this visit before of every visit."""
    if not _leaves(line) or line.visit.status not in (*shown.NOT_BEGUN, "in_progress", "monitoring"):
        return None
    mine = [one for one in rides if one.patient_id == line.visit.patient.id]
    of_visit = [one for one in mine if one.appointment_id == line.visit.id]
    found = next(iter([*of_visit, *(one for one in mine if one.appointment_id is None)]), None)
    if found is None:
        return None
    sure = found.confirmed_at is not None
    return Badge(
        f"Home with {found.name}{'' if sure else ' (not sure yet)'}", "check" if sure else "clock", ""
    )


def _score(score: Score, zone: str) -> str:
    """`PHQ-9 12, 4 less than before`."""
    told = f"{score.code} {_plain(score.score)}"
    if score.before is None:
        return f"{told} ({times.moment(score.taken_at, zone).day})"
    change = score.score - score.before
    if not change:
        return f"{told}, as before"
    return f"{told}, {_plain(abs(change))} {'more' if change > 0 else 'less'} than before"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
