"""What a worker asks of its Redis before it takes any work."""

from contextlib import closing
from typing import Any

import structlog
from celery import bootsteps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger("clinic.broker")
WANTED = "noeviction"


def check() -> None:
    """Raises ImproperlyConfigured when Redis would throw hints away to make room for others.

    A Redis that does not answer is waited for as ever: work does not depend on it, only on how soon it is
    done.
    """
    try:
        with closing(Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=1)) as redis:
            policy = redis.info("memory").get("maxmemory_policy", WANTED)
    except RedisError as error:
        log.warning("broker_not_asked", error_class=type(error).__name__)
        return
    if policy != WANTED:
        raise ImproperlyConfigured(f"Redis at REDIS_URL must have maxmemory-policy {WANTED}, not {policy}")


class KeepsWhatItHas(bootsteps.Step):
    """The check, before a worker starts anything."""

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        check()
