"""A TCP proxy that a test makes slow, deaf or shut: what a network does to a connection that stands."""

import contextlib
import selectors
import socket
import threading
import time
from types import TracebackType

CHUNK = 65536


class Proxy:
    """Passes bytes on to a port of this machine. `mode` may be changed at any time:

    `pass`; `shut` closes every connection and takes no new one; `deaf` is half open: connections stand and
    are taken, and nothing comes through; a number is the seconds by which each piece is late.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.mode: str | float = "pass"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._over = True
        self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as ready, contextlib.closing(self._listener):
            ready.register(self._listener, selectors.EVENT_READ)
            while not self._over:
                if self.mode == "shut":
                    for one in list(self._pairs):
                        self._close(ready, one)
                for key, _ in ready.select(0.02):
                    self._serve(ready, key.fileobj)  # type: ignore[arg-type]
                if self.mode == "deaf":
                    # What has come waits; looking at it again at once would be a busy wait.
                    time.sleep(0.02)
            for one in list(self._pairs):
                self._close(ready, one)

    def _serve(self, ready: selectors.BaseSelector, one: socket.socket) -> None:
        if one is self._listener:
            self._take(ready)
        elif one in self._pairs and self.mode != "deaf":
            if isinstance(self.mode, float):
                time.sleep(self.mode)
            try:
                piece = one.recv(CHUNK)
                if not piece:
                    raise ConnectionResetError
                self._pairs[one].sendall(piece)
            except OSError:
                self._close(ready, one)

    def _take(self, ready: selectors.BaseSelector) -> None:
        near, _ = self._listener.accept()
        try:
            if self.mode == "shut":
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near
        for one in (near, far):
            ready.register(one, selectors.EVENT_READ)

    def _close(self, ready: selectors.BaseSelector, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        for each in (one, other):
            if each is not None:
                self._pairs.pop(each, None)
                with contextlib.suppress(KeyError, ValueError):
                    ready.unregister(each)
                each.close()
