"""Many at once at a practice's wordings: nobody is overwritten, and the limit of tests holds."""

from collections.abc import Callable
from typing import Any

import pytest

from clinic.practice.actor import Actor
from notifications.models import Message, Trial, Wording
from notifications.wording import trials, wordings
from notifications.wording.texts import Which, Words
from tests import factories
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
SMS = Which("reminder_24h", "en", "sms")
ALL = 16


def words(number: int) -> Words:
    return Words("", f"{{clinic}}: {{times}}, {number}.[ Call {{phone}}.] {{stop}}")


def at_once(do: Callable[[Actor, int], Any]) -> race.Outcome:
    admin = factories.as_actor(factories.staff(factories.site(factories.practice()), "practice_admin"))

    def job(number: int) -> Callable[[], Any]:
        return lambda: do(admin, number)

    return race.run([job(number) for number in range(ALL)])


def test_of_many_tests_at_once_ten_are_sent(sms_provider: object) -> None:
    def send(admin: Actor, number: int) -> None:
        to, now = f"+120255501{number:02}", factories.NOW
        trials.send(actor=admin, which=SMS, words=words(number), to=to, now=now)

    found = at_once(send)
    assert found.counts == {"won": trials.AN_HOUR, "Throttled": ALL - trials.AN_HOUR}
    assert Trial.objects.count() == Message.objects.count() == trials.AN_HOUR


def test_of_many_who_write_at_once_one_is_kept_and_the_others_are_told() -> None:
    def save(admin: Actor, number: int) -> None:
        wordings.save(actor=admin, which=SMS, words=words(number), now=factories.NOW, version=0)

    found = at_once(save)
    assert found.counts == {"won": 1, "Stale": ALL - 1}
    assert Wording.objects.get().version == 1
