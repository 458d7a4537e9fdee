"""Every generated file by its file name, and what all of them share."""

from collections.abc import Callable
from pathlib import Path

from scheduling.management.reference import (
    access,
    api,
    commands,
    failures,
    kept,
    messaging,
    picture,
    rules,
    settings,
    transitions,
)

FOLDER = Path(__file__).resolve().parents[3] / "docs"
NOTE = "<!-- Written by `manage.py write_reference` from the code. Change the code, not this file. -->\n\n"

WRITERS: dict[str, Callable[[], str]] = {
    "reference/states.md": transitions.page,
    "reference/settings.md": settings.page,
    "reference/errors.md": failures.page,
    "reference/permissions.md": access.page,
    "reference/rules.md": rules.page,
    "reference/messaging-rules.md": messaging.page,
    "reference/retention.md": kept.page,
    "reference/commands.md": commands.page,
    "reference/api.md": api.page,
    "images/course.svg": picture.page,
}

# Pages that people write, with one part between two marks that is generated.
BEGIN = "<!-- From here to the next mark: written by `manage.py write_reference` from the code. -->\n"
END = "<!-- To here. -->\n"
PARTS: dict[str, Callable[[], str]] = {"explanation/reminders.md": transitions.message_diagram}


def render() -> dict[str, str]:
    """The text of each page, by file name."""
    whole = {name: NOTE + writer() for name, writer in WRITERS.items()}
    return whole | {name: _with_part(FOLDER / name, writer()) for name, writer in PARTS.items()}


def _with_part(page: Path, part: str) -> str:
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{part}{END}{after}"


def stale(*, folder: Path = FOLDER) -> list[str]:
    """The names of the pages that are missing or say something else than the code."""
    return [name for name, text in render().items() if _read(folder / name) != text]


def write(*, folder: Path = FOLDER) -> None:
    """Write every page."""
    for name, text in render().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
