"""Reading a protocol document: what is taken, what is refused, and where the refusal points."""

import copy
import math
from typing import Any

import pytest

from scheduling.planning import protocol
from scheduling.planning.protocol import Coverage, InvalidProtocol, NotPlannable, Presence
from tests.scheduling.planning.clinic import DOCUMENTS, document


@pytest.mark.parametrize("key", DOCUMENTS)
def test_every_shipped_protocol_parses(key: str) -> None:
    found = protocol.parse(DOCUMENTS[key])
    assert found.key == key
    assert [phase.name for phase in found.phases] == [phase["name"] for phase in DOCUMENTS[key]["phases"]]
    assert found.block.minutes == sum(DOCUMENTS[key]["plan"]["block_minutes"].values())


def test_needs_keep_their_presence_seats_and_doses() -> None:
    esketamine = protocol.parse(DOCUMENTS["esketamine_spravato_trd"])
    assert [(need.role, need.presence, need.seats) for need in esketamine.staff] == [
        ("prescriber", Presence.ON_SITE, 0),
        ("monitor", Presence.SHARED, 4),
    ]
    at_home = protocol.parse(DOCUMENTS["at_home_sublingual_telehealth"])
    assert at_home.staff[0].doses == (1, 2)
    assert at_home.staff[0].seats == 12


def test_a_protocol_without_follow_up_has_no_rule() -> None:
    assert protocol.parse(DOCUMENTS["tms_standard_36"]).follow_up is None


def test_a_document_without_plan_waits_to_be_mapped() -> None:
    bare = {key: value for key, value in document().items() if key != "plan"}
    with pytest.raises(NotPlannable):
        protocol.parse(bare)


def _set(source: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(source)
    here: Any = changed
    *steps, last = path.replace("[", ".").replace("]", "").split(".")
    for step in steps:
        here = here[int(step)] if step.isdigit() else here[step]
    here[int(last) if last.isdigit() else last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("phases[0].interval_max_days", 1),
        ("phases[0].interval_min_days", 0),
        ("phases[0].interval_ideal_days", None),
        ("phases[0].sessions", 0),
        ("phases[0].sessions", 2.5),
        ("phases[0].sessions", True),
        ("phases[0].sessions", 10**30),
        ("phases[0].name", "line\nbreak"),
        ("phases[0].name", "\ud800"),
        ("phases[0].exit_review_required", "yes"),
        ("phases[0].max_per_rolling_7_days", 8),
        ("plan.block_minutes.monitoring", -5),
        ("plan.staff[0].presence", "nearby"),
        ("plan.staff[1].patients", 5),
        ("plan.follow_up.coverage", "sometimes"),
        ("plan.follow_up.modes", ["telepathy"]),
        ("plan.follow_up.window_hours.max", 3),
        ("plan.follow_up.window_hours.grace", 71),
        ("plan.follow_up.window_hours.ideal_to", math.nan),
        ("plan.follow_up.window_hours.min", -12),
        ("plan.follow_up.visits_per_unit", 0),
        ("plan.preparation.window_before_hours", [48, 24]),
        ("plan.series[0].interval_days", [9, 6, 4]),
        ("plan.series[0].phase", "elsewhere"),
    ],
)
def test_a_bad_field_is_refused_and_named(path: str, value: object) -> None:
    with pytest.raises(InvalidProtocol) as refused:
        protocol.parse(_set(document(), path, value))
    parent = path.rpartition(".")[0].rpartition("[")[0] or path.rpartition(".")[0]
    assert refused.value.path.startswith(parent.rpartition(".")[0] or parent)
    assert refused.value.message


def test_a_window_on_both_sides_of_the_dose_is_refused() -> None:
    source = document(window_hours={"min": -24, "ideal_from": -12, "ideal_to": 12, "max": 24, "grace": 48})
    with pytest.raises(InvalidProtocol) as refused:
        protocol.parse(source)
    assert refused.value.path == "plan.follow_up.window_hours.min"


def test_a_window_before_the_dose_is_taken() -> None:
    source = document(window_hours={"min": -48, "ideal_from": -24, "ideal_to": -12, "max": -2, "grace": 0})
    rule = protocol.parse(source).follow_up
    assert rule is not None
    assert rule.is_before


def test_each_n_says_how_many_doses_a_unit_has() -> None:
    with pytest.raises(InvalidProtocol) as refused:
        protocol.parse(document(coverage="each_n"))
    assert refused.value.path == "plan.follow_up.n"
    rule = protocol.parse(document(coverage="each_n", n=2)).follow_up
    assert rule is not None
    assert (rule.coverage, rule.n) == (Coverage.EACH_N, 2)


def test_a_cap_that_the_longest_spacing_cannot_keep_is_refused() -> None:
    source = _set(document(), "phases[0].interval_max_days", 3)
    with pytest.raises(InvalidProtocol) as refused:
        protocol.parse(source)
    assert refused.value.path == "phases[0].max_per_rolling_7_days"


def test_two_phases_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidProtocol):
        protocol.parse(_set(document(), "phases[1].name", "acute_series"))
