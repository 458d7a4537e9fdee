"""How soon the first visit of a course may be."""

import re
from datetime import datetime, timedelta

import time_machine
from django.test import Client

from patients.models import Patient
from tests.web.book.test_book import key, propose, somebody, tokens
from tests.web.conftest import World, signed_in

__all__ = ["somebody"]


def test_nobody_is_asked_to_come_within_two_hours_unless_they_could(
    desk: Client, world: World, somebody: Patient
) -> None:
    def first(page: str) -> datetime:
        return min(map(datetime.fromisoformat, re.findall(r'<td role="cell"><time datetime="([^"]+)"', page)))

    soon = world.now + timedelta(hours=2)
    page = propose(desk, world, somebody, start="2026-05-11")
    assert soon <= first(page) < soon + timedelta(hours=1)
    assert first(propose(desk, world, somebody, start="2026-05-11", soon="1")) < soon
    # Who books a little later, or puts the visit elsewhere, is held to the plan, not to the two hours.
    with time_machine.travel(world.now + timedelta(minutes=14)):
        again = signed_in(world.clinic.front_desk)
        other = {"token": tokens(page)[0], "key": key(page), "ref": "dose-2"}
        assert "could be at one of these times" in again.post("/book/times/", other).content.decode()
        answer = again.post("/book/confirm/", {"token": tokens(page)[0], "key": key(page)})
        assert answer.status_code == 303
