"""The fenced blocks of a Markdown page."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """`language` and `note` are the two halves of the opening line."""

    language: str
    note: str
    text: str


def blocks(path: Path) -> list[Block]:
    found = _BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [Block(one[1] or "", one[2].strip(), one[3]) for one in found]


def as_pattern(shown: str) -> re.Pattern[str]:
    """What a page shows, as a pattern: `…` stands for anything in a line, a line of its own for any lines."""
    lines = [
        ".*" if line == "…" else re.escape(line).replace("…", "[^\n]*") for line in shown.strip().split("\n")
    ]
    return re.compile("\n".join(lines), re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    top = sorted(ROOT.glob("*.md"))
    return top + sorted((ROOT / "docs").rglob("*.md"))
