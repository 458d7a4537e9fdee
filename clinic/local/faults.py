"""Faults that a test asks a local provider for, a number of times, for one recipient or for all."""

import threading
from typing import Any


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[dict[str, Any]] = []

    def add(self, fault: dict[str, Any]) -> None:
        """`times` (1) and `to` (anyone) say when; the provider gives the rest its meaning."""
        with self._lock:
            self._waiting.append({"times": 1, **fault})

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, *, to: str, stage: str | None = None) -> dict[str, Any]:
        """The next fault for this recipient, used up by one; an empty dict when there is none."""
        with self._lock:
            for fault in self._waiting:
                if fault.get("to") in (None, to) and fault.get("stage") == stage and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault
        return {}
