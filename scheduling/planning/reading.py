"""Read one field of a document strictly: the right type, inside its bounds, or an error that names the
path."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


class InvalidProtocol(ValueError):
    """The protocol document says something that cannot be planned; `path` points at the field."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class NotPlannable(ValueError):
    """The document has no `plan` block: it can be stored, and waits until someone maps it."""


Doc = Mapping[str, Any]


def section(doc: Doc, name: str, path: str) -> Doc:
    """A required object."""
    value = doc.get(name)
    if not isinstance(value, Mapping):
        raise InvalidProtocol(f"{path}{name}", "an object is needed")
    return value


def optional_section(doc: Doc, name: str, path: str) -> Doc | None:
    """An object, or None where it is absent or null."""
    return None if doc.get(name) is None else section(doc, name, path)


def items(doc: Doc, name: str, path: str, *, most: int, least: int = 0) -> Sequence[Any]:
    """A list of at most `most` entries; absent or null is an empty one."""
    value = doc.get(name)
    if value is None:
        value = []
    if not isinstance(value, list | tuple):
        raise InvalidProtocol(f"{path}{name}", "a list is needed")
    if not least <= len(value) <= most:
        raise InvalidProtocol(
            f"{path}{name}", f"between {least} and {most} entries are allowed, not {len(value)}"
        )
    return value


def objects(doc: Doc, name: str, path: str, *, most: int, least: int = 0) -> list[tuple[str, Doc]]:
    """A list of objects, each with the path of its fields."""
    found: list[tuple[str, Doc]] = []
    for index, entry in enumerate(items(doc, name, path, most=most, least=least)):
        where = f"{path}{name}[{index}]"
        if not isinstance(entry, Mapping):
            raise InvalidProtocol(where, "an object is needed")
        found.append((f"{where}.", entry))
    return found


def check_text(value: object, where: str) -> str:
    """A short printable text: no control characters, no lone surrogates (no database stores those)."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidProtocol(where, "a text is needed")
    if len(value) > 200:
        raise InvalidProtocol(where, "at most 200 characters are allowed")
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise InvalidProtocol(where, "control characters and lone surrogates are not allowed")
    return value


def text(doc: Doc, name: str, path: str, default: str | None = None) -> str:
    """A text, or the default where it is absent."""
    if doc.get(name) is None and default is not None:
        return default
    return check_text(doc.get(name), f"{path}{name}")


def texts(doc: Doc, name: str, path: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A list of texts, or the default where it is absent."""
    if doc.get(name) is None:
        return default
    return tuple(check_text(v, f"{path}{name}[{i}]") for i, v in enumerate(items(doc, name, path, most=20)))


def modes(doc: Doc, path: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The ways a visit may be held: at least one of in_person, video, phone."""
    found = texts(doc, "modes", path, default)
    if not found or any(mode not in ("in_person", "video", "phone") for mode in found):
        raise InvalidProtocol(f"{path}modes", "one or more of in_person, video, phone are needed")
    return found


def flag(doc: Doc, name: str, path: str, default: bool) -> bool:
    """True or false, or the default where it is absent."""
    value = doc.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidProtocol(f"{path}{name}", "true or false is needed")
    return value


def check_whole(value: object, where: str, low: int, high: int) -> int:
    """A whole number in [low, high]; true and 1.5 are not whole numbers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidProtocol(where, "a whole number is needed")
    if not low <= value <= high:
        raise InvalidProtocol(where, f"a number from {low} to {high} is needed, not {str(value)[:20]}")
    return value


def whole(doc: Doc, name: str, path: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number in [low, high], or the default where it is absent."""
    if doc.get(name) is None and default is not None:
        return default
    return check_whole(doc.get(name), f"{path}{name}", low, high)


def optional_whole(doc: Doc, name: str, path: str, low: int, high: int) -> int | None:
    """A whole number in [low, high], or None where it is absent."""
    return None if doc.get(name) is None else whole(doc, name, path, low, high)


def hours(doc: Doc, name: str, path: str) -> float:
    """Hours, at most a year either way; not NaN, not infinite."""
    value = doc.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidProtocol(f"{path}{name}", "a number of hours is needed")
    if not math.isfinite(value) or abs(value) > 8784:
        raise InvalidProtocol(f"{path}{name}", "at most 8784 hours (a year) are allowed")
    return value
