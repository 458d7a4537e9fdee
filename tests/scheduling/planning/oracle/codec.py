"""Plain JSON for the planner's values, so that a failing case can be printed, kept and read again."""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, TypeVar, Union

T = TypeVar("T")


def dump(value: Any) -> Any:
    """A value of the planner as JSON types; the protocol is left to its document."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: dump(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(dump(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [dump(item) for item in value]
    return value


def load(kind: Any, data: Any) -> Any:
    """The inverse of `dump`, led by the type hints."""
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if data is None else load(_other_than_none(kind), data)
    if origin is tuple:
        args = typing.get_args(kind)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(load(args[0], item) for item in data)
        return tuple(load(arg, item) for arg, item in zip(args, data, strict=True))
    if origin is frozenset:
        return frozenset(load(typing.get_args(kind)[0], item) for item in data)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        key_kind, item_kind = typing.get_args(kind)
        return {load(key_kind, key): load(item_kind, item) for key, item in data.items()}
    return _load_plain(kind, data)


def _load_plain(kind: Any, data: Any) -> Any:
    if data is None or kind is Any:
        return data
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: load(hints[name], item) for name, item in data.items() if name in hints})
    if kind in (datetime, date, time):
        return kind.fromisoformat(data)
    if isinstance(kind, type) and kind in (int, float, str):
        return kind(data)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    return data


def _other_than_none(kind: Any) -> Any:
    return next(arg for arg in typing.get_args(kind) if arg is not type(None))


def load_fields(kind: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `kind` that `data` holds, by name, for a caller that supplies the others."""
    hints = typing.get_type_hints(kind)
    return {name: load(hints[name], item) for name, item in data.items()}
