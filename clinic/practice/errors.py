"""The errors that every room shares. Each has a stable `code`; its docstring is the message."""

from typing import Any


class DomainError(Exception):
    """Something was refused for a reason that the caller can act on."""

    code = "refused"

    def __init__(self, message: str | None = None, **data: Any) -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.data = data
        super().__init__(self.message)


class Invalid(DomainError):
    """A field has a value that cannot be accepted."""

    code = "invalid"

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(None, fields=fields)
        self.fields = fields


class NotFound(DomainError):
    """There is no such object here."""

    code = "not_found"


class NotAllowed(DomainError):
    """You may not do this."""

    code = "not_allowed"


class TooLarge(DomainError):
    """What was sent is larger than is taken."""

    code = "too_large"


class Conflict(DomainError):
    """The object is not in a state that allows this."""

    code = "conflict"


class Busy(DomainError):
    """Somebody else is changing the same thing; try again in a moment."""

    code = "busy"


class Stale(DomainError):
    """The object has changed since you read it."""

    code = "stale"


class KeyReused(DomainError):
    """This Idempotency-Key was used with another request."""

    code = "idempotency_key_reused"


class KeyInFlight(DomainError):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_in_flight"


class Throttled(DomainError):
    """Too many requests; try again in a while."""

    code = "throttled"
    # Seconds.
    retry_after = 60

    def __init__(self, *, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after
