"""What a protocol asks patients to fill in, and for which time."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduling.planning import measures
from scheduling.planning.measures import Asked

KNOWN = ("PHQ-9", "GAD-7")
SHIPPED = Path("scheduling/fixtures/protocols.json")
MONDAY = date(2026, 5, 11)


def test_the_protocols_that_are_shipped_ask_for_what_they_name() -> None:
    found = {
        one["key"]: measures.asked(measures=one.get("measures"), known=KNOWN).codes
        for one in json.loads(SHIPPED.read_text())["protocols"]
    }
    assert found["iv_ketamine_3x_2wk"] == ("PHQ-9", "GAD-7")
    assert found["esketamine_spravato_trd"] == ("PHQ-9",)
    assert found["sc_ketamine_kads"] == ()


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ({"baseline": ["PHQ-9 or MADRS"]}, ("PHQ-9",)),
        ({"baseline": ["GAD-7", "PHQ-9"]}, ("PHQ-9", "GAD-7")),
        ({"baseline": ["PHQ-90", "XGAD-7"]}, ()),
        ({"baseline": ["MADRS", 7, None, ["PHQ-9"]]}, ()),
        ({"baseline": "PHQ-9"}, ()),
        ({"cadence": "weekly"}, ()),
        ({}, ()),
        ([], ()),
        ("weekly", ()),
        (None, ()),
    ],
)
def test_what_is_named_and_known_is_asked(told: Any, codes: tuple[str, ...]) -> None:
    assert measures.asked(measures=told, known=KNOWN) == Asked(codes)


@pytest.mark.parametrize(("every", "each_dose"), [("dosing", True), ("week", False), (1, False)])
def test_it_may_be_asked_before_every_dose(every: Any, each_dose: bool) -> None:
    told = {"baseline": ["PHQ-9"], "every": every}
    assert measures.asked(measures=told, known=KNOWN).each_dose is each_dose


def test_the_doses_of_a_week_share_an_answer() -> None:
    days = [MONDAY + timedelta(days=more) for more in range(8)]
    weekly = [measures.unit(day=day, each_dose=False) for day in days]
    assert weekly == [MONDAY] * 7 + [MONDAY + timedelta(days=7)]
    assert [measures.unit(day=day, each_dose=True) for day in days] == days


@pytest.mark.parametrize(
    ("last", "day", "unit"),
    [
        # Monday the 11th of May: a week, then months.
        (MONDAY, MONDAY + timedelta(days=6), None),
        (MONDAY, MONDAY + timedelta(days=7), date(2026, 5, 18)),
        (MONDAY, date(2026, 6, 10), date(2026, 5, 18)),
        (MONDAY, date(2026, 6, 11), date(2026, 6, 11)),
        (MONDAY, date(2026, 10, 1), date(2026, 8, 11)),
        (MONDAY, date(2026, 11, 11), date(2026, 11, 11)),
        (MONDAY, date(2028, 1, 1), date(2027, 5, 11)),
        # The last day of a shorter month, and over the end of a year.
        (date(2026, 1, 31), date(2026, 2, 28), date(2026, 2, 28)),
        (date(2027, 12, 31), date(2028, 3, 31), date(2028, 3, 31)),
        (date(2027, 8, 30), date(2028, 2, 29), date(2028, 2, 29)),
    ],
)
def test_after_the_last_dose_it_is_asked_at_set_times(last: date, day: date, unit: date | None) -> None:
    assert measures.unit_after(last=last, day=day) == unit
