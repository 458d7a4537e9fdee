"""What the local SMS provider knows: messages, their statuses, who opted out; kept in the ledger."""

import secrets
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from clinic.local.ledger import Ledger

API = "2010-04-01"
# A status only moves forward, whatever the order of the reports.
RANK = {"accepted": 0, "queued": 1, "sending": 2, "sent": 3, "failed": 4, "undelivered": 4, "delivered": 4}
# The GSM 03.38 alphabet; any other character makes the whole text UCS-2 with shorter segments.
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_DOUBLE = "^{}\\[~]|€\f"


class Store:
    def __init__(self, *, account: str, ledger: Path) -> None:
        self.account = account
        self.messages: dict[str, dict[str, Any]] = {}
        self.received: dict[str, str] = {}
        self.opted_out: set[str] = set()
        self._ledger = Ledger(ledger)
        self._lock = threading.RLock()
        for entry in self._ledger.entries():
            self._apply(entry)

    def create(self, *, form: dict[str, str], to: str) -> dict[str, Any]:
        """A queued message, on the disk before it is returned."""
        now = datetime.now(UTC)
        sid = "SM" + secrets.token_hex(16)
        service = form.get("MessagingServiceSid")
        uri = f"/{API}/Accounts/{self.account}/Messages/{sid}"
        message: dict[str, Any] = {
            "account_sid": self.account,
            "api_version": API,
            "body": form["Body"],
            "date_created": format_datetime(now),
            "date_sent": None,
            "date_updated": format_datetime(now),
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form.get("From"),
            "messaging_service_sid": service,
            "num_media": "0",
            "num_segments": str(segments(text=form["Body"])),
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "accepted" if service else "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": to,
            "uri": f"{uri}.json",
        }
        self._record({"event": "message", "message": message, "received_at": now.isoformat()})
        return dict(message)

    def move(self, *, sid: str, status: str, error_code: int | None) -> dict[str, Any] | None:
        """Set a status and return the message as it is to be reported; None when it is gone."""
        now = format_datetime(datetime.now(UTC))
        with self._lock:
            if sid not in self.messages:
                return None
            self._record(
                {"event": "status", "sid": sid, "status": status, "error_code": error_code, "at": now}
            )
            return {**self.messages[sid], "status": status, "error_code": error_code}

    def opt(self, *, number: str, out: bool) -> None:
        self._record({"event": "opt-out" if out else "opt-in", "number": number})

    def delete(self, *, sid: str) -> None:
        self._record({"event": "delete", "sid": sid})

    def clear(self) -> None:
        """Forget everything; the ledger goes on."""
        self._record({"event": "clear"})

    def find(self, sid: str) -> dict[str, Any] | None:
        with self._lock:
            found = self.messages.get(sid)
            return dict(found) if found else None

    def newest_first(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(message) for message in reversed(self.messages.values())]

    def inbox(self) -> list[dict[str, Any]]:
        """What phones have received, oldest first."""
        with self._lock:
            return [
                {
                    "to": message["to"],
                    "from": message["from"] or message["messaging_service_sid"],
                    "body": message["body"],
                    "received_at": self.received[sid],
                    "sid": sid,
                    "status": message["status"],
                }
                for sid, message in self.messages.items()
            ]

    def _record(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._ledger.append(entry)
            self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        match entry["event"]:
            case "message":
                message = entry["message"]
                self.messages[message["sid"]] = dict(message)
                self.received[message["sid"]] = entry["received_at"]
            case "status" if entry["sid"] in self.messages:
                self._advance(self.messages[entry["sid"]], entry)
            case "opt-out":
                self.opted_out.add(entry["number"])
            case "opt-in":
                self.opted_out.discard(entry["number"])
            case "delete":
                self.messages.pop(entry["sid"], None)
            case "clear":
                self.messages.clear()
                self.received.clear()
                self.opted_out.clear()

    @staticmethod
    def _advance(message: dict[str, Any], entry: dict[str, Any]) -> None:
        if RANK[entry["status"]] <= RANK[message["status"]]:
            return
        message["status"] = entry["status"]
        message["error_code"] = entry["error_code"]
        message["date_updated"] = entry["at"]
        if message["date_sent"] is None and RANK[entry["status"]] >= RANK["sent"]:
            message["date_sent"] = entry["at"]


def segments(*, text: str) -> int:
    """How many SMS segments the text takes."""
    if all(letter in GSM or letter in GSM_DOUBLE for letter in text):
        length = len(text) + sum(letter in GSM_DOUBLE for letter in text)
        return 1 if length <= 160 else -(-length // 153)
    length = len(text.encode("utf-16-be")) // 2
    return 1 if length <= 70 else -(-length // 67)
