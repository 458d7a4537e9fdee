"""A course as it stands, and what a repair of it asks and answers: frozen values."""

from dataclasses import dataclass

from scheduling.planning.values import PlannedVisit, PlanRequest, Violation


@dataclass(frozen=True, slots=True)
class Standing:
    """A visit of the course as it stands.

    `given`: it happened or is under way; it cannot move, and shapes spacing, caps and windows. `pinned`: a
    person fixed it; it may not move. `told`: the patient was told this time; moving it costs most.
    """

    visit: PlannedVisit
    given: bool = False
    pinned: bool = False
    told: bool = True


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """A course to repair.

    `plan` holds the protocol, zone, grid, `not_before`, limits, preferences, weights and overrides; its
    `given` is taken from `standing`. `standing` is every live or given visit, with refs of the caller's
    choice; `follows` is the ref of a dose among them. `placed` are visits that a person puts exactly there,
    each with the ref of a standing one. With `replan`, doses and visits of the protocol that are missing are
    planned too, and visits that the patient was not told of are placed wherever is best.
    """

    plan: PlanRequest
    standing: tuple[Standing, ...]
    placed: tuple[PlannedVisit, ...] = ()
    replan: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One visit that changes: `before` None for a new one, `after` None for one that is no longer needed."""

    ref: str
    before: PlannedVisit | None
    after: PlannedVisit | None


@dataclass(frozen=True, slots=True)
class Repair:
    """The changes, the whole course afterwards by start, and the rules that it still breaks.

    Then what it costs, in the order that was minimised, without what a person placed: told visits moved,
    minutes that visits were shifted in sum, changes of practitioner, changes of room or mode, and the plan's
    cost.
    """

    changes: tuple[Change, ...]
    visits: tuple[PlannedVisit, ...]
    violations: tuple[Violation, ...]
    told_moved: int = 0
    minutes_shifted: int = 0
    practitioner_changes: int = 0
    room_changes: int = 0
    cost: int = 0
    proven: bool = True
