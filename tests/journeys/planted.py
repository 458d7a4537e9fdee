"""Words that exist once in the world, and the search for them."""

import base64
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

from clinic.local import testing


@dataclass
class DatabaseLog:
    """What the PostgreSQL of this run writes from now on; nothing of one that is not this run's own."""

    path: Path | None = None
    began: int = 0

    def __post_init__(self) -> None:
        if named := os.environ.get(testing.EMBEDDED):
            self.path = Path(named)
            self.began = self.path.stat().st_size

    def since(self) -> str:
        if self.path is None:
            return ""
        with self.path.open("rb") as log:
            log.seek(self.began)
            return log.read().decode(errors="replace")


@dataclass
class Planted:
    """The words, each once in the world; `phones` only as the digits that make them theirs."""

    words: list[str] = field(default_factory=list)

    def word(self, kind: str) -> str:
        made = f"zq{kind}{uuid4().hex[:8]}"
        self.words.append(made)
        return made

    def phone(self) -> str:
        made = f"202555{1000 + len(self.words):04}"
        self.words.append(made)
        return f"+1{made}"

    def birth(self, number: int) -> date:
        made = date(1931, 3, 7) + timedelta(days=number)
        self.words.append(made.isoformat())
        return made

    def found_in(self, outlets: Mapping[str, str]) -> list[tuple[str, str]]:
        """(outlet, word) of each word that is somewhere, also under base64 as Celery packs its tasks."""
        told = {}
        for name, text in outlets.items():
            packed = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", text)
            told[name] = "\n".join([text, *map(_unpacked, packed)]).lower()
        return [(name, word) for name, text in told.items() for word in self.words if word.lower() in text]


def _unpacked(text: str) -> str:
    with suppress(ValueError):
        return base64.b64decode(text).decode(errors="replace")
    return ""
