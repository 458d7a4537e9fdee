"""One call to a receiver: to the number that was judged, bounded in time and size, following nobody.

Standard library on purpose: a client that resolves, redirects, retries or takes proxies from the environment
by itself is what must not happen here.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notifications.webhooks import addresses
from notifications.webhooks.addresses import Refused, Target

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
# From the first byte to the last, whatever drips in between: a worker is free again after this.
WHOLE_SECONDS = 14.0
LOOK_UP_SECONDS = 3.0
MAX_HEADERS = 16_384

Resolver = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: the status, or a code for why there is none. `retry_after` is in seconds."""

    status: int | None = None
    error: str = ""
    retry_after: int | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Pinned(http.client.HTTPConnection):
    """Connects to one number and says one name, in TLS too."""

    def __init__(self, target: Target, number: str, context: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self.target, self.number, self.context = target, number, context

    def connect(self) -> None:
        self.sock = socket.create_connection((self.number, self.target.port), timeout=CONNECT_SECONDS)
        if self.target.secure:
            context = self.context or ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.target.host.removesuffix("."))
        self.sock.settimeout(READ_SECONDS)


def resolve(host: str, port: int) -> list[str]:
    """The numbers of a name. Bounded: the system's own resolver can take half a minute."""
    found: list[str] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(str(row[4][0]) for row in rows)

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    thread.join(LOOK_UP_SECONDS)
    return list(found)


def send(
    *,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    inner: bool = False,
    resolver: Resolver = resolve,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """POST the body. Never raises for anything that the address or its receiver does."""
    try:
        target = addresses.parse(url=url, inner=inner)
        number = addresses.check(numbers=resolver(target.host, target.port), inner=inner)
    except Refused as refused:
        return Answer(error=f"refused:{refused.code}")
    except ValueError:
        return Answer(error="refused:malformed")
    return _post(_Pinned(target, number, context), target, body, headers)


def _post(connection: _Pinned, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    hung_up = threading.Event()
    late = threading.Timer(WHOLE_SECONDS, _hang_up, [connection, hung_up])
    late.daemon = True
    late.start()
    try:
        told = {**headers, "Content-Type": "application/json", "User-Agent": "clinic-webhooks/1"}
        connection.request("POST", target.path, body=body, headers={**told, "Connection": "close"})
        answer = connection.getresponse()
        # The answer's body is never read: nothing in it is of interest, and it may have no end.
        wait = answer.headers.get("Retry-After", "")
        return Answer(
            status=answer.status, retry_after=int(wait) if wait.isdecimal() and len(wait) < 7 else None
        )
    except TimeoutError:
        return Answer(error="timeout")
    except ssl.SSLError:
        return Answer(error="tls")
    except (OSError, http.client.HTTPException) as error:
        return Answer(error="timeout" if hung_up.is_set() else type(error).__name__[:40])
    finally:
        late.cancel()
        connection.close()


def _hang_up(connection: _Pinned, hung_up: threading.Event) -> None:
    hung_up.set()
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
