"""A worker does not start on a Redis that would throw its work away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings
from redis import Redis

from clinic.config import broker
from clinic.local.home import ROOT, Home
from clinic.local.redis import RedisServer


@pytest.fixture
def evicting(settings: Settings) -> Iterator[str]:
    """A server of its own: the policy is a whole server's, and other tests use theirs."""
    with Home() as home:
        server = RedisServer(home=home, data=None, log=home.path / "redis.log")
        server.start()
        with closing(Redis.from_url(server.url())) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
        settings.REDIS_URL = server.url()
        yield server.url()


def test_a_redis_that_keeps_what_it_has_will_do() -> None:
    broker.check()


def test_one_that_evicts_is_refused(evicting: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="noeviction, not allkeys-lru"):
        broker.check()


def test_one_that_is_away_is_waited_for(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    broker.check()


def test_no_worker_starts_on_one_that_evicts(evicting: str) -> None:
    command = [sys.executable, "-m", "celery", "--app", "clinic.config.celery:app", "worker", "--pool=solo"]
    ended = subprocess.run(
        command, env={**os.environ, "REDIS_URL": evicting}, capture_output=True, timeout=60, cwd=ROOT
    )
    assert ended.returncode != 0
    assert b"maxmemory-policy noeviction, not allkeys-lru" in ended.stderr + ended.stdout
