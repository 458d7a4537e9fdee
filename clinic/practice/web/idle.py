"""A screen that nobody uses is signed out, by the server: 45 CFR 164.312(a)(2)(iii), ASVS 7.3.1, 7.3.2."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
# One write of the session for many clicks; a session ends this much early at worst, never late.
WRITE_EVERY = timedelta(seconds=30)
BEGAN, SEEN = "session_began", "session_seen"
# A page that refreshes itself sends this: a screen that nobody looks at must not stay signed in by it.
BACKGROUND = "X-Background"
GetResponse = Callable[[HttpRequest], HttpResponse]


class IdleTimeoutMiddleware:
    """Sign out after 15 minutes without a request and after 12 hours in any case.

    Stands after the authentication's middleware and before everything that asks who it is.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key is not None and request.user.is_authenticated:
            self._check(request, timezone.now())
        return self.get_response(request)

    @staticmethod
    def _check(request: HttpRequest, now: datetime) -> None:
        began = _instant(request.session.get(BEGAN)) or now
        seen = _instant(request.session.get(SEEN)) or now
        if now - seen >= IDLE or now - began >= ABSOLUTE:
            logout(request)
            return
        if BEGAN not in request.session:
            request.session[BEGAN] = now.isoformat()
            request.session[SEEN] = now.isoformat()
        elif now - seen >= WRITE_EVERY and BACKGROUND not in request.headers:
            request.session[SEEN] = now.isoformat()


def _instant(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
