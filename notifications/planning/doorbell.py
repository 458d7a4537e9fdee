"""The hint to the worker that something is due. It may be lost: the sweep finds the row.

It rings from a thread of its own, so that a broker that is down, slow or hanging never keeps a web request
waiting. Rings that come while one is under way are one ring: the task has no arguments and does whatever is
due.
"""

import os
import threading

import structlog
from celery import current_app

log = structlog.get_logger("notifications.planning.doorbell")
TASK = "notifications.send_due"


class _Bell:
    def __init__(self) -> None:
        self.wanted = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def ring(self) -> None:
        self.wanted.set()
        with self.lock:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._serve, name="doorbell", daemon=True)
                self.thread.start()

    def _serve(self) -> None:
        while self.wanted.wait():
            self.wanted.clear()
            try:
                # By name: the tasks import this room's modules. No retry: the sweep is never far away.
                current_app.send_task(TASK, retry=False, ignore_result=True, expires=60)
            except Exception as error:
                log.warning("hint_lost", error_class=type(error).__name__)


_bell = _Bell()


def _forget() -> None:
    """A fork copies the bell and the state of its locks, but not its thread."""
    global _bell
    _bell = _Bell()


os.register_at_fork(after_in_child=_forget)


def ring() -> None:
    """Ask a worker to look. Returns at once and never raises for the broker's sake."""
    _bell.ring()
