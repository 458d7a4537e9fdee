"""images/course.svg: a course as the planner proposes it, on an invented calendar."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.booking.protocol import protocols
from scheduling.planning import protocol
from scheduling.planning.course import plan_course
from scheduling.planning.values import (
    Availability,
    NoPlan,
    PlannedVisit,
    PlanRequest,
    Practitioner,
    Preferences,
    Room,
    Span,
    Window,
)

KEY, ZONE = "iv_ketamine_3x_2wk", ZoneInfo("America/New_York")
FIRST, WEEKS = date(2026, 3, 9), 5
PEOPLE = (("a", "prescriber"), ("b", "monitor"), ("c", "therapist"))
ROOMS = (("d", "infusion_chair"), ("e", "therapy_room"), ("f", "consult_room"))

DAY_WIDTH, LEFT, TOP, HEIGHT = 46, 104, 56, 242
LANES = {"dosing": 92, "integration": 142, "preparation": 190, "plan_review": 190}
LANE_WORDS = (("Doses", 92), ("Follow-ups", 142), ("Other visits", 190))
COLOURS = {"dosing": "#1d4e89", "integration": "#2f855a", "preparation": "#6b7280", "plan_review": "#6b7280"}


def page() -> str:
    """The drawing; raises LookupError when the example cannot be planned."""
    visits = _visits()
    first = min(visit.start for visit in visits).astimezone(ZONE).date()
    days = (max(visit.end for visit in visits).astimezone(ZONE).date() - first).days + 2
    width = LEFT + days * DAY_WIDTH + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
        f'width="{width}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">\n',
        "<title>Six doses, each with its follow-up inside its window</title>\n",
        f'<rect width="{width}" height="{HEIGHT}" rx="10" fill="#ffffff" stroke="#d1d5db"/>\n',
        f'<text x="16" y="26" font-size="15" font-weight="600" fill="#111827">{_title(visits)}</text>\n',
        *_days(first, days),
        *(f'<text x="16" y="{y + 4}" fill="#374151">{word}</text>\n' for word, y in LANE_WORDS),
        *(_band(visit.window, first) for visit in visits if visit.window),
        *(_mark(visit, first) for visit in visits),
        f'<text x="16" y="{HEIGHT - 12}" fill="#6b7280">A band is the window in which a follow-up may start; '
        "its darker part is the ideal time.</text>\n",
        "</svg>\n",
    ]
    return "".join(parts)


def _visits() -> tuple[PlannedVisit, ...]:
    documents = protocols.library()
    rule = protocol.parse(next(one for one in documents if one["key"] == KEY))
    open_hours = tuple(_open_hours())
    found = plan_course(
        request=PlanRequest(
            protocol=rule,
            zone=ZONE.key,
            start_on_or_after=FIRST + timedelta(days=2),
            not_before=datetime.combine(FIRST, datetime.min.time(), ZONE).astimezone(UTC),
            preferences=Preferences(),
            proposals=1,
        ),
        availability=Availability(
            practitioners=tuple(
                Practitioner(one, one, frozenset({role}), open_hours) for one, role in PEOPLE
            ),
            rooms=tuple(Room(one, one, kind, open_hours) for one, kind in ROOMS),
        ),
    )
    if isinstance(found, NoPlan):
        raise LookupError(KEY)
    return found[0].visits


def _open_hours() -> Iterator[Span]:
    for number in range(WEEKS * 7):
        day = FIRST + timedelta(days=number)
        if day.isoweekday() < 6:
            opens = datetime(day.year, day.month, day.day, 8, tzinfo=ZONE).astimezone(UTC)
            yield Span(opens, opens + timedelta(hours=10))


def _title(visits: tuple[PlannedVisit, ...]) -> str:
    doses = sum(visit.kind == "dosing" for visit in visits)
    return f"One request: {len(visits)} visits, {doses} doses, and the follow-up of each inside its window"


def _x(moment: datetime, first: date) -> float:
    midnight = datetime.combine(first, datetime.min.time(), ZONE)
    return round(LEFT + (moment - midnight) / timedelta(days=1) * DAY_WIDTH, 1)


def _days(first: date, days: int) -> Iterator[str]:
    for number in range(days):
        day, x = first + timedelta(days=number), LEFT + number * DAY_WIDTH
        if day.isoweekday() > 5:
            yield f'<rect x="{x}" y="{TOP}" width="{DAY_WIDTH}" height="150" fill="#f3f4f6"/>\n'
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{TOP + 150}" stroke="#e5e7eb"/>\n'
        place = f'x="{x + DAY_WIDTH / 2}" y="{TOP - 6}" text-anchor="middle"'
        yield f'<text {place} font-size="11" fill="#6b7280">{day:%a} {day.day}</text>\n'


def _band(window: Window, first: date) -> str:
    left, right = _x(window.opens_at, first), _x(window.closes_at, first)
    ideal = _x(window.ideal_from, first), min(_x(window.ideal_to, first), right)
    y = LANES["integration"] - 16
    place = f'y="{y}" height="32" rx="4"'
    return (
        f'<rect x="{left}" width="{right - left:.1f}" {place} fill="#dcfce7"/>\n'
        f'<rect x="{ideal[0]}" width="{ideal[1] - ideal[0]:.1f}" {place} fill="#86efac"/>\n'
    )


def _mark(visit: PlannedVisit, first: date) -> str:
    x, y, colour = _x(visit.start, first), LANES[visit.kind], COLOURS[visit.kind]
    width = max(6.0, round((visit.end - visit.start) / timedelta(days=1) * DAY_WIDTH, 1))
    when = f"{visit.start.astimezone(ZONE):%a %H:%M}"
    return (
        f'<rect x="{x}" y="{y - 12}" width="{width}" height="24" rx="2" fill="{colour}">'
        f"<title>{visit.ref}, {when}</title></rect>\n"
    )
