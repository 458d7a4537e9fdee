"""Keeps processes running: what dies is started again, less and less eagerly."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from clinic.local.errors import LocalError
from clinic.local.home import Child

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A process that lived this long has recovered; its next death starts from the first pause again.
RECOVERED_SECONDS = 60.0


@dataclass(slots=True)
class Kept:
    """One process and how to start it."""

    name: str
    start: Callable[[], Child]
    child: Child | None = None
    pause: float = FIRST_PAUSE_SECONDS
    started_at: float = field(default_factory=time.monotonic)
    again_at: float | None = None

    def check(self, *, now: float, say: Callable[[str], None]) -> None:
        """Start the process again if it died and its pause is over; `now` is monotonic seconds."""
        if self.child is not None and self.child.alive:
            return
        if self.again_at is None:
            if now - self.started_at > RECOVERED_SECONDS:
                self.pause = FIRST_PAUSE_SECONDS
            self.again_at = now + self.pause
            say(f"{self.name} stopped by itself; starting it again in {self.pause:.0f} s (see {self._log()})")
            self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        if now >= self.again_at:
            self.again_at = None
            self.started_at = now
            if self.child is not None:
                # What is left of its group (a gunicorn's workers) would keep the new one from its place.
                self.child.stop()
            try:
                self.child = self.start()
            except LocalError as error:
                say(str(error))

    def _log(self) -> str:
        return str(self.child.log) if self.child is not None else "its log"
