"""The house figures, measured on any checkout."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("clinic", "patients", "notifications", "scheduling")
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_DEPENDENCIES = 20
NOTE_TO_SELF = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
SIGNAL_MODULES = {"django.dispatch", "django.db.models.signals"}


def sources(root: Path, *, tests: bool = False) -> list[Path]:
    """Python files of the product, migrations aside; the tests too if asked for."""
    folders = (*PRODUCT, "tests") if tests else PRODUCT
    return sorted(
        path for folder in folders for path in (root / folder).rglob("*.py") if "migrations" not in path.parts
    )


def functions(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Each function's name, its lines from `def` to its last, and whether it is fully annotated."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *others = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs] or [None]
            named = [
                each for each in [first, *others] if each is not None and each.arg not in ("self", "cls")
            ]
            annotated = node.returns is not None and all(each.annotation is not None for each in named)
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1, annotated


def long_files(root: Path) -> list[str]:
    counted = {path: len(path.read_text().splitlines()) for path in sources(root, tests=True)}
    return [f"{path.relative_to(root)}: {count}" for path, count in counted.items() if count > LONGEST_FILE]


def long_functions(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} {name}: {lines}"
        for path in sources(root, tests=True)
        for name, lines, _ in functions(path)
        if lines > LONGEST_FUNCTION
    ]


def catch_alls(root: Path) -> list[str]:
    """Files whose name says nothing of what is inside."""
    names = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    return [str(path.relative_to(root)) for path in sources(root, tests=True) if path.name in names]


def notes_to_self(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}"
        for path in sources(root, tests=True)
        # This folder spells them out to look for them.
        if "house" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if NOTE_TO_SELF.search(line)
    ]


def signals(root: Path) -> list[str]:
    """Own signals and receivers, in the rim too, where the linter allows the clock and so the whole list."""
    return [
        f"{path.relative_to(root)}: {node.module}"
        for path in sources(root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in SIGNAL_MODULES
    ]


def delays(root: Path) -> list[str]:
    """`countdown=` and `eta=` of a task: past the broker's visibility timeout it runs again and again."""
    return [
        f"{path.relative_to(root)}:{node.value.lineno}"
        for path in sources(root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg in ("countdown", "eta")
    ]


def bare_saves(root: Path) -> list[str]:
    """`x.save()` with nothing in the brackets: it writes back what others changed meanwhile."""
    return [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sources(root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "save"
        and not node.args
        and not node.keywords
    ]


def dependencies_without_why(root: Path) -> tuple[int, list[str]]:
    """How many direct runtime dependencies there are, and those whose line gives no reason."""
    text = (root / "pyproject.toml").read_text()
    wanted: list[str] = tomllib.loads(text)["project"]["dependencies"]
    lines = {name: next(line for line in text.splitlines() if f'"{name}"' in line) for name in wanted}
    return len(wanted), [name for name, line in lines.items() if not re.search(r"#\s*\w+", line)]
