"""When a telling that failed is tried again, and when one stops trying. Pure (Standard Webhooks)."""

from datetime import datetime, timedelta

# After the first try, the second, ... The last is two and a half days after the event.
AGAIN = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
)
# A receiver that has accepted nothing for this long is switched off, and a person is told.
GIVEN_UP_AFTER = timedelta(days=5)
LONGEST_WAIT = timedelta(hours=24)
# The receiver's own word for "never again".
GONE = 410


def next_try(
    *, attempts: int, now: datetime, chance: float, retry_after: int | None = None
) -> datetime | None:
    """When to try again after this many attempts; None: no more. `chance` in [0, 1) spreads receivers that
    failed together over a tenth more; `retry_after` is what the receiver asked for, in seconds.
    """
    if attempts > len(AGAIN):
        return None
    wait = AGAIN[attempts - 1] * (1 + chance / 10)
    asked = timedelta(seconds=retry_after or 0)
    return now + max(wait, min(asked, LONGEST_WAIT))


def given_up(*, failing_since: datetime | None, now: datetime) -> bool:
    """Whether nothing has been accepted for so long that it is switched off."""
    return failing_since is not None and now - failing_since >= GIVEN_UP_AFTER
