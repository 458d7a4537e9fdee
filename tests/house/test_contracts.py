"""Violations planted one at a time in a copy of the tree: each is caught by the tool that should catch it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clinic.local import check
from tests.house import figures

BIN = Path(sys.executable).parent
Caught = Callable[[Path], list[str]]


def lines_of(*command: str) -> Caught:
    """What a command says in a checkout when it fails; nothing when it succeeds."""

    def judge(root: Path) -> list[str]:
        environment = {**os.environ, **check.ENVIRONMENT, "PYTHONPATH": str(root)}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).splitlines() if done.returncode else []

    return judge


LINTER = lines_of(str(BIN / "ruff"), "check", "--no-cache", "--output-format", "concise", ".")
CONTRACTS = lines_of(str(BIN / "lint-imports"), "--no-logo", "--no-cache")
TYPES = lines_of(
    sys.executable, "-m", "mypy", "--no-incremental", "scheduling/states.py", "scheduling/errors.py"
)
MIGRATIONS = lines_of(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")

LONG_FUNCTION = "def long() -> int:\n    x = 0\n" + "    x += 1\n" * 60 + "    return x\n"

PLANTED = {
    # name: (tool, file, text, what the tool must say)
    "a pure room imports Django": (
        CONTRACTS,
        "scheduling/planning/values.py",
        "from django.conf import settings",
        "scheduling.planning is not allowed to import django",
    ),
    "the patients' app imports scheduling": (
        CONTRACTS,
        "patients/records.py",
        "import scheduling.states",
        "patients is not allowed to import scheduling",
    ),
    "an app imports the composition root": (
        CONTRACTS,
        "scheduling/errors.py",
        "import clinic.config.env",
        "scheduling is not allowed to import clinic.config",
    ),
    "models reach up to booking": (
        CONTRACTS,
        "scheduling/models/course.py",
        "import scheduling.booking",
        "scheduling.models is not allowed to import scheduling.booking",
    ),
    "follow-ups import the roster beside them": (
        CONTRACTS,
        "scheduling/followups/gaps.py",
        "import scheduling.roster",
        "scheduling.followups is not allowed to import scheduling.roster",
    ),
    "the product imports the tools of this machine": (
        CONTRACTS,
        "notifications/planning/outbox.py",
        "import clinic.local.providers",
        "notifications is not allowed to import clinic.local",
    ),
    "a room that nobody put in its place": (CONTRACTS, "scheduling/stuff.py", "X = 1", "scheduling.stuff"),
    "a clock below the rim": (
        LINTER,
        "scheduling/booking/clocked.py",
        "from django.utils import timezone\n\nNOW = timezone.now()",
        "TID251",
    ),
    "an import inside a function": (
        LINTER,
        "patients/inner.py",
        "def late() -> object:\n    import json\n\n    return json",
        "PLC0415",
    ),
    "a generic foreign key": (
        LINTER,
        "patients/models/generic.py",
        "from django.contrib.contenttypes.fields import GenericForeignKey\n\n__all__ = ['GenericForeignKey']",
        "TID251",
    ),
    "a function without types": (LINTER, "patients/loose.py", "def loose(x):\n    return x", "ANN001"),
    "a note to oneself": (LINTER, "patients/later.py", "# TODO: later", "FIX002"),
    "a wrong type in a strict room": (
        TYPES,
        "scheduling/states.py",
        "def wrong(*, x: int) -> str:\n    return x",
        "Incompatible return value type",
    ),
    "a model changed without its migration": (
        MIGRATIONS,
        "patients/models/__init__.py",
        "from django.db import models as _m\n\n\nclass Planted(_m.Model):\n    class Meta:\n"
        "        app_label = 'patients'",
        "Create model Planted",
    ),
    "a signal of our own, in the rim": (
        figures.signals,
        "scheduling/web/hooked.py",
        "from django.db.models.signals import post_save\n\n__all__ = ['post_save']",
        "django.db.models.signals",
    ),
    "a function of more than 60 lines": (
        figures.long_functions,
        "patients/long.py",
        LONG_FUNCTION,
        "long: 63",
    ),
    "a file of more than 400 lines": (
        figures.long_files,
        "patients/tall.py",
        "X = 1\n" * 401,
        "tall.py: 402",
    ),
    "a utils.py": (figures.catch_alls, "scheduling/booking/utils.py", "X = 1", "utils.py"),
    "a task that waits in the broker": (
        figures.delays,
        "patients/later.py",
        "def tell(*, task: object) -> None:\n    task.apply_async(\n        countdown=90\n    )",
        "later.py:3",
    ),
    "a bare save": (
        figures.bare_saves,
        "patients/bare.py",
        "def keep(*, row: object) -> None:\n    row.save()",
        "bare.py:2",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the product, without its caches."""
    for folder in figures.PRODUCT:
        shutil.copytree(
            figures.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "manage.py"):
        shutil.copy(figures.ROOT / name, tmp_path / name)
    (tmp_path / "tests").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_caught(tree: Path, name: str):
    tool, file, text, said = PLANTED[name]
    path = tree / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        handle.write(f"\n\n{text}\n" if path.stat().st_size else f"{text}\n")
    caught = tool(tree)
    assert any(said in line for line in caught), "\n".join(caught[-40:])


@pytest.mark.parametrize("tool", [LINTER, CONTRACTS, TYPES, MIGRATIONS])
def test_nothing_is_caught_where_nothing_is_planted(tree: Path, tool: Caught):
    assert tool(tree) == []
