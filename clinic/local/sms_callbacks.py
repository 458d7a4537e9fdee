"""How the local SMS provider calls back: signed as the real one signs, in the order a test asks for."""

import base64
import hashlib
import hmac
import logging
import queue
import secrets
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlencode

from clinic.local.sms_store import API, Store

TIMEOUT_SECONDS = 15.0
STEP_SECONDS = 0.1
log = logging.getLogger(__name__)


def signature(*, token: str, url: str, fields: dict[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the exact URL and the sorted fields, base64."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def post(*, token: str, url: str, fields: dict[str, str]) -> tuple[int, str]:
    """POST the fields signed; returns the answer's status and text, status 0 when there was no answer."""
    request = urllib.request.Request(
        url,
        data=urlencode(fields).encode(),
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": signature(token=token, url=url, fields=fields),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status), answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


@dataclass(frozen=True, slots=True)
class Report:
    """One message's way through its statuses."""

    sid: str
    statuses: tuple[str, ...]
    error_code: int | None
    callback: str | None


class Reporter:
    """One thread that moves messages through their statuses and calls back, one report at a time."""

    def __init__(self, *, store: Store, token: str) -> None:
        self.store = store
        self.token = token
        self._reports: queue.Queue[Report] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def promise(self, report: Report) -> None:
        self._reports.put(report)

    def _run(self) -> None:
        while True:
            report = self._reports.get()
            for status in report.statuses:
                time.sleep(STEP_SECONDS)
                self._step(report, status)

    def _step(self, report: Report, status: str) -> None:
        failed = status in ("failed", "undelivered")
        message = self.store.move(
            sid=report.sid, status=status, error_code=report.error_code if failed else None
        )
        if message is None or report.callback is None:
            return
        fields = {
            "AccountSid": self.store.account,
            "ApiVersion": API,
            "From": message["from"] or "",
            "MessageSid": report.sid,
            "MessageStatus": status,
            "SmsSid": report.sid,
            "SmsStatus": status,
            "To": message["to"],
        }
        if message["error_code"] is not None:
            fields["ErrorCode"] = str(message["error_code"])
        answered, text = post(token=self.token, url=report.callback, fields=fields)
        if not 200 <= answered < 300:
            log.warning("callback %s for %s: %s %s", status, report.sid, answered, text[:200])
