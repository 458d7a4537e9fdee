"""Whether the hashed requirements are in step with pyproject.toml, without asking any network.

Everything a direct dependency needs, as the installed packages say, must be pinned; nothing else may be.
"""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = "pyproject.toml"
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; .+?)? \\\n"
    r"(?:    --hash=\S+(?: \\)?\n)+",
    re.MULTILINE,
)


def problems(*, root: Path) -> list[str]:
    """What is out of step, one line each."""
    project = tomllib.loads((root / TOP).read_text())
    runtime = [Requirement(text) for text in project["project"]["dependencies"]]
    development = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    small, large = read(root / "requirements.txt"), read(root / "requirements-dev.txt")
    found = [
        f"requirements-dev.txt does not pin {name}=={v}" for name, v in small.items() if large.get(name) != v
    ]
    found += _compare("requirements.txt", small, runtime)
    found += _compare("requirements-dev.txt", large, [*runtime, *development])
    return found


def read(path: Path) -> dict[str, str]:
    """The pinned version of each package. A line that is neither a pin nor its hash is an error."""
    text = path.read_text()
    rest = PIN.sub("", text).strip()
    if rest:
        raise ValueError(f"{path.name}: not a pin with its hashes: {rest.splitlines()[0]}")
    return {canonicalize_name(pin["name"]): pin["version"] for pin in PIN.finditer(text)}


def _compare(name: str, pinned: dict[str, str], wanted: Iterable[Requirement]) -> list[str]:
    found: list[str] = []
    needed: set[str] = set()
    queue = [(requirement, TOP) for requirement in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        requirement, because = queue.pop()
        key = canonicalize_name(requirement.name)
        needed.add(key)
        if (
            requirement.marker is not None
            and not requirement.marker.evaluate({"extra": ""})
            and because == TOP
        ):
            continue
        if key not in pinned:
            found.append(f"{name} does not pin {requirement} (needed by {because})")
            continue
        if not requirement.specifier.contains(pinned[key], prereleases=True):
            found.append(f"{name} pins {key}=={pinned[key]}, {because} wants {requirement}")
        asked = (key, frozenset(requirement.extras))
        if asked not in seen:
            seen.add(asked)
            queue += [(below, key) for below in _below(requirement)]
    # What only another platform needs cannot be seen from here; it is not installed either.
    installed: set[str] = {canonicalize_name(each.name) for each in metadata.distributions()}
    found += [f"{name} pins {key}, which nothing needs" for key in pinned if key in installed - needed]
    return found


def _below(requirement: Requirement) -> list[Requirement]:
    """What the installed package says it needs on this platform, with these extras."""
    try:
        lines = metadata.requires(requirement.name) or []
    except metadata.PackageNotFoundError:
        return []
    found = [Requirement(line) for line in lines]
    extras = ["", *requirement.extras]
    return [
        each
        for each in found
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    ]
