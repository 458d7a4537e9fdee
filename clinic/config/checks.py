"""What `check --deploy` asks of an installation, and a worker before it takes any work."""

from typing import Any

from celery import bootsteps
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from notifications import channels

UNSIGNED = "clinic.E001"


def agreements(**kwargs: Any) -> list[CheckMessage]:
    """R-16: no provider gets what patients are told before there is an agreement with it."""
    return [
        Error(
            f"No business associate agreement with {name} has been declared: nothing is sent by it.",
            hint="Sign one, then name the provider in MESSAGE_BAA_SIGNED; some need more than a signature.",
            id=UNSIGNED,
        )
        for name in channels.without_agreement()
    ]


class HasAgreements(bootsteps.Step):
    """The check, before a worker starts anything. Raises ImproperlyConfigured."""

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        found = agreements()
        if found:
            raise ImproperlyConfigured(" ".join(f"{one.msg} {one.hint}" for one in found))
