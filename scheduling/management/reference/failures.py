"""errors.md: every code that a caller can be told, with the status that the configured handler gives it."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.urls import get_resolver
from rest_framework import exceptions as framework
from rest_framework.settings import api_settings

from clinic.practice.errors import DomainError
from scheduling.management.reference.markdown import table

ROOMS = ("clinic", "patients", "notifications", "scheduling")
# Bases are never raised; a message's own moves are made by no caller.
NOT_TOLD = {"DomainError", "PatientError", "SchedulingError", "InvalidMove"}
FRAMEWORK = (
    framework.NotAuthenticated(),
    framework.MethodNotAllowed("PUT"),
    framework.NotAcceptable(),
    framework.UnsupportedMediaType("text/plain"),
    framework.Throttled(),
)
# What the members beside `code` and `detail` hold.
MEMBERS = {
    "invalid": "`fields`: for each field, by its path, what is wrong with it.",
    "stale": "`version`: the version as it is now, where there is one.",
    "not_allowed": "`capability`: what would be needed.",
    "slot_taken": "`clashes`: the visits that do not fit; `alternative`: the nearest that does, or null.",
    "hold_expired": "`alternative`: what can be had instead as things stand now, or null.",
    "too_many_holds": "`limit`: how many there may be.",
    "unplannable": "`rules`: for each that cannot hold `rule`, `visit`, `message` and the "
    "`relaxations` that were tried.",
    "rule_violation": "`violations`: for each `rule_id`, `severity`, `overridable`, `visit`, `message`.",
    "invalid_transition": "`machine`, `state`, `verb`, `allowed`.",
    "not_sent": "`reason`: why, as messages that stay silent have it.",
    "in_the_future": "`at`: the instant that was asked for.",
}
# Not asked of the handler, which logs what the database alone refuses.
IN_USE = ("`in_use`", "409", "Other objects depend on this one.")
RETRY = "`Retry-After` says in how many seconds to try again."


def page() -> str:
    get_resolver().url_patterns  # noqa: B018  reading the addresses loads every view, and with it every error
    rows = sorted({_row(kind) for kind in _leaves(DomainError)}, key=lambda row: (row[0].strip("`"), row[1]))
    others = [_told(error) for error in (*FRAMEWORK, RequestDataTooBig())]
    return "".join(
        [
            "# Errors\n\n",
            "Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; `detail` is "
            "for people and may\n",
            "change. The one table from error to status is `clinic/config/errors.py`. `500 internal_error` "
            "is a fault of the\n",
            "product; `503 unavailable` says that the database does not answer, and `Retry-After` when to "
            "try again.\n\n",
            "## What the product refuses\n\n",
            table(("Code", "Status", "Meaning", "More members"), rows),
            "\nWhat another practice has is `not_found`, in the same bytes as what nobody has.\n\n",
            "## What the request itself lacks\n\n",
            table(("Code", "Status", "Example"), [*others, IN_USE]),
            "\nA value that the database alone can refuse is `400 invalid` or `409 conflict`; a lock "
            "or a statement that\n",
            "ran out of its time is `409 busy`.\n\n",
            "The token endpoint answers with the errors of RFC 6749 (`invalid_client`, "
            "`unsupported_grant_type` …), which\n",
            "OAuth2 clients expect.\n",
        ]
    )


def _leaves(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        if child.__module__.split(".")[0] in ROOMS:
            if child.__name__ not in NOT_TOLD:
                yield child
            yield from _leaves(child)


def _answer(error: Exception) -> Any:
    handler: Any = api_settings.EXCEPTION_HANDLER
    return handler(error, {})


def _row(kind: type[DomainError]) -> tuple[str, str, str, str]:
    # Without its own arguments: only the class decides on code, status and headers.
    error = kind.__new__(kind)
    DomainError.__init__(error)
    answer = _answer(error)
    more = MEMBERS.get(answer.data["code"], "")
    if answer.has_header("Retry-After"):
        more = f"{more} {RETRY}".strip()
    return f"`{answer.data['code']}`", str(answer.status_code), answer.data["detail"], more


def _told(error: Exception) -> tuple[str, str, str]:
    answer = _answer(error)
    return f"`{answer.data['code']}`", str(answer.status_code), answer.data["detail"]
