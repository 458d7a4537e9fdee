"""What a command says when the product refuses: one line, and the exit status 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from clinic.practice.errors import DomainError, Invalid


@contextmanager
def told() -> Iterator[None]:
    """Turn a domain error into a CommandError that names each field."""
    try:
        yield
    except Invalid as error:
        lines = (f"{field}: {' '.join(messages)}" for field, messages in error.fields.items())
        raise CommandError("; ".join(lines)) from error
    except DomainError as error:
        raise CommandError(error.message) from error
