"""Sixty programs at once, a round of each mix through the product's own web process: nothing is broken.

`./dev bench races` runs the same with two hundred, twenty-five times.
"""

from collections.abc import Iterator
from random import Random

import pytest

from tests.bench import _server
from tests.races import firing, mixes, race
from tests.races.mixes import Stage

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 60


@pytest.fixture
def stage() -> Iterator[Stage]:
    world = mixes.build(CLIENTS)
    client_id = firing.program(world.practice)
    with _server.web() as port:
        bearer = _server.token(port, client_id, firing.SECRET)
        yield Stage(world, firing.Door(port, bearer), Random(1), courses=15)


def test_no_mix_breaks_a_promise(stage: Stage) -> None:
    before = race.deadlocks()
    for name in mixes.MIXES:
        report = mixes.run(name, stage)
        assert report.faults == [], name
        assert report.won, name
    assert race.deadlocks() == before
