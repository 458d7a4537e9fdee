"""Small tools over CP-SAT: a start as a choice of values, functions of it as linear expressions."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ortools.sat.python import cp_model

Domain = cp_model.Domain


@dataclass(slots=True)
class Start:
    """One visit's start in minutes. `present` is None for a visit that is always there."""

    name: str
    values: tuple[int, ...]
    var: Any
    present: Any | None = None
    cached: dict[tuple[Hashable, ...], dict[Hashable, Any]] = field(default_factory=dict)


class Modelling:
    """A CP-SAT model with the helpers that the course model is written in."""

    def __init__(self) -> None:
        self.model = cp_model.CpModel()
        self.terms: list[Any] = []
        self.intervals: list[Any] = []
        self.empty = False

    def start(self, *, name: str, values: Iterable[int], present: Any | None = None) -> Start:
        """A variable over these values; without any, a visit that must be there cannot be."""
        listed = tuple(sorted(set(values)))
        if not listed and present is None:
            self.empty = True
        if not listed and present is not None:
            self.model.add(present == 0)
        var = self.model.new_int_var_from_domain(Domain.from_values(listed or (0,)), name)
        return Start(name=name, values=listed or (0,), var=var, present=present)

    def parts(self, start: Start, key: Callable[[int], Hashable]) -> dict[Hashable, Any]:
        """One boolean for each value of `key` over the starts, exactly one of which is true."""
        groups: dict[Hashable, list[int]] = {}
        for value in start.values:
            groups.setdefault(key(value), []).append(value)
        shape = tuple(tuple(group) for group in groups.values())
        if shape not in start.cached:
            start.cached[shape] = dict(enumerate(self._booleans(start, list(groups.values()))))
        return dict(zip(groups, start.cached[shape].values(), strict=True))

    def _booleans(self, start: Start, groups: list[list[int]]) -> list[Any]:
        if len(groups) == 1:
            return [self.model.new_constant(1)]
        found = []
        for number, group in enumerate(groups):
            literal = self.model.new_bool_var(f"{start.name}_part{len(start.cached)}_{number}")
            self.model.add_linear_expression_in_domain(start.var, Domain.from_values(group)).only_enforce_if(
                literal
            )
            found.append(literal)
        self.model.add_exactly_one(found)
        return found

    def function(self, start: Start, key: Callable[[int], int]) -> Any:
        """A whole number that hangs on the start, as a linear expression."""
        parts = self.parts(start, key)
        return sum(int(value) * literal for value, literal in parts.items())  # type: ignore[call-overload]

    def choice(
        self, start: Start, allowed: Mapping[Hashable, Iterable[int]], label: str
    ) -> dict[Hashable, Any]:
        """One boolean for each key, exactly one true (none of an absent visit), each limiting the start."""
        found: dict[Hashable, Any] = {}
        for key, values in allowed.items():
            literal = self.model.new_bool_var(f"{start.name}_{label}_{key}")
            domain = Domain.from_values(sorted(values))
            self.model.add_linear_expression_in_domain(start.var, domain).only_enforce_if(literal)
            found[key] = literal
        if start.present is None:
            self.model.add_exactly_one(found.values())
        else:
            self.model.add(sum(found.values()) == start.present)
        return found

    def occupy(self, start: Start, length: Any) -> None:
        """The patient is there from the start for `length` minutes."""
        name = f"{start.name}_interval"
        if start.present is None:
            self.intervals.append(self.model.new_fixed_size_interval_var(start.var, length, name))
        else:
            made = self.model.new_optional_fixed_size_interval_var(start.var, length, start.present, name)
            self.intervals.append(made)

    def distance(self, expression: Any, most: int, name: str) -> Any:
        """A variable that is at least |expression|, and equals it at the optimum."""
        var = self.model.new_int_var(0, most, name)
        self.model.add(var >= expression)
        self.model.add(var >= -expression)
        return var

    def require(self, start: Start, constraint: Any, *others: Any) -> None:
        """A constraint that holds where the visit is there (and where the other literals are true)."""
        literals = [literal for literal in (start.present, *others) if literal is not None]
        added = self.model.add(constraint)
        if literals:
            added.only_enforce_if(literals)
