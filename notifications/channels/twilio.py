"""SMS by Twilio's own client. Its API has no idempotency header: a time-out is an unknown outcome, never a
retry.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from notifications import neutral
from notifications.channels.base import Outcome, Outgoing, Result, Sent

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
# Twilio's error codes: the recipient has opted out; the number does not exist, is no mobile, cannot be
# reached by SMS.
OPTED_OUT = 21610
NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21614})
# The library logs addresses and query values, and a look-up's query holds a telephone number.
# A logger outside the tree, which no configuration that comes later can wake.
_SILENT = logging.Logger("notifications.twilio.silent", level=logging.CRITICAL + 1)
_PUBLIC_BASE = "https://api.twilio.com"
# A message that the provider took is listed under its own clock: allow for the difference.
_CLOCK_SKEW = timedelta(minutes=2)
_LOOK_UP_SPAN = timedelta(minutes=15)


class _Transport(TwilioHttpClient):  # type: ignore[misc]
    """The library's transport with a base address that can be set, two time-outs, and a connection for each
    message.

    A kept connection that the other side has closed meanwhile looks like a lost answer.
    """

    session: requests.Session

    def __init__(self) -> None:
        super().__init__(logger=_SILENT)
        # The library types one number; requests takes a pair.
        self.timeout = (CONNECT_SECONDS, READ_SECONDS)
        # A proxy of the environment is not for a provider on this machine.
        self.session.trust_env = urlsplit(settings.TWILIO_API_BASE).hostname not in ("127.0.0.1", "localhost")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return super().request(method, _at_base(url), *args, **kwargs)


def _at_base(url: str) -> str:
    parts, base = urlsplit(url), urlsplit(settings.TWILIO_API_BASE or _PUBLIC_BASE)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def configured() -> bool:
    return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN and settings.TWILIO_FROM)


def send(*, outgoing: Outgoing) -> Result:
    """Hand one SMS to the provider."""
    try:
        with _client() as client:
            taken = client.messages.create(to=outgoing.to, from_=settings.TWILIO_FROM, body=outgoing.text)
    except TwilioRestException as error:
        return _refused(error)
    except requests.exceptions.RequestException as error:
        code = type(error).__name__[:40]
        return Result(Outcome.TRANSIENT if _never_connected(error) else Outcome.IN_DOUBT, code=code)
    except (TwilioException, ValueError) as error:
        # An answer that cannot be read: it may well have been taken.
        return Result(Outcome.IN_DOUBT, code=type(error).__name__[:40])
    if not taken.sid:
        return Result(Outcome.IN_DOUBT, code="no_sid")
    return Result(Outcome.ACCEPTED, provider_id=taken.sid)


def look_up(*, sent: Sent) -> Result | None:
    """Ask the provider whether it has the message: the same number and text, at that time, not known to us
    already.

    None when it does not say so: that alone is no proof of the contrary.
    """
    try:
        with _client() as client:
            # Newest first. Not by DateSent: a message that still waits at the provider has none.
            listed = client.messages.list(to=sent.to, limit=50)
    except (TwilioException, requests.exceptions.RequestException, ValueError):
        return None
    for row in listed:
        at = row.date_created or row.date_sent
        fits = at is None or -_CLOCK_SKEW <= at - sent.begun_at <= _LOOK_UP_SPAN
        new = row.sid and row.sid not in sent.known_ids and row.to == sent.to
        # What is kept of a text holds no link.
        if fits and new and neutral.kept(row.body or "") == sent.text:
            return Result(Outcome.ACCEPTED, provider_id=row.sid)
    return None


@contextmanager
def _client() -> Iterator[Client]:
    transport = _Transport()
    try:
        yield Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=transport)
    finally:
        transport.session.close()


def _never_connected(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection stood, so that nothing can have been handed over."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _refused(error: TwilioRestException) -> Result:
    code = str(error.code or f"http_{error.status}")
    if error.code == OPTED_OUT:
        return Result(Outcome.PERMANENT, code=code, suppress="opted_out")
    if error.code in NO_SUCH_NUMBER:
        return Result(Outcome.PERMANENT, code=code, suppress="no_such_address")
    # 401 and 403 are our own settings: they pass once somebody repairs them, and no patient's message is at
    # fault.
    if error.status in (401, 403, 429) or error.code == 20429:
        return Result(Outcome.TRANSIENT, code=code)
    if error.status >= 500:
        return Result(Outcome.TRANSIENT, code=code)
    return Result(Outcome.PERMANENT, code=code)
