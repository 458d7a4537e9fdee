"""How long things may take while a message leaves, as the settings say. Each is an elapsed time."""

from datetime import timedelta

from django.conf import settings


def lease() -> timedelta:
    """How long a message belongs to one worker: longer than the longest call to a provider."""
    return timedelta(seconds=settings.MESSAGE_LEASE_SECONDS)


def call() -> timedelta:
    """What must be left of the lease when a call begins."""
    return timedelta(seconds=settings.MESSAGE_CALL_SECONDS)


def doubt_asked() -> timedelta:
    """How long a provider is asked about a message in doubt, before it is a person's alone."""
    return timedelta(seconds=settings.DOUBT_ASKED_SECONDS)
