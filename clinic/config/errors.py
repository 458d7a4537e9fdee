"""The one table from what went wrong to what the caller is told (RFC 9457, application/problem+json)."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.db.models import ProtectedError
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.response import Response

from clinic.practice import errors as shared

log = structlog.get_logger("clinic.errors")
PROBLEM = "application/problem+json"

STATUS_OF: dict[type[Exception], int] = {
    shared.Invalid: 400,
    shared.NotFound: 404,
    shared.NotAllowed: 403,
    shared.Conflict: 409,
    shared.Busy: 409,
    shared.Stale: 412,
    shared.KeyReused: 422,
    shared.KeyInFlight: 409,
}
RETRY_AFTER = {shared.Busy: "1", shared.KeyInFlight: "1"}
DRF_CODES = {
    400: "invalid",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "throttled",
}


def problem(*, status: int, code: str, detail: str, **extra: Any) -> Response:
    """A problem+json answer; `code` is stable, `detail` is for people."""
    body = {"type": "about:blank", "title": detail, "status": status, "code": code, "detail": detail, **extra}
    return Response(body, status=status, content_type=PROBLEM)


def status_of(error: Exception) -> int | None:
    """The HTTP status of a domain error, found by its nearest listed ancestor; None when it is none of ours."""
    for ancestor in type(error).__mro__:
        if ancestor in STATUS_OF:
            return STATUS_OF[ancestor]
    return 400 if isinstance(error, shared.DomainError) else None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: domain errors, framework errors, and the few database errors that a caller can cause."""
    if isinstance(error, shared.DomainError):
        response = problem(
            status=status_of(error) or 400, code=error.code, detail=error.message, **error.data
        )
        for kind, seconds in RETRY_AFTER.items():
            if isinstance(error, kind):
                response["Retry-After"] = seconds
        return response
    if isinstance(error, Http404):
        return problem(status=404, code="not_found", detail="There is no such object here.")
    if isinstance(error, PermissionDenied):
        return problem(status=403, code="not_allowed", detail="You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return problem(status=413, code="too_large", detail="The body is larger than 1 MB.")
    if isinstance(error, ProtectedError):
        return problem(status=409, code="in_use", detail="Other objects depend on this one.")
    if isinstance(error, drf.ValidationError):
        return problem(status=400, code="invalid", detail="A field has a value that cannot be accepted.", fields=error.detail)
    if isinstance(error, drf.APIException):
        response = problem(
            status=error.status_code,
            code=DRF_CODES.get(error.status_code, "refused"),
            detail=str(error.detail),
        )
        if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
            response["WWW-Authenticate"] = "Bearer"
        if isinstance(error, drf.Throttled) and error.wait:
            response["Retry-After"] = str(int(error.wait) + 1)
        return response
    if isinstance(error, DatabaseError):
        log.error("database_error", error_class=type(error).__name__)
    return None
