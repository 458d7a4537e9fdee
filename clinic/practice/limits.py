"""How often one caller may do one thing, counted in Redis for all processes together.

A window begins with the first try and lasts the limit's seconds; at most its number of tries pass in it,
however many come at the same moment. Redis holds a count under a keyed hash, and nothing that names anybody.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import salted_hmac
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from clinic.practice.errors import Throttled

PREFIX = "limit:"
WAIT_SECONDS = 0.25
# A Redis that hangs costs each process one wait in so long, not one a request.
REST_SECONDS = 2.0
# One statement on the server: nobody else's try comes between counting and comparing.
_COUNT = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('PTTL', KEYS[1])}
"""
_GIVE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end"


class Away(Exception):
    """Redis does not answer."""


class Closed(Exception):
    """Nobody can sign in for a moment: tries cannot be counted."""

    # Seconds.
    retry_after = 5


@dataclass(frozen=True, slots=True)
class Count:
    """One try, counted. `wait` is how many seconds remain of its window."""

    name: str
    tries: int
    seconds: int
    used: int
    wait: int

    @property
    def passes(self) -> bool:
        return self.used <= self.tries

    @property
    def headers(self) -> dict[str, str]:
        """What the caller is told, in the fields of the IETF's draft on RateLimit headers."""
        left = max(0, self.tries - self.used)
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.tries};w={self.seconds}',
            "RateLimit": f'"{self.name}";r={left};t={self.wait}',
        }


def count(name: str, of: str) -> Count | None:
    """Count one try of this caller against a limit of the settings; None where that is off. Raises Away."""
    limit = settings.LIMITS[name]
    if limit is None:
        return None
    tries, seconds = limit
    used, left = _store(settings.REDIS_URL).run(_COUNT, _key(name, of), str(seconds * 1000))
    return Count(name=name, tries=tries, seconds=seconds, used=used, wait=max(1, -(-left // 1000)))


def open_count(name: str, of: str) -> Count | None:
    """The same, and None too while Redis is away: work goes on without it."""
    try:
        return count(name, of)
    except Away:
        return None


def check(counted: Count | None) -> None:
    """Raise Throttled for a try that is one too many."""
    if counted is not None and not counted.passes:
        raise Throttled(retry_after=counted.wait)


@dataclass(frozen=True, slots=True)
class Guess:
    """Tries at a secret, counted before it is looked at: parallel ones cannot all see the same count."""

    counted: tuple[tuple[str, str], ...]

    def right(self) -> None:
        """It was no guess: only this try is given back, so that a right one frees no others."""
        for name, of in self.counted:
            if settings.LIMITS[name] is not None:
                try:
                    _store(settings.REDIS_URL).run(_GIVE_BACK, _key(name, of))
                except Away:
                    return


def guess(*counted: tuple[str, str]) -> Guess:
    """Count a try at a secret against each of these (limit, caller). Raises Throttled at the first that is
    used up, and Closed while Redis is away: uncounted guessing is worse than a closed door.
    """
    for name, of in counted:
        try:
            check(count(name, of))
        except Away:
            raise Closed() from None
    return Guess(counted=counted)


class _Store:
    """One server. It is asked with a short patience, and left alone for a moment after it did not answer."""

    def __init__(self, url: str) -> None:
        self._asked_again_at = 0.0
        self._client = Redis.from_url(
            url,
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def run(self, script: str, key: str, *arguments: str) -> tuple[int, int]:
        if time.monotonic() < self._asked_again_at:
            raise Away
        try:
            answer = self._client.eval(script, 1, key, *arguments)
        except (RedisError, OSError):
            self._asked_again_at = time.monotonic() + REST_SECONDS
            raise Away from None
        return tuple(answer) if isinstance(answer, list) else (0, 0)


@lru_cache(maxsize=4)
def _store(url: str) -> _Store:
    return _Store(url)


def _key(name: str, of: str) -> str:
    return f"{PREFIX}{name}:{salted_hmac('clinic.limits', of, algorithm='sha256').hexdigest()[:32]}"
