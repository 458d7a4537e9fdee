"""The columns of the day grid: each visit as a block, in plain texts, so that a page of five hundred is drawn
in one loop."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from clinic.practice.web import times
from scheduling.booking.reading import rows
from scheduling.booking.visit.group_sessions import Standing
from scheduling.web import queries, words
from scheduling.web.day import blocks, grid
from scheduling.web.day.blocks import Block, Do, Flag
from scheduling.web.day.grid import Scale
from scheduling.web.shown import VisitLine

# A block that is lower than this has not room for everything; the lowest have room for two lines.
LOW, LOWEST = timedelta(minutes=75), timedelta(minutes=35)
MOST_WIDE = 4
# What takes no place in the grid any more; whoever did not come is shown where they were awaited.
GONE = ("cancelled", "displaced", "entered_in_error")


@dataclass(frozen=True, slots=True)
class May:
    """What this actor may do with the blocks."""

    move: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A person, a room, or one day of either. `who` or `room` is what a visit that is put there gets."""

    key: str
    name: str
    told: str
    day: str
    begins: str
    blocks: tuple[Block, ...]
    off: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]
    wide: str
    now: str
    address: str = ""
    asks: str = ""
    who: str = ""
    room: str = ""
    is_today: bool = False


def named(visit: rows.Visit) -> list[UUID]:
    """Whose column a visit stands in: not of those who only need to be in the house."""
    return list(dict.fromkeys(one.id for one in visit.practitioners if one.presence != "on_site"))


class Maker:
    """Makes the columns of one page."""

    def __init__(
        self,
        *,
        scale: Scale,
        lines: Mapping[UUID, VisitLine],
        may: May,
        now: datetime,
        back: str,
        groups: Sequence[Standing] = (),
    ) -> None:
        self.groups = groups
        self.scale, self.lines, self.may, self.now = scale, lines, may, now
        self.back = blocks.back(back)
        self.anchored: set[UUID] = set()
        self.visit = blocks.addresses("visit", "visit_id")
        self.move = blocks.addresses("move", "visit_id")
        self.follow_up = blocks.addresses("follow-up", "gap_id")
        self.steps: dict[str, Callable[[UUID], str]] = {}

    def person(self, line: rows.RosterLine, day: date) -> Column:
        standing = [one for one in line.visits if line.practitioner.id in named(one)]
        visits = [one for one in standing if one.status not in GONE]
        in_house = len(line.visits) - len(standing)
        told = _hours(line.on_shift, self.scale.zone) or "not on shift"
        column = self.column(
            name=line.practitioner.name,
            day=day,
            visits=visits,
            open_=line.on_shift,
            beside="room",
            groups=[one for one in self.groups if line.practitioner.id in one.staff],
        )
        return replace(
            column,
            key=str(line.practitioner.id),
            who=str(line.practitioner.id),
            told=f"{told} · in the house for {in_house}" if in_house else told,
        )

    def room(self, line: rows.RoomLine, day: date, visits: Sequence[rows.Visit]) -> Column:
        mine = [one for one in visits if one.room and one.room.id == line.room.id]
        column = self.column(
            name=line.room.name,
            day=day,
            visits=mine,
            open_=line.open,
            beside="people",
            groups=[one for one in self.groups if line.room.id == one.room],
        )
        return replace(
            column, key=str(line.room.id), room=str(line.room.id), told=words.sentence(line.room.kind)
        )

    def dated(self, column: Column, day: date, today: date) -> Column:
        """The same column as one day of a week."""
        return replace(column, key=day.isoformat(), name=times.short_day(day), is_today=day == today)

    def column(
        self,
        *,
        name: str,
        day: date,
        visits: Sequence[rows.Visit],
        open_: Collection[rows.Interval] | None = None,
        beside: str = "people",
        groups: Sequence[Standing] = (),
    ) -> Column:
        begins = self.scale.begins(day)
        within = rows.Interval(begins, begins + self.scale.rows * grid.ROW)
        closed = grid.outside(within=within, of=list(open_)) if open_ is not None else []
        placed = grid.lanes(visits)
        widest = max((one.of for one in placed), default=1)
        return Column(
            key="",
            name=name,
            told="",
            day=day.isoformat(),
            begins=f"{self.scale.first:02}:00",
            blocks=tuple(self._block(one, day, beside) for one in placed),
            off=tuple(self.scale.place(day, one.start, one.end) for one in closed),
            groups=tuple(
                (place, _group(one, self.scale.zone))
                for one in groups
                if (place := self.scale.place(day, one.start, one.end))
            ),
            wide=f" wide-{min(widest, MOST_WIDE)}" if widest > 1 else "",
            now=self.scale.place(day, self.now, self.now + grid.ROW)
            if within.start <= self.now < within.end
            else "",
        )

    def _block(self, placed: grid.Lane[rows.Visit], day: date, beside: str) -> Block:
        visit = placed.thing
        line = self.lines[visit.id]
        anchor = visit.id not in self.anchored
        self.anchored.add(visit.id)
        address = self.visit(visit.id) + self.back
        return Block(
            id=visit.id,
            version=visit.version,
            anchor=anchor,
            look=self._look(placed, day, line),
            address=address,
            name=visit.patient.name,
            start=line.start.iso,
            clock=line.start.clock,
            end=line.end.clock,
            what=line.short,
            beside=line.place if beside == "room" else line.people,
            icon=line.status.icon,
            state=line.status.word,
            leaves=_leaves(line, self.now),
            flags=self._flags(line),
            do=self._do(line, address),
            move=self._move(visit),
        )

    def _flags(self, line: VisitLine) -> tuple[Flag, ...]:
        flags = []
        missing = [check.word.lower() for check in line.checks if not check.ok]
        if missing:
            flags.append(Flag(f"No {' and no '.join(missing)}", "alert", "bad"))
        if line.gap and line.follow_up and line.gap.status in queries.NOT_BOOKED:
            told = line.follow_up
            flags.append(Flag(told.word, told.icon, told.tone, self.follow_up(line.gap.id) + self.back))
        return tuple(flags)

    def _look(self, placed: grid.Lane[rows.Visit], day: date, line: VisitLine) -> str:
        visit = placed.thing
        length = visit.end - visit.start
        size = "lowest" if length <= LOWEST else "low" if length <= LOW else ""
        looks = [
            self.scale.place(day, visit.start, visit.end),
            placed.place,
            f"tone-{line.status.tone}",
            size,
            "is-over" if line.over or visit.status == "fulfilled" else "",
        ]
        return " ".join(one for one in looks if one)

    def _do(self, line: VisitLine, address: str) -> Do | None:
        action = line.next
        if action is None:
            return None
        if action.asks_first:
            return Do(f"{action.label}…", f"{address}#do-{action.verb}", post=False, quiet=action.early)
        return Do(action.label, self.step(action.verb)(line.visit.id), post=True)

    def step(self, verb: str) -> Callable[[UUID], str]:
        if verb not in self.steps:
            self.steps[verb] = blocks.addresses("visit-move", "visit_id", verb=verb)
        return self.steps[verb]

    def _move(self, visit: rows.Visit) -> str:
        may = self.may.move and "move" in visit.allowed and visit.end > self.now
        return self.move(visit.id) + self.back if may else ""


def _group(one: Standing, zone: str) -> str:
    start, end = (times.moment(at, zone).clock for at in (one.start, one.end))
    return f"Group, {start}–{end}: {words.seats(one.taken, one.places)}"


def _leaves(line: VisitLine, now: datetime) -> str:
    """The observation clock of a dose that is running (S-09)."""
    if line.leaves is None:
        return ""
    if line.may_leave:
        return f"may leave since {line.leaves.clock}"
    left = times.length(datetime.fromisoformat(line.leaves.iso) - now)
    return f"may leave at {line.leaves.clock}, in {left}"


def _hours(spans: Sequence[rows.Interval], zone: str) -> str:
    clocks = ((times.moment(one.start, zone).clock, times.moment(one.end, zone).clock) for one in spans)
    return ", ".join(f"{start}–{end}" for start, end in clocks)
