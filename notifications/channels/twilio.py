"""SMS by Twilio's own client. Its API has no idempotency header: a time-out is an unknown outcome, never a
retry.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import requests
from django.conf import settings
from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from notifications import neutral
from notifications.channels import base
from notifications.channels.base import ANSWERED, Fault, Outcome, Outgoing, Result, Sent, never_connected

CAN_BE_ASKED, REPLAYS = True, False
# Twilio's error and warning dictionary, of an answer and of a report. What begins with 63 is of WhatsApp and
# other channels than ours.
FAULTS: Mapping[str, Fault] = {
    "21211": Fault.GONE,  # not a telephone number
    "21214": Fault.GONE,  # cannot be reached
    "21217": Fault.GONE,  # not a telephone number
    "21265": Fault.GONE,  # a short code
    "21614": Fault.GONE,  # no mobile
    "21635": Fault.GONE,  # a landline
    "30005": Fault.GONE,  # unknown to its carrier, or not in service any more
    "30006": Fault.GONE,  # a landline, or a carrier that cannot be reached
    "21610": Fault.OPTED_OUT,
    "20003": Fault.AGAIN,  # our credentials: passes once somebody repairs them
    "20429": Fault.AGAIN,  # too many at once
    "21611": Fault.AGAIN,  # the queue of our number is full
    "30001": Fault.AGAIN,  # their queue was full
    "30003": Fault.AGAIN,  # switched off or out of reach
    "30008": Fault.AGAIN,  # the carrier does not say why
    "30022": Fault.AGAIN,  # more than our 10DLC campaign may send at once
    "21408": Fault.NEVER,  # the account may not send to that country
    "21606": Fault.NEVER,  # our number cannot send
    "21612": Fault.NEVER,  # not from our number to that one
    "30002": Fault.NEVER,  # our account is suspended
    "30004": Fault.NEVER,  # blocked, by the carrier or on the telephone
    "30007": Fault.NEVER,  # held back by a filter
    "30034": Fault.NEVER,  # our number has no 10DLC campaign
}
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

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__(logger=_SILENT)
        self._begin = begin
        # The library types one number; requests takes a pair.
        self.timeout = (settings.PROVIDER_CONNECT_SECONDS, settings.PROVIDER_READ_SECONDS)
        # A proxy of the environment is not for a provider on this machine.
        self.session.trust_env = not is_near()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        self._begin()
        return super().request(method, _at_base(url), *args, **kwargs)


def _at_base(url: str) -> str:
    parts, base = urlsplit(url), urlsplit(settings.TWILIO_API_BASE or _PUBLIC_BASE)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def configured() -> bool:
    return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN and settings.TWILIO_FROM)


def is_near() -> bool:
    """Whether a stand-in on this machine takes the messages."""
    return base.on_this_machine(settings.TWILIO_API_BASE)


def send(*, outgoing: Outgoing) -> Result:
    """Hand one SMS to the provider, and ask for reports that name this hand-over. Raises TooLate."""
    try:
        with _client(begin=outgoing.begin) as client:
            taken = client.messages.create(
                to=outgoing.to,
                body=outgoing.text,
                status_callback=reports_address(outgoing.attempt_id) or values.unset,
                **_sender(),
            )
    except TwilioRestException as error:
        return _refused(error)
    except requests.exceptions.RequestException as error:
        code = type(error).__name__[:40]
        return Result(Outcome.TRANSIENT if never_connected(error) else Outcome.IN_DOUBT, code=code)
    except (TwilioException, ValueError) as error:
        # An answer that cannot be read: it may well have been taken.
        return Result(Outcome.IN_DOUBT, code=type(error).__name__[:40])
    if not taken.sid:
        return Result(Outcome.IN_DOUBT, code="no_sid")
    return Result(Outcome.ACCEPTED, provider_id=taken.sid)


def look_up(*, sent: Sent) -> Result | None:
    """Ask the provider whether it has the message: the same number and text, at that time, not known to us
    already.

    None when it does not say so: that alone is no proof of the contrary. Where the provider had answered
    with an error of its own, it is.
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
    return Result(Outcome.TRANSIENT, code="not_listed") if sent.answered_no else None


def suppresses(code: str) -> str:
    """Why nothing must go to this address any more, by the provider's error code; blank when it may."""
    return base.suppression(faults=FAULTS, code=code)


def reports_address(attempt_id: UUID) -> str:
    """Where the provider reports on a hand-over; blank where it could not reach us."""
    public = settings.PUBLIC_URL.startswith("https://")
    near = is_near()
    return f"{settings.PUBLIC_URL}/hooks/twilio/reports/{attempt_id}/" if public or near else ""


def _sender() -> dict[str, str]:
    """A number of ours, or a messaging service that chooses one."""
    name = "messaging_service_sid" if settings.TWILIO_FROM.startswith("MG") else "from_"
    return {name: settings.TWILIO_FROM}


def _nothing_to_begin() -> None:
    """Asking hands nothing over."""


@contextmanager
def _client(*, begin: Callable[[], None] = _nothing_to_begin) -> Iterator[Client]:
    transport = _Transport(begin)
    try:
        yield Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=transport)
    finally:
        transport.session.close()


def _refused(error: TwilioRestException) -> Result:
    code = str(error.code or f"http_{error.status}")
    if error.status < 500 and (fault := FAULTS.get(code)):
        return base.refusal(fault=fault, code=code)
    # 401 and 403 are our own settings: they pass once somebody repairs them, and no patient's message is at
    # fault.
    # 503 says that the request was not handled (RFC 9110, 15.6.4).
    if error.status in (401, 403, 429, 503):
        return Result(Outcome.TRANSIENT, code=code)
    if error.status >= 500:
        # It may have failed after it had taken the message.
        return Result(Outcome.IN_DOUBT, code=f"{ANSWERED}{error.status}")
    return Result(Outcome.PERMANENT, code=code)
