"""Handles on the two local providers: start them, read what they received, ask them for faults."""

import json
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

from clinic.local.errors import from_log
from clinic.local.home import Child, Home, wait_until

START_SECONDS = 60.0


class _Provider:
    """A process on sockets that its owner bound."""

    name = ""

    def __init__(self, *, home: Home, folder: Path, log: Path, env: dict[str, str]) -> None:
        self.home = home
        self.folder = folder
        self.log = log
        self.env = env
        self.child: Child | None = None
        self._http = home.bind()

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://127.0.0.1:{self._http.getsockname()[1]}"

    @property
    def inbox_url(self) -> str:
        return f"{self.url}/inbox"

    def start(self) -> Child:
        """Start the process (also again after it died) and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.child = self.home.start(
            name=self.name,
            command=[sys.executable, "-m", f"clinic.local.{self.name}", *self._arguments()],
            log=self.log,
            env=self.env,
            pass_fds=self._descriptors(),
        )
        if not wait_until(ready=self._answers, child=self.child, seconds=START_SECONDS):
            raise from_log(service=self.name, log=self.child.last_words())
        return self.child

    def inbox(self, *, to: str | None = None) -> list[dict[str, Any]]:
        """What it has received, oldest first."""
        found: list[dict[str, Any]] = json.loads(self.get("/inbox"))
        return [entry for entry in found if to in (None, entry["to"])]

    def fault(self, **fault: object) -> None:
        """Ask for a fault; the process's own module says which there are."""
        self.post("/control/faults", fault)

    def clear(self) -> None:
        """Forget what was received, and every fault."""
        self.post("/control/clear", {})

    def get(self, path: str, *, timeout: float = 30) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return bytes(answer.read())

    def post(self, path: str, value: object) -> Any:
        request = urllib.request.Request(self.url + path, data=json.dumps(value).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    def _descriptors(self) -> list[int]:
        return [self._http.fileno()]

    def _answers(self) -> bool:
        try:
            self.get("/inbox", timeout=5)
        except OSError:
            return False
        return True


class SmsProvider(_Provider):
    """The local SMS provider; `url` is what TWILIO_API_BASE takes."""

    name = "sms_provider"

    def opt_out(self, *, number: str) -> None:
        """The number's owner has told the provider to stop."""
        self.post("/control/opt-out", {"number": number})

    def reply(self, *, sender: str, to: str, body: str, url: str) -> dict[str, Any]:
        """A text from a phone, posted to `url` signed; returns the answer's {sid, status, body}."""
        answer: dict[str, Any] = self.post(
            "/control/inbound", {"from": sender, "to": to, "body": body, "url": url}
        )
        return answer

    def _arguments(self) -> list[str]:
        return ["--fd", str(self._http.fileno()), "--ledger", str(self.folder / "ledger.jsonl")]


class TelnyxProvider(_Provider):
    """The local provider that speaks Telnyx; `url` is what TELNYX_API_BASE takes."""

    name = "telnyx_provider"

    def _arguments(self) -> list[str]:
        return ["--fd", str(self._http.fileno()), "--ledger", str(self.folder / "ledger.jsonl")]


class SmtpCatcher(_Provider):
    """The local SMTP server."""

    name = "smtp_catcher"

    def __init__(self, *, home: Home, folder: Path, log: Path, env: dict[str, str]) -> None:
        super().__init__(home=home, folder=folder, log=log, env=env)
        self._smtp = home.bind()

    @property
    def port(self) -> int:
        return int(self._smtp.getsockname()[1])

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def _answers(self) -> bool:
        # Its pages answer a moment before its letterbox does.
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return super()._answers()

    def raw(self, entry: dict[str, Any]) -> bytes:
        """The whole message of an inbox entry, as it came."""
        return self.get(entry["raw"])

    def _arguments(self) -> list[str]:
        descriptors = ["--smtp-fd", str(self._smtp.fileno()), "--http-fd", str(self._http.fileno())]
        return [*descriptors, "--folder", str(self.folder)]

    def _descriptors(self) -> list[int]:
        return [self._http.fileno(), self._smtp.fileno()]
