"""One file a provider, the same things inside each: whoever knows one knows all, and adds the next."""

import ast
from pathlib import Path

import pytest

from notifications import channels
from notifications.channels import base

FOLDER = Path(base.__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "base"))


def wanted() -> list[str]:
    """What `Channel` asks for, in its order."""
    tree = ast.parse((FOLDER / "base.py").read_text(encoding="utf-8"))
    asked = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Channel")
    return [name for node in asked.body for name in _names(node) if not isinstance(node, ast.Expr) and name]


def found(name: str) -> list[str]:
    """What a provider's file shows the others, in its order."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return [name for node in tree.body for name in _names(node) if not name.startswith("_")]


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    inner = [
        one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])
    ]
    return [one.id for one in inner if isinstance(one, ast.Name)]


@pytest.mark.parametrize("name", FILES)
def test_a_providers_file_begins_with_what_all_of_them_have_in_the_same_order(name: str) -> None:
    asked = wanted()
    assert len(asked) > 5
    assert [one for one in found(name) if one in asked] == asked


def test_every_file_serves_a_channel() -> None:
    serving = [provider for table in channels.PROVIDERS.values() for provider in table.values()]
    assert [name for name in FILES if getattr(channels, name) not in serving] == []
