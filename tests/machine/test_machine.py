"""The whole machine: in every state that people can reach, nothing overlaps, every dose has its record, and
each record and reminder says what is true. The last tests are its controls: a forgotten duty is found."""

import os
from typing import Any

import pytest

from scheduling.booking.writing import cancellations, seats
from scheduling.followups import gaps
from tests.machine.runs import run
from tests.machine.world import World

pytestmark = pytest.mark.django_db
# Each share is a test of its own, so that several processes may run them; with WHOLE=1 all four.
SHARES, EXAMPLES, STEPS = 4 if os.environ.get("WHOLE") else 2, 50, 40
OFTEN = {
    *("book", "hold", "book visit", "check_in", "no_show", "attest", "waive"),
    *("discharge as planned", "complete as planned", "reassign", "pause", "enter in error"),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", range(SHARES))
def test_every_reachable_state_is_true(share: int) -> None:
    world = World()
    run(world, examples=EXAMPLES, steps=STEPS)
    # A machine whose every act was refused would prove nothing.
    assert set(world.done) >= OFTEN, (world.done, world.refused)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (gaps, "refresh"),
        (cancellations, "on_cancelled"),
        (seats, "release"),
    ],
)
def test_a_forgotten_duty_is_found(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(module, name, lambda **ignored: [])
    with pytest.raises(AssertionError):
        run(world, examples=30, steps=STEPS, shrink=False)
