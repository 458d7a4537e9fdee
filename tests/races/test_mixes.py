"""Sixty programs at once, five rounds of each mix through the product's own web process: nothing is broken.

`./dev bench races` runs the same with two hundred, twenty-five times. The controls, in which the same race
goes wrong without its protection, are in `test_booking`.
"""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.bench import _server
from tests.races import firing, mixes, race
from tests.races.mixes import Stage

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS, ROUNDS = 60, 5


@pytest.fixture
def stage() -> Iterator[Callable[[Random], Stage]]:
    world = mixes.build(CLIENTS)
    client_id = firing.program(world.practice)
    with _server.web() as port:
        door = firing.Door(port, _server.token(port, client_id, firing.SECRET))
        yield lambda rng: Stage(world, door, rng, courses=CLIENTS)


def test_no_mix_breaks_a_promise(stage: Callable[[Random], Stage]) -> None:
    before = race.deadlocks()
    for name in mixes.MIXES:
        for number in range(ROUNDS):
            report = mixes.run(name, stage(Random(f"{name} {number}")))
            assert report.faults == [], (name, number)
            assert report.won, (name, number)
    assert race.deadlocks() == before
