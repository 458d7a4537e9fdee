"""One run of the machine: so many examples on one world."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import ClinicMachine
from tests.machine.world import World


def run(world: World, *, examples: int, steps: int, shrink: bool = True, seed: int | None = None) -> None:
    """Raise what the first false state raised, with the shortest way there that was found."""
    machine: Any = type("Machine", (ClinicMachine,), {"world": world})
    given: Callable[[Any], Any] = (lambda one: one) if seed is None else seeded(seed)
    run_state_machine_as_test(
        given(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
