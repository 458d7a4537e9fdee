"""What wraps every request: its id and one log line, and that no answer about a person is ever cached."""

import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger("clinic.request")
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Give the request an id that the trail and the logs share; log the route's pattern, never the URL or its query."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        log.info(
            "request",
            method=request.method,
            route=match.route if match else "unmatched",
            status=response.status_code,
            duration_ms=round((time.perf_counter() - began) * 1000, 1),
        )
        response["X-Request-ID"] = request_id
        structlog.contextvars.clear_contextvars()
        return response


class PrivateResponseMiddleware:
    """`Cache-Control: no-store` on everything that a view answered: the back button after a sign-out shows nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
