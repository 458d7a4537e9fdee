"""How long things may take while a message leaves, as the settings say. Each is an elapsed time."""

from datetime import timedelta

from django.conf import settings

# For what comes before and after a call.
MARGIN_SECONDS = 5.0


def lease() -> timedelta:
    """How long a message belongs to one worker: longer than the longest call to a provider."""
    return timedelta(seconds=settings.MESSAGE_LEASE_SECONDS)


def call() -> timedelta:
    """What must be left of the lease when a call begins."""
    return timedelta(seconds=settings.MESSAGE_CALL_SECONDS)


def pause() -> timedelta:
    """From the beginning of one hand-over to that of the next, in one process."""
    return timedelta(seconds=settings.MESSAGE_PAUSE_SECONDS)


def beginning(*, task: float) -> timedelta:
    """How long a task that is ended after so many seconds may go on beginning calls to providers."""
    return timedelta(seconds=task - MARGIN_SECONDS) - call()


def doubt_asked() -> timedelta:
    """How long a provider is asked about a message in doubt, before it is a person's alone."""
    return timedelta(seconds=settings.DOUBT_ASKED_SECONDS)
