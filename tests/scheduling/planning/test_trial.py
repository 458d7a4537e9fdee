"""Every protocol of the library can be kept where nothing is in the way, and what cannot is named."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scheduling.planning import protocol, trial
from scheduling.planning.values import NoPlan

LIBRARY = Path(__file__).parents[3] / "scheduling" / "fixtures" / "protocols.json"
DOCUMENTS: list[dict[str, Any]] = json.loads(LIBRARY.read_text(encoding="utf-8"))["protocols"]


ALONE = [one for one in DOCUMENTS if protocol.parse(one).group_places is None]


@pytest.mark.parametrize("document", ALONE, ids=lambda one: str(one["key"]))
def test_a_protocol_of_the_library_can_be_kept(document: dict[str, Any]) -> None:
    read = protocol.parse(document)
    found = trial.plan(protocol=read, zone="America/New_York", monday=date(2026, 5, 4))
    assert not isinstance(found, NoPlan), found.rules
    doses = [visit for visit in found.visits if visit.kind == read.dose_kind]
    assert len(doses) >= (read.phases[0].sessions or 1)
    assert min(visit.start for visit in found.visits).date() >= date(2026, 5, 4)


def test_a_window_that_opens_after_the_next_dose_is_impossible() -> None:
    document = json.loads(json.dumps(DOCUMENTS[1]))
    document["plan"]["follow_up"]["window_hours"] |= {
        "min": 140,
        "ideal_from": 141,
        "ideal_to": 142,
        "max": 143,
        "grace": 168,
    }
    found = trial.plan(protocol=protocol.parse(document), zone="America/New_York", monday=date(2026, 5, 4))
    assert isinstance(found, NoPlan)
    assert found.rules
