"""An append-only file of JSON lines; a line is on the disk before anyone is told of it."""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def entries(self) -> list[dict[str, Any]]:
        """Every whole line so far; one that a kill cut off is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_bytes().split(b"\n"):
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        with self._lock, self.path.open("a+b") as handle:
            handle.seek(0, os.SEEK_END)
            if handle.tell() and not self._ends_whole(handle.fileno(), handle.tell()):
                line = b"\n" + line
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())

    @staticmethod
    def _ends_whole(descriptor: int, size: int) -> bool:
        return os.pread(descriptor, 1, size - 1) == b"\n"
