"""The commands of the tutorial, as a reader types them into the second terminal, beside a running demo."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs import fenced
from tests.docs.fenced import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-course.md"
MARK = "--- the end of a block ---"


@dataclass
class Step:
    command: str
    shown: str = ""


def steps() -> list[Step]:
    """The commands of the second terminal, each with the output that follows it."""
    found: list[Step] = []
    for block in fenced.blocks(PAGE):
        if block.language == "sh" and not block.note:
            found.append(Step(block.text))
        elif block.language == "text":
            found[-1].shown = block.text
    return found


def follow(data: Path) -> None:
    """Run every command beside the demo of this folder: each answers what the page shows."""
    script = "set -eu\n" + "".join(f"{step.command}echo '{MARK}'\n" for step in steps())
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=_clean_environment() | {"DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = [part.strip() for part in done.stdout.split(f"{MARK}\n")]
    for step, told in zip(steps(), said, strict=False):
        assert fenced.as_pattern(step.shown).fullmatch(told), f"{step.command}\nsaid:\n{told}\n{done.stderr}"
    assert done.returncode == 0, done.stderr


def _clean_environment() -> dict[str, str]:
    """What a terminal has: nothing of the services that the tests run on."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": path}
