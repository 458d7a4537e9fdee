"""A local SMS provider that speaks Telnyx's HTTP API: `python -m clinic.local.telnyx_provider`.

POST and GET /v2/messages as the real one, with its idempotency keys: a success is kept under its key, an
error is not. Beside them GET /inbox, POST /control/clear, POST
/control/inbound (a patient's reply) and POST /control/faults, where a fault is one of
    {"status": 500, "code": "10007", "accept": false|true}   an error answer
    {"drop": true, "accept": true|false}              the connection closes, no answer
    {"seconds": 30, "accept": true|false}             the answer comes late
    {"statuses": ["sent", "delivery_failed"], "error_code": "40001"}   taken, then reported so
Reports are signed with a key that is derived from the API key, so that a test can tell its other half.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clinic.local.faults import Faults
from clinic.local.httpd import Reply, Request, as_json, server
from clinic.local.ledger import Ledger

KEY = re.compile(r"[A-Za-z0-9_:-]{1,255}")
STEP_SECONDS = 0.1
# Numbers that refuse, one a reason.
MAGIC_TO = {
    "+15005550004": ("40300", "Blocked due to STOP message"),
    "+15005550001": ("40310", "Invalid 'to' address"),
}


def signing_key(api_key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(api_key.encode()).digest())


def public_key(api_key: str) -> str:
    """As the real one shows it: base64."""
    return base64.b64encode(signing_key(api_key).public_key().public_bytes_raw()).decode()


def signed(api_key: str, body: bytes, at: int) -> dict[str, str]:
    """The headers of a report."""
    signature = signing_key(api_key).sign(f"{at}|".encode() + body)
    return {
        "Content-Type": "application/json",
        "Telnyx-Timestamp": str(at),
        "Telnyx-Signature-Ed25519": base64.b64encode(signature).decode(),
    }


class Provider:
    def __init__(self, *, api_key: str, ledger: Path) -> None:
        self.api_key = api_key
        self.faults = Faults()
        self.messages: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, tuple[str, str]] = {}
        self._ledger = Ledger(ledger)
        self._lock = threading.Lock()
        for entry in self._ledger.entries():
            self._apply(entry)

    def answer(self, request: Request) -> Reply | None:
        """One request; None to close the connection without an answer."""
        match request.method, request.path:
            case "GET", "/inbox":
                return as_json(self._inbox())
            case "POST", "/control/faults":
                self.faults.add(request.json())
                return as_json({"done": True})
            case "POST", "/control/clear":
                self.faults.clear()
                self._record({"event": "clear"})
                return as_json({"done": True})
            case "POST", "/control/inbound":
                return self._inbound(request.json())
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return error(401, "10009", "Authentication failed")
        if request.method == "POST" and request.path == "/v2/messages":
            return self._send(request)
        found = self.messages.get(request.path.removeprefix("/v2/messages/"))
        return as_json({"data": found}) if found else error(404, "10005", "Resource not found")

    def _inbound(self, reply: dict[str, Any]) -> Reply:
        """A text from a phone, told to the given address as the real one tells it."""
        payload = {
            "record_type": "message",
            "direction": "inbound",
            "id": str(uuid4()),
            "type": "SMS",
            "from": {"phone_number": reply["from"], "carrier": "", "line_type": "Wireless"},
            "to": [{"phone_number": reply["to"], "status": "webhook_delivered"}],
            "text": reply["body"],
            "media": [],
            "received_at": datetime.now(UTC).isoformat(),
        }
        event = {"event_type": "message.received", "id": str(uuid4()), "payload": payload}
        body = json.dumps({"data": event}).encode()
        headers = signed(self.api_key, body, int(time.time()))
        told = urllib.request.Request(reply["url"], data=body, headers=headers)
        with urllib.request.urlopen(told, timeout=10) as answer:
            return as_json({"sid": payload["id"], "status": answer.status})

    def _send(self, request: Request) -> Reply | None:
        key, digest = request.headers.get("idempotency-key", ""), hashlib.sha256(request.body).hexdigest()
        if key and not KEY.fullmatch(key):
            return error(422, "10015", "Bad Request")
        wanted = request.json()
        fault = self.faults.take(to=str(wanted.get("to")))
        if not fault.get("accept", "status" not in fault):
            time.sleep(fault.get("seconds", 0))
            return error(fault["status"], fault.get("code", "10007"), "Error") if "status" in fault else None
        with self._lock:
            if key in self.kept:
                before, message_id = self.kept[key]
                if before != digest:
                    return error(422, "10015", "The key was used for another request")
                taken = self.messages[message_id]
            else:
                refusal = refused(wanted)
                if refusal is not None:
                    return refusal
                taken = self._take(wanted, key, digest, fault)
        time.sleep(fault.get("seconds", 0))
        if "status" in fault:
            return error(fault["status"], fault.get("code", "10007"), "Unexpected error")
        return None if fault.get("drop") else as_json({"data": taken})

    def _take(self, wanted: dict[str, Any], key: str, digest: str, fault: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "record_type": "message",
            "direction": "outbound",
            "id": str(uuid4()),
            "type": "SMS",
            "from": {"phone_number": wanted["from"], "carrier": "", "line_type": "VoIP"},
            "to": [{"phone_number": wanted["to"], "status": "queued", "carrier": "", "line_type": ""}],
            "text": wanted["text"],
            "webhook_url": wanted.get("webhook_url"),
            "errors": [],
            "parts": 1,
            "received_at": datetime.now(UTC).isoformat(),
        }
        self._record({"event": "message", "message": message, "key": key, "digest": digest})
        statuses = fault.get("statuses", ("sent", "delivered"))
        told = (message, tuple(statuses), fault.get("error_code"))
        threading.Thread(target=self._report, args=told, daemon=True).start()
        return message

    def _report(self, message: dict[str, Any], statuses: tuple[str, ...], code: str | None) -> None:
        for status in statuses:
            time.sleep(STEP_SECONDS)
            failed = status in ("sending_failed", "delivery_failed")
            payload = {
                **message,
                "to": [{**message["to"][0], "status": status}],
                "errors": [{"code": code, "title": "Failed"}] if failed and code else [],
            }
            kind = "message.sent" if status == "sent" else "message.finalized"
            event = {"data": {"record_type": "event", "id": str(uuid4()), "event_type": kind}}
            event["data"]["payload"] = payload  # type: ignore[assignment]
            body = json.dumps(event).encode()
            headers = signed(self.api_key, body, int(time.time()))
            try:
                urllib.request.urlopen(
                    urllib.request.Request(message["webhook_url"], data=body, headers=headers), timeout=10
                ).close()
            except (urllib.error.URLError, OSError, ValueError):
                continue

    def _inbox(self) -> list[dict[str, Any]]:
        return [
            {
                "to": message["to"][0]["phone_number"],
                "from": message["from"]["phone_number"],
                "body": message["text"],
                "received_at": message["received_at"],
                "sid": message["id"],
            }
            for message in self.messages.values()
        ]

    def _record(self, entry: dict[str, Any]) -> None:
        self._ledger.append(entry)
        self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["event"] == "clear":
            self.messages, self.kept = {}, {}
            return
        message = entry["message"]
        self.messages[message["id"]] = message
        if entry["key"]:
            self.kept[entry["key"]] = (entry["digest"], message["id"])


def refused(wanted: dict[str, Any]) -> Reply | None:
    for name in ("from", "to", "text"):
        if not isinstance(wanted.get(name), str) or not wanted[name]:
            return error(422, "10004", f"Missing required parameter {name}")
    if wanted["to"] in MAGIC_TO:
        return error(400, *MAGIC_TO[wanted["to"]])
    if not re.fullmatch(r"\+[1-9]\d{6,14}", wanted["to"]):
        return error(400, "10002", "Invalid phone number")
    return None


def error(status: int, code: str, title: str) -> Reply:
    """An error answer in the provider's own shape."""
    return as_json({"errors": [{"code": code, "title": title, "detail": title}]}, status=status)


def main() -> None:
    parser = argparse.ArgumentParser(description="The local provider that speaks Telnyx.")
    parser.add_argument("--fd", type=int, required=True, help="a socket that is bound")
    parser.add_argument("--ledger", type=Path, required=True)
    options = parser.parse_args()
    provider = Provider(api_key=os.environ["TELNYX_API_KEY"], ledger=options.ledger)
    server(listener=socket.socket(fileno=options.fd), answer=provider.answer).serve_forever()


if __name__ == "__main__":
    main()
