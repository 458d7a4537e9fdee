"""A course as a drawing: doses in a lane, follow-up windows as bands below, visits as marks. Arithmetic only.

Positions are numbers for SVG attributes: the pages' policy allows no inline style.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clinic.practice.web import times
from scheduling.booking.reading import rows
from scheduling.planning import windows
from scheduling.web import words

DAY = timedelta(days=1)
# As wide as the drawing can be on a screen of 1280 points without scrolling.
WIDTH = 1080
# Points a day. Narrower, two marks would touch; a course too long for that has its empty days compressed.
NARROWEST, NARROWEST_DAILY, WIDEST = 18.0, 26.0, 64.0
EMPTIEST = 3.0
# Room for half a mark before the first day and after the last.
MARGIN = 18
# A week's name and a little space.
NAME = 76
RULER = 34
LANE = 52
MARK = 24
# Other visits are of several kinds: a letter before the number says which.
LETTERS = {
    "screening": "S",
    "preparation": "P",
    "therapy": "T",
    "medication_review": "M",
    "plan_review": "R",
}
HIDDEN = ("cancelled", "displaced", "entered_in_error")
NEEDS = ("prospective", "open", "lapsed")


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Lane:
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Band:
    """A window; `grace` is how much wider its grace makes it. `text` stands in it while nothing is booked."""

    x: float
    y: float
    width: float
    height: float
    grace: float
    tone: str
    text: str
    title: str

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)

    @property
    def base(self) -> float:
        return self.y + self.height / 2 + 4

    @property
    def end(self) -> float:
        return round(self.x + self.width, 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A visit: a square for a dose, a circle for a follow-up, a hexagon with a letter for the rest."""

    x: float
    y: float
    shape: str
    tone: str
    label: str
    title: str

    @property
    def left(self) -> float:
        return round(self.x - MARK / 2, 1)

    @property
    def top(self) -> float:
        return self.y - MARK / 2

    @property
    def base(self) -> float:
        return self.y + 4

    @property
    def hexagon(self) -> str:
        half = MARK / 2
        corners = ((-13, -half), (13, -half), (17, 0), (13, half), (-13, half), (-17, 0))
        return " ".join(f"{self.x + across:g},{self.y + down:g}" for across, down in corners)


@dataclass(frozen=True, slots=True)
class Link:
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Drawing:
    width: float
    height: float
    bottom: float
    weeks: tuple[Tick, ...]
    days: tuple[float, ...]
    lanes: tuple[Lane, ...]
    bands: tuple[Band, ...]
    links: tuple[Link, ...]
    marks: tuple[Mark, ...]
    now: float | None
    compressed: bool
    letters: tuple[tuple[str, str], ...]

    @property
    def wide(self) -> bool:
        """Whether it is wider than a usual screen has room for."""
        return self.width > WIDTH


def draw(
    *, zone: str, visits: Sequence[rows.Visit], gaps: Sequence[rows.Gap], now: datetime
) -> Drawing | None:
    """The drawing of a course, booked or only proposed; None while nothing is planned."""
    visits = [visit for visit in visits if visit.status not in HIDDEN]
    gaps = [gap for gap in gaps if gap.status != "void" and gap.window.opens_at and gap.window.closes_at]
    edges = [at for visit in visits for at in (visit.start, visit.end)]
    edges += [at for gap in gaps for at in _edges(gap.window) if at]
    if not edges:
        return None
    first = windows.day_start(zone=zone, day=windows.local_day(zone=zone, instant=min(edges)))
    days = (max(edges) - first) / DAY + 0.4
    narrowest = NARROWEST_DAILY if any(visit.kind == "device" for visit in visits) else NARROWEST
    busy = {int((at - first) / DAY) for at in edges}
    scale = _scale(first=first, days=days, busy=busy, narrowest=narrowest)
    rest = [visit for visit in visits if _lane(visit) == 2]
    bands, rows_used = _bands(gaps, [visit for visit in visits if _lane(visit) == 1], scale, now)
    lanes = [Lane(RULER + LANE / 2, "Doses")]
    if rows_used:
        lanes.append(Lane(RULER + LANE * 1.5, "Follow-ups"))
    other_y = RULER + LANE * (rows_used + 1.5)
    if rest:
        lanes.append(Lane(other_y, "Other visits"))
    band_y = {gap.id: band.y + band.height / 2 for gap, band in zip(gaps, bands, strict=True)}
    marks = [_mark(visit, gaps, band_y, other_y, scale, now) for visit in visits]
    bottom = RULER + LANE * (1 + rows_used + bool(rest))
    return Drawing(
        width=round(scale.x(first + days * DAY) + MARGIN, 1),
        height=bottom + 6,
        bottom=bottom,
        weeks=_weeks(zone, first, days, scale),
        days=_days(zone, first, days, scale),
        lanes=tuple(lanes),
        bands=tuple(bands),
        links=_links(gaps, visits, bands, scale),
        marks=tuple(marks),
        now=scale.x(now) if 0 <= (now - first) / DAY <= days else None,
        compressed=len(set(scale.widths)) > 1,
        letters=tuple(
            (letter, words.KINDS[kind].lower())
            for kind, letter in LETTERS.items()
            if any(visit.kind == kind for visit in rest)
        ),
    )


def _edges(window: rows.Window) -> tuple[datetime | None, ...]:
    return window.opens_at, window.closes_at, window.grace_until


@dataclass(frozen=True, slots=True)
class _Scale:
    """`widths` are the points that each day takes."""

    origin: datetime
    widths: tuple[float, ...]

    def x(self, at: datetime) -> float:
        days = (at - self.origin) / DAY
        whole = min(max(0, int(days)), len(self.widths) - 1)
        return round(MARGIN + sum(self.widths[:whole]) + (days - whole) * self.widths[whole], 1)


def _scale(*, first: datetime, days: float, busy: set[int], narrowest: float) -> _Scale:
    """Every day of one width where that fits; else the days on which nothing begins or ends are narrower."""
    room, count = WIDTH - 2 * MARGIN, int(days) + 1
    even = min(WIDEST, room / days)
    if even >= narrowest:
        return _Scale(origin=first, widths=(even,) * count)
    full = len(busy & set(range(count)))
    empty = max(EMPTIEST, min(narrowest, (room - full * narrowest) / max(1, count - full)))
    return _Scale(origin=first, widths=tuple(narrowest if day in busy else empty for day in range(count)))


def _lane(visit: rows.Visit) -> int:
    if visit.kind in ("dosing", "device"):
        return 0
    return 1 if visit.kind in ("integration", "group_integration") else 2


def _weeks(zone: str, first: datetime, days: float, scale: _Scale) -> tuple[Tick, ...]:
    """The first day and every Monday, with their names where there is room for them."""
    start = windows.local_day(zone=zone, instant=first)
    found: list[Tick] = []
    named: float | None = None
    end = scale.x(first + days * DAY)
    for count in range(int(days) + 1):
        day = start + timedelta(days=count)
        x = scale.x(windows.day_start(zone=zone, day=day))
        if day.weekday() == 0 or (count == 0 and day.weekday() < 5):
            # No half a name at the right edge, and none upon another.
            fits = x + NAME <= end and (named is None or x >= named + NAME)
            found.append(Tick(x, times.short_day(day) if fits else ""))
            named = x if fits else named
    return tuple(found)


def _days(zone: str, first: datetime, days: float, scale: _Scale) -> tuple[float, ...]:
    start = windows.local_day(zone=zone, instant=first)
    return tuple(
        scale.x(windows.day_start(zone=zone, day=start + timedelta(days=count)))
        for count in range(int(days) + 1)
    )


def _bands(
    gaps: Sequence[rows.Gap], follow_ups: Sequence[rows.Visit], scale: _Scale, now: datetime
) -> tuple[list[Band], int]:
    """One band a unit, each in the first row that is free there; and how many rows that takes."""
    ends: list[float] = []
    found: list[Band] = []
    for gap in gaps:
        opens, closes, grace = gap.window.opens_at, gap.window.closes_at, gap.window.grace_until
        assert opens is not None and closes is not None  # draw() keeps only these
        x, width = scale.x(opens), max(8.0, scale.x(closes) - scale.x(opens))
        row = next((index for index, end in enumerate(ends) if end <= x), len(ends))
        if row == len(ends):
            ends.append(0)
        tail = max(0.0, scale.x(grace) - x - width) if grace and gap.status in ("open", "lapsed") else 0.0
        ends[row] = x + width + tail + 2
        badge = words.gap_badge(gap)
        until = grace if tail and grace else closes
        booked = any(opens <= visit.start <= until for visit in follow_ups)
        found.append(
            Band(
                x=x,
                y=RULER + LANE * (row + 1) + 6,
                width=round(width, 1),
                height=LANE - 12,
                grace=round(tail, 1),
                tone="good" if gap.status == "closed" and not gap.late else badge.tone,
                text="" if booked or gap.status not in NEEDS else _short(gap, now, width),
                title=f"{badge.word}: {times.span(opens, closes, gap.time_zone)}",
            )
        )
    return found, max(len(ends), bool(follow_ups))


def _short(gap: rows.Gap, now: datetime, width: float) -> str:
    """What fits into an empty band: that it is lost, or how long is left; nothing where there is no room."""
    if gap.status == "lapsed":
        return "lost" if width >= 32 else ""
    opened = gap.window.opens_at is not None and gap.window.opens_at <= now
    if gap.due_at is None or width < 36:
        return ""
    if not opened:
        return "not booked" if width >= 80 else ""
    left = times.length(gap.due_at - now)
    return f"{left} left" if width >= 72 else left if width >= 44 else ""


def _mark(
    visit: rows.Visit,
    gaps: Sequence[rows.Gap],
    band_y: dict[UUID, float],
    other_y: float,
    scale: _Scale,
    now: datetime,
) -> Mark:
    lane = _lane(visit)
    y = RULER + LANE / 2 if lane == 0 else other_y
    if lane == 1:
        y = next((band_y[gap.id] for gap in gaps if visit.id in gap.visits), RULER + LANE * 1.5)
    badge = words.status_badge(visit, now)
    number = str(visit.sequence) if lane == 0 and visit.sequence else words.number_of(visit)
    letter = LETTERS.get(visit.kind, "")
    at = times.moment(visit.start, visit.time_zone)
    return Mark(
        x=scale.x(visit.start + (visit.end - visit.start) / 2),
        y=y,
        shape=("square", "circle", "hexagon")[lane],
        tone=_tone(visit.status, badge.tone),
        label="×" if visit.status == "no_show" else f"{letter}{number}" or words.KINDS[visit.kind][:1],
        title=f"{words.title(visit)}, {at}: {badge.word}",
    )


def _tone(status: str, tone: str) -> str:
    """On the drawing what took place is green and what is still to come is blue."""
    return {"done": "good", "neutral": "info"}.get(tone, tone) if status != "cancelled" else tone


def _links(
    gaps: Sequence[rows.Gap], visits: Sequence[rows.Visit], bands: Sequence[Band], scale: _Scale
) -> tuple[Link, ...]:
    """A thin line from each unit's last dose to its window: this owes that."""
    by_id = {visit.id: visit for visit in visits}
    found = []
    for gap, band in zip(gaps, bands, strict=True):
        doses = [by_id[dose] for dose in gap.doses if dose in by_id]
        if doses:
            last = max(doses, key=lambda dose: dose.end)
            middle = scale.x(last.start + (last.end - last.start) / 2)
            found.append(Link(middle, RULER + LANE / 2 + MARK / 2, max(band.x, middle), band.y))
    return tuple(found)
