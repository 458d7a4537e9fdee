"""A local SMTP server that keeps what it gets: `python -m clinic.local.smtp_catcher`.

Over HTTP: GET /inbox (newest last), GET /raw/N (as it came), POST /control/faults, POST /control/clear.

A fault is `{"times": 1, "to": null, ...}` with
    {"stage": "rcpt"|"data", "reply": "451 4.3.0 later"}  that answer, nothing kept
    {"stage": "data", "drop": true, "accept": true|false}  the connection closes instead of the answer
    {"stage": "rcpt"|"data", "seconds": 2}  the answer comes late
"""

import argparse
import asyncio
import email
import email.policy
import itertools
import os
import re
import socket
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from clinic.local.faults import Faults
from clinic.local.httpd import Reply, Request, as_json, server
from clinic.local.ledger import Ledger

LARGEST_MESSAGE = 10_000_000


class Mailbox:
    """The messages in a folder: N.eml each, and a ledger that lists them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledger = Ledger(folder / "ledger.jsonl")
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        known = self._ledger.entries()
        for entry in known:
            self._apply(entry)
        self._numbers = itertools.count(1 + max((entry.get("number", 0) for entry in known), default=0))

    def keep(self, *, sender: str, recipients: list[str], raw: bytes) -> None:
        """On the disk before the sender is told that it was taken."""
        with self._lock:
            number = next(self._numbers)
            with (self.folder / f"{number}.eml").open("wb") as handle:
                handle.write(raw)
                handle.flush()
                os.fsync(handle.fileno())
            entry = {
                "number": number,
                "from": sender,
                "recipients": recipients,
                "received_at": datetime.now(UTC).isoformat(),
            }
            self._ledger.append(entry)
            self._apply(entry)

    def clear(self) -> None:
        with self._lock:
            self._ledger.append({"clear": True})
            self._apply({"clear": True})

    def inbox(self, *, to: str | None) -> list[dict[str, Any]]:
        """One entry a recipient, oldest first."""
        with self._lock:
            entries = list(self._entries)
        return [
            {"to": recipient, **self._shown(entry)}
            for entry in entries
            for recipient in entry["recipients"]
            if to in (None, recipient)
        ]

    def raw(self, number: int) -> bytes | None:
        path = self.folder / f"{number}.eml"
        return path.read_bytes() if path.exists() else None

    def _shown(self, entry: dict[str, Any]) -> dict[str, Any]:
        number = entry["number"]
        message = email.message_from_bytes(self.raw(number) or b"", policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        text = message.get_body(preferencelist=("plain", "html"))
        calendars = [
            part.get_content() for part in message.walk() if part.get_content_type() == "text/calendar"
        ]
        return {
            "from": entry["from"],
            "subject": str(message["subject"] or ""),
            "body": str(text.get_content()) if text is not None else "",
            "calendar": [part if isinstance(part, str) else part.decode() for part in calendars],
            "received_at": entry["received_at"],
            "raw": f"/raw/{number}",
        }

    def _apply(self, entry: dict[str, Any]) -> None:
        if "clear" in entry:
            self._entries.clear()
        else:
            self._entries.append(entry)


class Catcher:
    """aiosmtpd's handler."""

    def __init__(self, *, mailbox: Mailbox, faults: Faults) -> None:
        self.mailbox = mailbox
        self.faults = faults

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self.faults.take(to=address, stage="rcpt")
        if "reply" in fault:
            return str(fault["reply"])
        await asyncio.sleep(fault.get("seconds", 0))
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self.faults.take(to=envelope.rcpt_tos[0], stage="data")
        if "reply" in fault:
            return str(fault["reply"])
        if fault.get("accept", True):
            raw = envelope.content if isinstance(envelope.content, bytes) else b""
            sender = envelope.mail_from or ""
            keep = asyncio.to_thread(
                self.mailbox.keep, sender=sender, recipients=list(envelope.rcpt_tos), raw=raw
            )
            await keep
        if fault.get("drop") and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        await asyncio.sleep(fault.get("seconds", 0))
        return "250 2.0.0 OK: queued"


class Pages:
    """The HTTP side."""

    def __init__(self, *, mailbox: Mailbox, faults: Faults) -> None:
        self.mailbox = mailbox
        self.faults = faults

    def answer(self, request: Request) -> Reply:
        raw = re.fullmatch(r"/raw/(\d+)", request.path)
        if request.path == "/inbox":
            return as_json(self.mailbox.inbox(to=request.query.get("to")))
        if raw and (found := self.mailbox.raw(int(raw[1]))) is not None:
            return Reply(body=found, content_type="message/rfc822")
        if request.method == "POST" and request.path == "/control/faults":
            self.faults.add(request.json())
            return as_json({"done": True})
        if request.method == "POST" and request.path == "/control/clear":
            self.faults.clear()
            self.mailbox.clear()
            return as_json({"done": True})
        return as_json({"error": "not found"}, status=404)


async def serve(*, smtp: socket.socket, mailbox: Mailbox, faults: Faults) -> None:
    loop = asyncio.get_running_loop()
    handler = Catcher(mailbox=mailbox, faults=faults)

    def session() -> SMTP:
        return SMTP(
            handler, loop=loop, hostname="localhost", data_size_limit=LARGEST_MESSAGE, enable_SMTPUTF8=True
        )

    smtp.setblocking(False)
    listening = await loop.create_server(session, sock=smtp)
    await listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="The local SMTP catcher.")
    parser.add_argument("--smtp-fd", type=int, required=True, help="a socket that is bound")
    parser.add_argument("--http-fd", type=int, required=True, help="a socket that is bound")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    faults = Faults()
    mailbox = Mailbox(options.folder)
    pages = server(
        listener=socket.socket(fileno=options.http_fd), answer=Pages(mailbox=mailbox, faults=faults).answer
    )
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    asyncio.run(serve(smtp=socket.socket(fileno=options.smtp_fd), mailbox=mailbox, faults=faults))


if __name__ == "__main__":
    main()
