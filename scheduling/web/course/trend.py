"""How the scores of a measure went, as a drawing and a table. Arithmetic only; positions are SVG attributes.

S-24: half of the first score or less is a response, below 5 of the PHQ-9 a remission (PMC9154276). S-23:
nothing here says that there is no risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from clinic.practice.web import times
from clinic.practice.web.times import Moment
from patients import decisions
from patients.queries import Taken

WIDTH, HEIGHT = 520, 132
LEFT, RIGHT, TOP, BOTTOM = 34, 44, 14, 24
# Below it a remission.
REMISSION = {"PHQ-9": 5}
WHO = {"staff": "a member of staff", "patient": "the patient"}


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    score: str
    title: str
    last: bool


@dataclass(frozen=True, slots=True)
class Row:
    at: Moment
    score: str
    change: str
    who: str


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure: `line` joins the points, `told` says in words where it stands."""

    code: str
    points: tuple[Point, ...]
    line: str
    rows: tuple[Row, ...]
    told: str
    most: str
    remission: float | None
    first: str
    last: str

    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = WIDTH - RIGHT
    top = TOP
    base = HEIGHT - BOTTOM


def draw(*, taken: Sequence[Taken], zone: str, names: dict[str, str]) -> list[Trend]:
    """One drawing a measure, what was asked last first; `taken` is newest first."""
    codes = dict.fromkeys(one.code for one in taken)
    return [_trend(code, [one for one in taken if one.code == code][::-1], zone, names) for code in codes]


def _trend(code: str, taken: Sequence[Taken], zone: str, names: dict[str, str]) -> Trend:
    highest = max(1.0, *(float(one.score) for one in taken))
    most = float(decisions.RANGES[code][1]) if code in decisions.RANGES else highest
    first, last = taken[0], taken[-1]
    span = (last.taken_at - first.taken_at).total_seconds() or 1.0

    def x(at: datetime) -> float:
        across = (at - first.taken_at).total_seconds() / span if len(taken) > 1 else 0.5
        return round(LEFT + 8 + across * (WIDTH - LEFT - RIGHT - 16), 1)

    def y(score: float) -> float:
        return round(TOP + (1 - min(max(score, 0.0), most) / most) * (HEIGHT - TOP - BOTTOM), 1)

    points = tuple(
        Point(
            x(one.taken_at),
            y(float(one.score)),
            plain(one.score),
            f"{times.moment(one.taken_at, zone)}: {plain(one.score)}",
            one is last,
        )
        for one in taken
    )
    cut = REMISSION.get(code)
    return Trend(
        code=code,
        points=points,
        line=" ".join(f"{one.x:g},{one.y:g}" for one in points),
        rows=tuple(_rows(taken, zone, names))[::-1],
        told=_told(code, first, last),
        most=f"{most:g}",
        remission=y(cut) if cut else None,
        first=times.moment(first.taken_at, zone).day,
        last=times.moment(last.taken_at, zone).day if len(taken) > 1 else "",
    )


def _rows(taken: Sequence[Taken], zone: str, names: dict[str, str]) -> list[Row]:
    before: Decimal | None = None
    found = []
    for one in taken:
        found.append(
            Row(
                at=times.moment(one.taken_at, zone),
                score=plain(one.score),
                change=_change(one.score, before),
                who=names.get(one.recorded_by) or WHO.get(one.recorded_by.partition(":")[0], "a program"),
            )
        )
        before = one.score
    return found


def _change(score: Decimal, before: Decimal | None) -> str:
    if before is None:
        return ""
    if score == before:
        return "the same"
    return f"{plain(abs(score - before))} {'more' if score > before else 'less'}"


def _told(code: str, first: Taken, last: Taken) -> str:
    """`20 at first, 9 now: 55 % less, a response`."""
    if first is last:
        return f"{plain(last.score)}, the first score"
    told = f"{plain(first.score)} at first, {plain(last.score)} now"
    if last.score == first.score or not first.score:
        return told
    share = round(abs(last.score - first.score) * 100 / first.score)
    told += f": {share} % {'more' if last.score > first.score else 'less'}"
    if last.score < REMISSION.get(code, 0):
        return f"{told}, a remission (below {REMISSION[code]})"
    return f"{told}, a response (half or less)" if last.score * 2 <= first.score else told


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
