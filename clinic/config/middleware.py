"""What wraps every request: its id, one log line and one count, who it is for the history, and no caching."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import pghistory
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from clinic.config import errors, metrics

log = structlog.get_logger("clinic.request")
GetResponse = Callable[[HttpRequest], HttpResponse]
# Nothing here needs a camera, a place or a payment; passkeys are asked for by our own pages.
PERMISSIONS_POLICY = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), "
    "publickey-credentials-create=(self), publickey-credentials-get=(self)"
)
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class RequestContextMiddleware:
    """Give the request an id that the trail, the history and the logs share; tell the route's pattern, never
    the URL."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - began
        match = request.resolver_match
        route = match.route if match else "unmatched"
        # A method is the caller's own word: only known ones become a label.
        method = request.method if request.method in metrics.METHODS else "OTHER"
        log.info(
            "request",
            method=method,
            route=route,
            status=response.status_code,
            duration_ms=round(seconds * 1000, 1),
        )
        metrics.observe(method=str(method), route=route, status=response.status_code, seconds=seconds)
        response["X-Request-ID"] = request_id
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        structlog.contextvars.clear_contextvars()
        return response


class HistoryContextMiddleware:
    """Row history says who: every row that a writing request changes carries its actor and its request id.

    Stands after the session's middleware. A program is known only later, from its token: BearerAuthentication
    joins this context then.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE:
            return self.get_response(request)
        with pghistory.context(**self._who(request)):
            return self.get_response(request)

    @staticmethod
    def _who(request: HttpRequest) -> dict[str, Any]:
        told = {"request_id": structlog.contextvars.get_contextvars().get("request_id", "")}
        # Asking for the user reads the session; a program has none.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            told["actor"] = f"staff:{request.user.pk}"
        return told


class PrivateResponseMiddleware:
    """`Cache-Control: no-store` on everything that a view answered: the back button after a sign-out shows
    nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class LimitsMiddleware:
    """Tell who came too often, wherever it was found: 429 or 503, with when to come back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return errors.of_limits(request, exception)
