"""The tutorial works as it is written: its commands run against the demo, and answer what the page shows."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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


def clean_environment() -> dict[str, str]:
    """What a terminal has: nothing of the services that the tests run on."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PATH": path}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the second terminal, beside a demo as the first starts it, without its patients."""
    environment = clean_environment() | {"DATA_DIR": str(tmp_path / "data")}
    log = tmp_path / "demo.log"
    with log.open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "clinic.local.demo", "--empty"],
            cwd=ROOT,
            env=environment | {"PORT": "0", "MESSAGE_GRACE_SECONDS": "5"},
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
    assert started.stdout is not None
    try:
        said = []
        for line in started.stdout:
            said.append(line)
            if line.startswith("  for programs"):
                break
        assert any(line.startswith("ready: http://") for line in said), "".join(said) + log.read_text()
        yield environment
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=120)


@pytest.mark.timeout(900)
def test_the_commands_of_the_tutorial_answer_what_it_shows(demo: dict[str, str]) -> None:
    script = "set -eu\n" + "".join(f"{step.command}echo '{MARK}'\n" for step in steps())
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=demo, capture_output=True, text=True, timeout=300, check=False
    )
    said = [part.strip() for part in done.stdout.split(f"{MARK}\n")]
    for step, told in zip(steps(), said, strict=False):
        assert fenced.as_pattern(step.shown).fullmatch(told), f"{step.command}\nsaid:\n{told}\n{done.stderr}"
    assert done.returncode == 0, done.stderr


def test_the_first_terminal_starts_the_demo() -> None:
    first = [block for block in fenced.blocks(PAGE) if block.note == "terminal=1"]
    assert [block.text.split()[-2:] for block in first] == [["./dev", "demo"]]
