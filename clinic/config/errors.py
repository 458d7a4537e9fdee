"""The one table from what went wrong to what the caller is told (RFC 9457, application/problem+json)."""

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, DataError, IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response

from clinic.practice import errors as shared
from clinic.practice import limits
from clinic.practice.api import conditions, shapes
from patients import errors as patients
from scheduling import errors as scheduling

log = structlog.get_logger("clinic.errors")
PROBLEM = "application/problem+json"
# Programs speak to these; everything else is read by a person in a browser.
PROGRAM_PATHS = ("/api/", "/oauth/", "/hooks/", "/health/", "/metrics")

STATUS_OF: dict[type[Exception], int] = {
    shared.Invalid: 400,
    shared.NotFound: 404,
    shared.NotAllowed: 403,
    shared.Conflict: 409,
    shared.TooLarge: 413,
    shared.Busy: 409,
    shared.Stale: 412,
    shared.KeyReused: 422,
    shared.KeyInFlight: 409,
    conditions.PreconditionRequired: 428,
    patients.Merged: 410,
    scheduling.Unplannable: 422,
    scheduling.RuleViolation: 422,
    scheduling.InTheFuture: 422,
    shared.Throttled: 429,
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
# What a lock that was not had in time looks like when it was not caught nearer: lock_not_available,
# deadlock_detected, query_canceled, serialization_failure.
BUSY_STATES = {"55P03", "40P01", "57014", "40001"}
TAKEN_STATES = {"23505", "23P01"}
# A foreign key: what was there a moment ago, such as a duplicate patient, was deleted meanwhile.
GONE_STATE = "23503"
# The server is going down, is down or is coming up, or takes no more connections. A connection that was
# refused or lost has no state at all; class 08 is PostgreSQL's own word for it.
AWAY_STATES = {"", "57P01", "57P02", "57P03", "53300"}
AWAY_CLASS = "08"
AWAY_RETRY_AFTER = "5"
AWAY = (
    "The database does not answer at the moment. Try again; what was sent may have been kept, so send it "
    "with the same Idempotency-Key."
)
NOT_FOUND = "There is no such object here."


def body_of(*, status: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """The members of a problem. `about:blank` says that the title is the status's own phrase; `code` tells
    the rest."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **extra}


def problem(*, status: int, code: str, detail: str, **extra: Any) -> Response:
    """A problem+json answer of an API view; `code` is stable, `detail` is for people."""
    return Response(
        body_of(status=status, code=code, detail=detail, **extra), status=status, content_type=PROBLEM
    )


def status_of(error: Exception) -> int | None:
    """The HTTP status of a domain error, found by its nearest listed ancestor; None when it is none of
    ours."""
    for ancestor in type(error).__mro__:
        if ancestor in STATUS_OF:
            return STATUS_OF[ancestor]
    return 409 if isinstance(error, shared.DomainError) else None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: domain errors, framework errors, and the few database errors that a caller can cause."""
    if isinstance(error, shared.DomainError):
        return _of_domain(error)
    if isinstance(error, drf.APIException):
        return _of_framework(error)
    if isinstance(error, DatabaseError):
        return _of_database(error)
    if isinstance(error, Http404):
        return problem(status=404, code="not_found", detail=NOT_FOUND)
    if isinstance(error, PermissionDenied):
        return problem(status=403, code="not_allowed", detail="You may not do this.")
    if isinstance(error, RequestDataTooBig):
        too_large = "The body is larger than 1 MB."
        return problem(status=413, code="too_large", detail=too_large, fields={"body": [too_large]})
    return None


def _of_domain(error: shared.DomainError) -> Response:
    if isinstance(error, shared.NotFound):
        # Always the same bytes: what is not there and what is another practice's cannot be told apart.
        return problem(status=404, code="not_found", detail=NOT_FOUND)
    response = problem(status=status_of(error) or 409, code=error.code, detail=error.message, **error.data)
    seconds = retry_after(error)
    if seconds:
        response["Retry-After"] = seconds
    return response


def retry_after(error: shared.DomainError) -> str:
    """In how many seconds it makes sense to try again; empty where that is not known."""
    if isinstance(error, shared.Throttled):
        return str(error.retry_after)
    return next((seconds for kind, seconds in RETRY_AFTER.items() if isinstance(error, kind)), "")


def _of_framework(error: drf.APIException) -> Response:
    if isinstance(error, drf.ValidationError):
        return problem(
            status=400, code="invalid", detail=shared.Invalid.__doc__ or "", fields=shapes.flat(error.detail)
        )
    status = error.status_code
    response = problem(status=status, code=DRF_CODES.get(status, "refused"), detail=str(error.detail))
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        response["WWW-Authenticate"] = "Bearer"
    wait = getattr(error, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(int(wait) + 1)
    return response


def _of_database(error: DatabaseError) -> Response | None:
    """A net under the use cases, which know more: each catch here is logged, because one of them should
    have."""
    if is_away(error):
        log.error("database_away", code=_state(error))
        response = problem(status=503, code="unavailable", detail=AWAY)
        response["Retry-After"] = AWAY_RETRY_AFTER
        return response
    state = _state(error)
    log.error("database_error", error_class=type(error).__name__, code=state)
    if isinstance(error, ProtectedError):
        return problem(status=409, code="in_use", detail="Other objects depend on this one.")
    if isinstance(error, IntegrityError) and state == GONE_STATE:
        return problem(status=409, code="conflict", detail="It names something that is gone by now.")
    if isinstance(error, IntegrityError) and state in TAKEN_STATES:
        return problem(status=409, code="conflict", detail="Something with these values is already there.")
    if isinstance(error, DataError):
        return problem(
            status=400,
            code="invalid",
            detail=shared.Invalid.__doc__ or "",
            fields={"body": ["A value is out of range."]},
        )
    if isinstance(error, OperationalError) and state in BUSY_STATES:
        return _of_domain(shared.Busy())
    return None


def is_away(error: BaseException | None) -> bool:
    """Whether the database could not be reached or went away: nobody's fault here, and soon over."""
    state = _state(error)
    return isinstance(error, OperationalError) and (state in AWAY_STATES or state.startswith(AWAY_CLASS))


def _state(error: BaseException | None) -> str:
    return getattr(getattr(error, "__cause__", None), "sqlstate", "") or ""


def _page_or_problem(
    *, status: int, code: str, detail: str, page: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    """One of Django's own error views: a problem for a program, the page for a person."""

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.path.startswith(PROGRAM_PATHS):
            return _plain_problem(status=status, code=code, detail=detail)
        return page(request, *args, **kwargs)

    return view


def _plain_problem(*, status: int, code: str, detail: str) -> HttpResponse:
    """A problem outside of DRF, in the same bytes."""
    told = body_of(status=status, code=code, detail=detail)
    return JsonResponse(
        told, status=status, content_type=PROBLEM, json_dumps_params={"separators": (",", ":")}
    )


bad_request = _page_or_problem(
    status=400, code="invalid", detail=shared.Invalid.__doc__ or "", page=defaults.bad_request
)
not_allowed = _page_or_problem(
    status=403, code="not_allowed", detail="You may not do this.", page=defaults.permission_denied
)
not_found = _page_or_problem(status=404, code="not_found", detail=NOT_FOUND, page=defaults.page_not_found)
_internal_error = _page_or_problem(
    status=500,
    code="internal_error",
    detail="Something went wrong here; the request may be sent again.",
    page=defaults.server_error,
)


def _away_page(request: HttpRequest) -> HttpResponse:
    # Without the request: no context processor may ask the database who is signed in.
    return HttpResponse(loader.get_template("503.html").render(), status=503)


def of_limits(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """What a caller outside of DRF is told who came too often, or while it cannot be counted; else None."""
    if isinstance(error, limits.Closed):
        response = HttpResponse(loader.render_to_string("503_sign_in.html"), status=503)
    elif not isinstance(error, shared.Throttled):
        return None
    elif request.path.startswith(PROGRAM_PATHS):
        response = _plain_problem(status=429, code=error.code, detail=error.message)
    else:
        page = loader.render_to_string("429.html", {"seconds": error.retry_after})
        response = HttpResponse(page, status=429)
    response["Retry-After"] = str(error.retry_after)
    return response


_unavailable = _page_or_problem(status=503, code="unavailable", detail=AWAY, page=_away_page)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's last resort, called while it handles the error: a database that is away is a 503."""
    error = sys.exc_info()[1]
    if not is_away(error):
        return _internal_error(request)
    log.error("database_away", code=_state(error))
    response = _unavailable(request)
    response["Retry-After"] = AWAY_RETRY_AFTER
    return response
