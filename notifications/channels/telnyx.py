"""SMS by Telnyx. Its API takes an idempotency key: a hand-over whose answer was lost is made again under the
key of the first, and the provider makes the two one (kept 24 hours, the body must be the same to the byte).
"""

import json
from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings

from notifications.channels import base
from notifications.channels.base import ANSWERED, Fault, Outcome, Outgoing, Result, Sent, never_connected

CAN_BE_ASKED, REPLAYS = False, True
# Telnyx's messaging error codes, of an answer and of a report.
FAULTS: Mapping[str, Fault] = {
    "10002": Fault.GONE,  # not a telephone number
    "40001": Fault.GONE,  # a landline, or no carrier takes texts for it
    "40012": Fault.GONE,  # the carrier knows no such number
    "40310": Fault.GONE,  # not a number to send to
    "40300": Fault.OPTED_OUT,
    "10009": Fault.AGAIN,  # our key: passes once somebody repairs it
    "10011": Fault.AGAIN,  # too many at once
    "40002": Fault.AGAIN,  # held back by a filter for a while
    "40006": Fault.AGAIN,  # the carrier is away
    "40011": Fault.AGAIN,  # too many at once for the carrier
    "40003": Fault.NEVER,  # our number is blocked by a filter
    "40004": Fault.NEVER,  # the carrier refused it and does not say why
    "40005": Fault.NEVER,  # not delivered in its time
    "40008": Fault.NEVER,  # the carrier did not take it
    "40009": Fault.NEVER,  # the carrier did not like the text
    "40010": Fault.NEVER,  # our number has no 10DLC campaign
    "40013": Fault.NEVER,  # our own number is wrong
}
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


def configured() -> bool:
    return bool(settings.TELNYX_API_KEY and settings.TELNYX_FROM)


def is_near() -> bool:
    """Whether a stand-in on this machine takes the messages."""
    return base.on_this_machine(settings.TELNYX_API_BASE)


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
    return base.suppression(faults=FAULTS, code=code)


def _post(body: dict[str, Any], *, key: str) -> requests.Response:
    base = settings.TELNYX_API_BASE.rstrip("/")
    with requests.Session() as session:
        # A proxy of the environment is not for a provider on this machine.
        session.trust_env = not is_near()
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
    if answer.status_code < 500 and (fault := FAULTS.get(code)):
        return base.refusal(fault=fault, code=code)
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
