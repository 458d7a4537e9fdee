"""A receiver of webhooks on this machine, and one that only listens, to see whether anybody connects."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clinic.local import httpd


@dataclass
class Receiver:
    """What came, and what it answers: a status, the next one of several, or None for no answer at all."""

    url: str = ""
    port: int = 0
    calls: list[httpd.Request] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, request: httpd.Request) -> httpd.Reply | None:
        self.calls.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        return None if status is None else httpd.Reply(status=status, headers=self.headers)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    listener = socket.create_server(("127.0.0.1", 0))
    found = Receiver(port=listener.getsockname()[1])
    found.url = f"http://127.0.0.1:{found.port}/hooks"
    server = httpd.server(listener=listener, answer=found.answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def rude(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what it likes; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
