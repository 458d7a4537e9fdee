"""The examples of the how-to pages are what the product accepts."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from scheduling.planning import protocol
from scheduling.planning.course import plan_course
from scheduling.planning.values import Availability, PlanRequest, Practitioner, Room, Span
from tests.docs import fenced
from tests.docs.fenced import ROOT

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)


def weeks() -> Iterator[Span]:
    for day in range(21):
        opens = MONDAY + timedelta(days=day, hours=8)
        yield Span(opens, opens + timedelta(hours=10))


def test_the_smallest_protocol_of_the_how_to_can_be_planned() -> None:
    page = ROOT / "docs" / "how-to" / "add-a-protocol.md"
    document = next(json.loads(block.text) for block in fenced.blocks(page) if block.language == "json")
    hours = tuple(weeks())
    roles = ("prescriber", "monitor", "therapist")
    kinds = ("infusion_chair", "therapy_room")
    found = plan_course(
        request=PlanRequest(
            protocol=protocol.parse(document),
            zone="UTC",
            start_on_or_after=date(2026, 3, 9),
            not_before=MONDAY,
        ),
        availability=Availability(
            practitioners=tuple(Practitioner(role, role, frozenset({role}), hours) for role in roles),
            rooms=tuple(Room(kind, kind, kind, hours) for kind in kinds),
        ),
    )
    assert isinstance(found, tuple)
    assert [visit.kind for visit in found[0].visits] == ["dosing", "integration"] * 2


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")][1:]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[2])}
    sources = [
        path
        for app in ("clinic", "patients", "notifications", "scheduling")
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts and "reference" not in path.parts
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    missing = {
        name
        for name in named
        if not (ROOT / name).exists() and not re.search(rf"\b{re.escape(name.split('.')[-1])}\b", code)
    }
    assert named
    assert missing == set()
