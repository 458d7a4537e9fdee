"""A client that follows changes misses none, however late a transaction commits.

The client is the naive one: it keeps the latest `updated_at` that it has seen and asks from there. Each test
of a promise has its control: the same story without the horizon, in which the client misses a change.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connections, transaction

from clinic.practice import changes
from clinic.practice.models import Site
from tests import factories
from tests.api.conftest import Api, program
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
EVER = "2020-01-01T00:00:00Z"


class Follower:
    """Keeps a copy of a list by `updated_since` alone."""

    def __init__(self, api: Api, path: str) -> None:
        self.api, self.path, self.since = api, path, EVER
        self.copy: dict[str, int] = {}

    def poll(self, limit: int = 3) -> None:
        cursor = ""
        since = self.since
        while True:
            answer = self.api.get(
                f"{self.path}?updated_since={since}&limit={limit}{cursor and f'&cursor={cursor}'}"
            )
            assert answer.status_code == 200, answer.content
            page = answer.json()
            for row in page["results"]:
                self.copy[row["id"]] = int(self.api.get(f"{self.path}{row['id']}/")["ETag"].strip('"'))
                self.since = max(self.since, row["updated_at"])
            if page["next"] is None:
                return
            cursor = page["next"]


@contextmanager
def unfinished(write: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """A transaction on a connection of its own that has written, and commits when told."""
    written, commit = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            write()
            written.set()
            assert commit.wait(30)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert written.wait(30)

    def finish() -> None:
        commit.set()
        thread.join(30)

    try:
        yield finish
    finally:
        finish()


def rename(site_id: UUID, version: int) -> None:
    Site.objects.filter(pk=site_id).update(name=f"Site {version} {site_id}", version=version)


@pytest.fixture
def follower() -> Follower:
    clinic = factories.small_clinic()
    for _ in range(3):
        factories.site(clinic.practice)
    follower = Follower(program(clinic.practice), "sites/")
    follower.poll()
    assert len(follower.copy) == 4
    return follower


def late_commit(follower: Follower) -> dict[str, int]:
    """One writes and stays open, another writes and commits, the client looks, the first commits, it looks
    again."""
    slow, fast = (UUID(found) for found in list(follower.copy)[:2])
    with unfinished(lambda: rename(slow, 50)) as finish:
        rename(fast, 60)
        follower.poll()
        finish()
    follower.poll()
    return {str(slow): 50, str(fast): 60}


def test_a_late_commit_is_not_missed(follower: Follower) -> None:
    expected = late_commit(follower)
    assert follower.copy | expected == follower.copy


def test_without_the_horizon_it_would_be(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "horizon", lambda: datetime(2999, 1, 1, tzinfo=UTC))
    slow, _ = late_commit(follower)
    assert follower.copy[slow] != 50


def test_what_is_done_is_not_withheld_once_nobody_writes(follower: Follower) -> None:
    site = UUID(next(iter(follower.copy)))
    rename(site, 70)
    follower.poll()
    assert follower.copy[str(site)] == 70


def test_an_unfinished_write_hides_nothing_from_a_plain_list(follower: Follower) -> None:
    slow, fast = (UUID(found) for found in list(follower.copy)[:2])
    with unfinished(lambda: rename(slow, 50)):
        rename(fast, 60)
        names = [row["name"] for row in follower.api.get("sites/").json()["results"]]
    assert f"Site 60 {fast}" in names


def test_a_savepoint_that_is_rolled_back_does_not_hide_the_rest(follower: Follower) -> None:
    slow, fast = (UUID(found) for found in list(follower.copy)[:2])

    def write() -> None:
        point = transaction.savepoint()
        rename(slow, 40)
        transaction.savepoint_rollback(point)
        rename(slow, 50)

    with unfinished(write) as finish:
        rename(fast, 60)
        follower.poll()
        finish()
    follower.poll()
    assert (follower.copy[str(slow)], follower.copy[str(fast)]) == (50, 60)


def test_a_reading_transaction_holds_nothing_back(follower: Follower) -> None:
    slow, fast = (UUID(found) for found in list(follower.copy)[:2])
    with unfinished(lambda: Site.objects.get(pk=slow)):
        rename(fast, 60)
        follower.poll()
        assert follower.copy[str(fast)] == 60


def test_many_writers_and_one_follower(follower: Follower) -> None:
    """Writers in transactions of every length, while the client polls: at the end its copy is the truth."""
    sites = [UUID(found) for found in follower.copy]
    done = threading.Event()

    def writer(number: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(12):
                with transaction.atomic():
                    for site in sorted(sites)[number % 2 : number % 4 + 1]:
                        row = Site.objects.select_for_update().get(pk=site)
                        rename(site, row.version + 1)
                        if turn % 3 == number % 3:
                            follower_turn.wait(0.05)

        return run

    follower_turn = threading.Event()

    def follow() -> None:
        while not done.is_set():
            follower.poll()

    def write_all() -> None:
        outcome = race.run([writer(number) for number in range(6)])
        done.set()
        assert outcome.broken == []

    outcome = race.run([follow, write_all])
    assert outcome.broken == []
    follower.poll()
    assert follower.copy == {str(site.pk): site.version for site in Site.objects.filter(pk__in=sites)}
