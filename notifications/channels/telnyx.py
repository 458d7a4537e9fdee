"""SMS by Telnyx. Its API takes an idempotency key: a hand-over whose answer was lost is made again under the
key of the first, and the provider makes the two one (kept 24 hours, the body must be the same to the byte).
"""

import json
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from notifications.channels.base import ANSWERED, Outcome, Outgoing, Result, Sent, never_connected

CAN_BE_ASKED, REPLAYS = False, True
# The recipient has opted out; the number cannot receive texts, or is none.
OPTED_OUT = frozenset({"40300"})
NO_SUCH_NUMBER = frozenset({"40001", "40310", "10002"})
# What Telnyx reports, in the words of `ledger.PROVIDER_STATUSES`.
STATUSES = {
    "queued": "queued",
    "sending": "sending",
    "sent": "sent",
    "delivery_unconfirmed": "sent",
    "delivered": "delivered",
    "read": "read",
    "expired": "undelivered",
    "delivery_failed": "undelivered",
    "sending_failed": "failed",
}
_LOOPBACK = ("127.0.0.1", "localhost")


def configured() -> bool:
    return bool(settings.TELNYX_API_KEY and settings.TELNYX_FROM)


def send(*, outgoing: Outgoing) -> Result:
    """Hand one SMS to the provider, and ask for reports that name this hand-over. Raises TooLate."""
    body = {
        "from": settings.TELNYX_FROM,
        "to": outgoing.to,
        "text": outgoing.text,
        "webhook_url": f"{settings.PUBLIC_URL}/hooks/telnyx/reports/{outgoing.attempt_id}/",
        "use_profile_webhooks": False,
    }
    outgoing.begin()
    try:
        answer = _post(body, key=str(outgoing.attempt_id))
    except requests.exceptions.RequestException as error:
        code = type(error).__name__[:40]
        return Result(Outcome.TRANSIENT if never_connected(error) else Outcome.IN_DOUBT, code=code)
    return _read(answer)


def look_up(*, sent: Sent) -> Result | None:
    """A lost hand-over is made again instead of being asked about."""
    return None


def suppresses(code: str) -> str:
    """Why nothing must go to this address any more, by the provider's error code; blank when it may."""
    if code in OPTED_OUT:
        return "opted_out"
    return "no_such_address" if code in NO_SUCH_NUMBER else ""


def _post(body: dict[str, Any], *, key: str) -> requests.Response:
    base = settings.TELNYX_API_BASE.rstrip("/")
    with requests.Session() as session:
        # A proxy of the environment is not for a provider on this machine.
        session.trust_env = urlsplit(base).hostname not in _LOOPBACK
        return session.post(
            f"{base}/v2/messages",
            data=json.dumps(body, sort_keys=True, separators=(",", ":")),
            headers={
                "Authorization": f"Bearer {settings.TELNYX_API_KEY}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
            timeout=(settings.PROVIDER_CONNECT_SECONDS, settings.PROVIDER_READ_SECONDS),
            allow_redirects=False,
        )


def _read(answer: requests.Response) -> Result:
    if answer.status_code == 200:
        taken = _object(answer).get("data", {}).get("id", "")
        return (
            Result(Outcome.ACCEPTED, provider_id=taken) if taken else Result(Outcome.IN_DOUBT, code="no_id")
        )
    # 401 and 403 are our own settings: they pass once somebody repairs them. 409: the first is still running.
    code = _code(answer)
    if suppress := suppresses(code):
        return Result(Outcome.PERMANENT, code=code, suppress=suppress)
    if answer.status_code == 409 or answer.status_code >= 500 and answer.status_code != 503:
        return Result(Outcome.IN_DOUBT, code=f"{ANSWERED}{answer.status_code}")
    if answer.status_code in (401, 403, 429, 503):
        return Result(Outcome.TRANSIENT, code=code)
    return Result(Outcome.PERMANENT, code=code)


def _code(answer: requests.Response) -> str:
    errors = _object(answer).get("errors") or [{}]
    return str(errors[0].get("code") or f"{ANSWERED}{answer.status_code}")[:40]


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
