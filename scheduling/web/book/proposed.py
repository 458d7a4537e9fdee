"""Proposals as the pages show them: a course not booked yet, in the same words and the same drawing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice.actor import Actor
from clinic.practice.web import times
from clinic.practice.web.times import Moment
from scheduling import states
from scheduling.booking.course.tailoring import Choice
from scheduling.booking.reading import rows
from scheduling.booking.wanted.proposals import Proposal
from scheduling.planning.values import PlannedVisit, Staffing, Window
from scheduling.web import queries, words
from scheduling.web.course import timeline
from scheduling.web.messages.coming import Coming

NOBODY = rows.Named(UUID(int=0), "")
LETTERS = ("Best", "Second", "Third")


@dataclass(frozen=True, slots=True)
class Names:
    """The people and rooms that proposals name, by id."""

    people: Mapping[str, str]
    rooms: Mapping[str, str]

    def who(self, staffing: Sequence[Staffing]) -> str:
        found = dict.fromkeys(self.people.get(one.practitioner, "") for one in staffing)
        return ", ".join(name for name in found if name)

    def where(self, room: str | None, mode: str) -> str:
        return self.rooms.get(room or "", "") or words.MODES.get(mode, "") or "at home"


@dataclass(frozen=True, slots=True)
class OtherTime:
    """Another time of a row, as a button: `value` is what it sends."""

    value: str
    at: Moment
    told: str
    along: str


@dataclass(frozen=True, slots=True)
class Row:
    """One visit of a proposal. `others` are the times that it could have instead, once asked for."""

    ref: str
    title: str
    at: Moment
    end: Moment
    people: str
    place: str
    window: str
    ideal: bool
    pinned: bool
    fixed: bool
    asked: bool
    others: tuple[OtherTime, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One proposal: `label` among the others, `trades` in words, the drawing and the rows; `coming` is what
    the patient would get, once asked for."""

    number: int
    label: str
    token: str
    expires: Moment
    trades: tuple[str, ...]
    summary: str
    first: Moment
    last: Moment
    drawing: timeline.Drawing | None
    rows: tuple[Row, ...]
    pinned: tuple[str, ...]
    changed: bool
    coming: Coming | None = None

    @property
    def count(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Asked:
    """The row whose other times somebody wants to see, and these."""

    ref: str
    choices: tuple[Choice, ...]


def shown(
    *,
    actor: Actor,
    proposals: Sequence[Proposal],
    now: datetime,
    first: int = 1,
    pinned: Collection[str] = (),
    asked: Asked | None = None,
) -> tuple[Shown, ...]:
    """These proposals, numbered from `first`; `pinned` and `asked` are of the first of them."""
    names = _names(actor, [one.visits for one in proposals], asked.choices if asked else ())
    return tuple(
        _shown(
            names,
            proposal,
            number,
            tuple(pinned) if number == first else (),
            asked if number == first else None,
            now,
        )
        for number, proposal in enumerate(proposals, start=first)
    )


def _names(actor: Actor, plans: Sequence[Sequence[PlannedVisit]], choices: Sequence[Choice]) -> Names:
    visits = [visit for plan in plans for visit in plan]
    people = {one.practitioner for visit in visits for one in visit.staffing}
    people |= {one.practitioner for choice in choices for one in choice.staffing}
    rooms = {visit.room for visit in visits if visit.room} | {one.room for one in choices if one.room}
    return Names(*queries.names_of_places(actor=actor, people=people, rooms=rooms))


def _shown(
    names: Names,
    proposal: Proposal,
    number: int,
    pinned: tuple[str, ...],
    asked: Asked | None,
    now: datetime,
) -> Shown:
    zone, visits = proposal.zone, proposal.visits
    drawn = _drawn(visits, zone)
    doses = sum(visit.kind in states.DOSES for visit in visits)
    changed = bool(pinned)
    return Shown(
        number=number,
        label="Yours" if changed else LETTERS[min(number, len(LETTERS)) - 1],
        token=proposal.token,
        expires=times.moment(proposal.expires_at, zone),
        trades=tuple(text[:1].upper() + text[1:] for text in proposal.plan.trades),
        summary=summary(visits),
        first=times.moment(visits[0].start, zone),
        last=times.moment(visits[-1].start, zone),
        drawing=drawing(visits=visits, zone=zone, now=now),
        rows=tuple(
            _row(names, visit, row, doses, zone, pinned, asked)
            for visit, row in zip(visits, drawn, strict=True)
        ),
        pinned=pinned,
        changed=changed,
    )


def drawing(*, visits: Sequence[PlannedVisit], zone: str, now: datetime) -> timeline.Drawing | None:
    """Planned visits with their windows, drawn as a course is."""
    gaps = _gap_rows(visits, _ids(visits), zone, now)
    return timeline.draw(zone=zone, visits=_drawn(visits, zone), gaps=gaps, now=now)


def _ids(visits: Sequence[PlannedVisit]) -> dict[str, UUID]:
    return {visit.ref: UUID(int=count) for count, visit in enumerate(visits, start=1)}


def _drawn(visits: Sequence[PlannedVisit], zone: str) -> list[rows.Visit]:
    ids = _ids(visits)
    return [_visit_row(visit, ids, zone) for visit in visits]


def summary(visits: Sequence[PlannedVisit]) -> str:
    """`6 doses, 6 follow-ups, 1 preparation`."""
    doses = sum(visit.kind in states.DOSES for visit in visits)
    follow_ups = sum(visit.window is not None for visit in visits)
    others = len(visits) - doses - follow_ups
    named = "session" if any(visit.kind == "device" for visit in visits) else "dose"
    told = [_count(doses, named)]
    told += [_count(follow_ups, "follow-up")] if follow_ups else []
    told += [_count(others, "other visit")] if others else []
    return ", ".join(told)


def _count(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else f'{one}s'}"


def _row(
    names: Names,
    visit: PlannedVisit,
    row: rows.Visit,
    doses: int,
    zone: str,
    pinned: Collection[str],
    asked: Asked | None,
) -> Row:
    mine = asked is not None and asked.ref == visit.ref
    return Row(
        ref=visit.ref,
        title=f"Dose {visit.ref.rpartition('-')[2]} of {doses}" if _is_dose(visit) else words.title(row),
        at=times.moment(visit.start, zone),
        end=times.moment(visit.end, zone),
        people=names.who(visit.staffing),
        place=names.where(visit.room, visit.mode),
        window=_window_words(visit.window, visit, zone),
        ideal=visit.window is None or visit.window.ideal_from <= visit.start <= visit.window.ideal_to,
        pinned=visit.ref in pinned,
        fixed=visit.group_session is not None,
        asked=mine,
        others=tuple(_other(names, visit, one, zone) for one in asked.choices) if mine and asked else (),
    )


def _is_dose(visit: PlannedVisit) -> bool:
    return visit.kind in states.DOSES


def _other(names: Names, visit: PlannedVisit, choice: Choice, zone: str) -> OtherTime:
    who, where = names.who(choice.staffing), names.where(choice.room, choice.mode)
    along = f"{_count(choice.moves, 'other visit')} moves along" if choice.moves == 1 else ""
    if choice.moves > 1:
        along = f"{_count(choice.moves, 'other visit')} move along"
    return OtherTime(
        value=f"{visit.ref}|{choice.start.isoformat()}",
        at=times.moment(choice.start, zone),
        told=", ".join(text for text in (who, where) if text),
        along=along or "nothing else moves",
    )


def _window_words(window: Window | None, visit: PlannedVisit, zone: str) -> str:
    """`best from Tue 12 May, 10:00 to Wed 13 May, 10:00; at the latest Thu 14 May, 10:00`."""
    if window is None:
        return ""
    latest = times.moment(window.closes_at, zone)
    if window.ideal_from <= visit.start <= window.ideal_to:
        return f"at its best time; at the latest {latest}"
    best = times.moment(window.ideal_from, zone), times.moment(window.ideal_to, zone)
    return f"best {best[0]} to {best[1]}; at the latest {latest}"


# --- the rows that the drawing reads ------------------------------------------------------------------------
def _visit_row(visit: PlannedVisit, ids: Mapping[str, UUID], zone: str) -> rows.Visit:
    return rows.Visit(
        id=ids[visit.ref],
        version=0,
        status="booked",
        kind=visit.kind,
        ref=visit.ref,
        phase=visit.phase,
        sequence=int(visit.ref.rpartition("-")[2]) if _is_dose(visit) else None,
        mode=visit.mode,
        start=visit.start,
        end=visit.end,
        time_zone=zone,
        turnover_minutes=visit.turnover_minutes,
        patient=NOBODY,
        site=NOBODY,
        course_id=None,
        practitioners=(),
        room=None,
        follows=ids.get(visit.follows or ""),
        window=None,
        group_session=None,
        facts=(),
        hold_expires_at=None,
        cancel_code="",
        cancel_reason="",
        late_entry_reason="",
        overrides=(),
        updated_at=visit.start,
    )


def _gap_rows(
    visits: Sequence[PlannedVisit], ids: Mapping[str, UUID], zone: str, now: datetime
) -> list[rows.Gap]:
    """One covered unit a window: the bands of the drawing."""
    units: dict[tuple[str | None, datetime], list[PlannedVisit]] = {}
    for visit in visits:
        if visit.window is not None:
            units.setdefault((visit.follows, visit.window.opens_at), []).append(visit)
    return [
        _gap_row(number, dose, unit, ids, zone, now)
        for number, ((dose, _), unit) in enumerate(units.items(), start=1)
    ]


def _gap_row(
    number: int,
    dose: str | None,
    unit: Sequence[PlannedVisit],
    ids: Mapping[str, UUID],
    zone: str,
    now: datetime,
) -> rows.Gap:
    window = unit[0].window
    assert window is not None  # a unit is made of visits that have one
    return rows.Gap(
        id=UUID(int=number),
        version=0,
        status="covered",
        severity="low",
        flagged=False,
        unit="",
        needed=len(unit),
        window=rows.Window(
            window.opens_at, window.ideal_from, window.ideal_to, window.closes_at, window.grace_until
        ),
        due_at=window.closes_at,
        time_zone=zone,
        patient=NOBODY,
        site=NOBODY,
        course_id=UUID(int=0),
        protocol_name="",
        doses=(ids[dose],) if dose and dose in ids else (),
        visits=tuple(ids[visit.ref] for visit in unit),
        late=False,
        booked_late=False,
        attendance_unrecorded=False,
        review_needed=False,
        attended_after=None,
        assignee=None,
        owner=None,
        escalated_at=None,
        snoozed_until=None,
        waived_at=None,
        reason="",
        next_change_at=None,
        updated_at=now,
    )
