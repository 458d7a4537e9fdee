"""Reading in a file, row by row: what each row did or would do, and what is wrong with it.

A dry run does what an apply does and takes it back, so that it cannot promise anything else. The rows come in
batches, each a transaction. A refused row leaves nothing: its `put` has a savepoint around what it writes.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Busy, DomainError, Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import ImportRun
from clinic.practice.tables import Row
from clinic.practice.trail import Step


class Mode(StrEnum):
    DRY_RUN = "dry_run"
    APPLY = "apply"


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row: the column (empty: the row as a whole), a stable code, words."""

    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row. `object_id` is None for what was refused or would only be created."""

    line: int
    system: str
    value: str
    outcome: Outcome
    object_id: UUID | None = None
    errors: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """`applied` says whether anything was meant to stay: not after a dry run, nor where all or nothing was
    asked for and a row was refused.
    """

    kind: str
    mode: str
    applied: bool
    results: tuple[Result, ...] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in self.results)


# What a row did, and to which object; raises a DomainError where it is refused, and then has written nothing.
Put = Callable[[Row], tuple[Outcome, UUID]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One kind of file. `unit` opens a transaction, `batches` says which rows share one: (rows, mode).

    `flush` ends a batch: it writes what its rows have put together.
    """

    kind: str
    capability: str
    put: Put
    unit: Callable[[], AbstractContextManager[Any]]
    batches: Callable[[Sequence[Row], Mode], Iterable[Sequence[Row]]]
    flush: Callable[[], None] = field(default=lambda: None)
    # Where the message of a field of the use case belongs in the file, where the two have other names.
    column_of: Callable[[str], str] = field(default=lambda name: name)


class _TakenBack(Exception):
    """Ends a transaction whose work was only meant to be seen."""


def run(
    *,
    actor: Actor,
    now: datetime,
    job: Job,
    rows: Sequence[Row],
    mode: str,
    all_or_nothing: bool = False,
    key: idempotency.Key | None = None,
) -> Report:
    """Go through the rows. `all_or_nothing`: one refused row takes everything back.

    A repeated `key` gives the first report; one whose first run was broken off goes through the file again,
    which is harmless, because rows are known by their identifiers. Raises NotAllowed, Invalid for a mode
    that is none.
    """
    permissions.check(actor=actor, capability=job.capability)
    if mode not in set(Mode):
        raise Invalid({"mode": [f"One of {', '.join(Mode)}."]})
    whole = all_or_nothing and mode == Mode.APPLY
    begun = _begin(actor, now, job, key) if mode == Mode.APPLY else None
    if begun is not None and begun.results is not None:
        return Report(job.kind, mode, begun.applied, _restored(begun.results, rows))
    readable, results = _sorted_out(rows)
    batches = [readable] if whole else job.batches(readable, Mode(mode))
    keep = mode == Mode.APPLY and not (whole and results)
    for batch in batches:
        results += _batch(job, batch, keep=keep, whole=whole)
    results.sort(key=lambda one: one.line)
    refused = any(one.outcome is Outcome.REFUSED for one in results)
    applied = mode == Mode.APPLY and not (all_or_nothing and refused)
    if mode == Mode.DRY_RUN or not applied:
        results = [_unborn(one) for one in results]
    report = Report(job.kind, mode, applied, tuple(results))
    if begun is not None:
        _finish(begun, report)
    return report


def _begin(actor: Actor, now: datetime, job: Job, key: idempotency.Key | None) -> ImportRun:
    with job.unit():
        run_id = new_id()
        replay = idempotency.claim(key=key, now=now, status_code=200, object_kind="import", object_id=run_id)
        if replay is not None:
            return ImportRun.objects.get(id=replay.object_id)
        step = Step("import.started", "import", run_id, data={"kind": job.kind})
        trail.record(actor=actor, at=now, steps=[step])
        return ImportRun.objects.create(
            id=run_id, practice_id=actor.practice_id, kind=job.kind, started_at=now, started_by=actor.ref
        )


def _finish(begun: ImportRun, report: Report) -> None:
    stored = [
        [one.line, one.outcome.value, str(one.object_id) if one.object_id else None]
        + [[fault.column, fault.code, fault.message] for fault in one.errors]
        for one in report.results
    ]
    ImportRun.objects.filter(id=begun.id).update(results=stored, applied=report.applied)


def _restored(stored: Sequence[Any], rows: Sequence[Row]) -> tuple[Result, ...]:
    """The results of a run, with the identifiers of the file that was sent again: they are not kept."""
    lines = {row.line: row for row in rows}
    return tuple(
        Result(
            line,
            lines[line].get("external_system"),
            lines[line].get("external_value"),
            Outcome(outcome),
            UUID(object_id) if object_id else None,
            tuple(Fault(*fault) for fault in faults),
        )
        for line, outcome, object_id, *faults in stored
        if line in lines
    )


def _sorted_out(rows: Sequence[Row]) -> tuple[list[Row], list[Result]]:
    """The rows that can be looked at, and the refusals of the others: unreadable, or a second one of the same
    identifier, of which nobody could say which holds.
    """
    seen: dict[tuple[str, str], int] = {}
    good, refused = [], []
    for row in rows:
        named = (row.get("external_system"), row.get("external_value"))
        if row.problem:
            refused.append(_refusal(row, Fault("", "invalid", row.problem)))
        elif "" in named:
            empty = "external_value" if named[0] else "external_system"
            refused.append(_refusal(row, Fault(empty, "invalid", "Must not be empty.")))
        elif named in seen:
            told = f"Line {seen[named]} has this identifier already."
            refused.append(_refusal(row, Fault("external_value", "invalid", told)))
        else:
            seen[named] = row.line
            good.append(row)
    return good, refused


def _batch(job: Job, rows: Sequence[Row], *, keep: bool, whole: bool) -> list[Result]:
    """The rows of one transaction, which stays when `keep`; when `whole`, only if no row is refused."""
    results: list[Result] = []
    try:
        with job.unit():
            results = [_put(job, row) for row in rows]
            job.flush()
            if not keep or (whole and any(one.outcome is Outcome.REFUSED for one in results)):
                raise _TakenBack
    except _TakenBack:
        pass
    except (DomainError, DatabaseError) as error:
        # Its end was refused: nothing of this batch is there.
        results = [_refusal(row, *_faults(job, error)) for row in rows]
    return results


def _put(job: Job, row: Row) -> Result:
    try:
        outcome, object_id = job.put(row)
    except (DomainError, DatabaseError) as error:
        return _refusal(row, *_faults(job, error))
    return Result(row.line, row.get("external_system"), row.get("external_value"), outcome, object_id)


def _meant(error: DatabaseError) -> DomainError:
    """What a refusal of the database itself means; what it does not mean is raised as it is."""
    state = getattr(error.__cause__, "sqlstate", "") or ""
    if state in ("55P03", "40P01", "57014"):
        return Busy()
    if state in ("23505", "23P01", "23503"):
        return Invalid({"": ["Somebody else wrote the same thing at this moment: send the file again."]})
    raise error


def _faults(job: Job, error: DomainError | DatabaseError) -> list[Fault]:
    if isinstance(error, DatabaseError):
        error = _meant(error)
    if isinstance(error, Invalid):
        return [
            Fault(job.column_of(name), error.code, " ".join(messages))
            for name, messages in error.fields.items()
        ]
    # What a refusal is about is told one by one: the clashes, the rules that are broken.
    told = [*error.data.get("clashes", ()), *error.data.get("violations", ())]
    message = " ".join(dict.fromkeys(str(one["message"]) for one in told if "message" in one))
    return [Fault(job.column_of(error.code), error.code, message or error.message)]


def _refusal(row: Row, *faults: Fault) -> Result:
    named = (row.get("external_system"), row.get("external_value"))
    return Result(row.line, *named, Outcome.REFUSED, None, tuple(faults))


def _unborn(result: Result) -> Result:
    """Without the id of what was taken back."""
    if result.outcome is not Outcome.CREATED:
        return result
    return Result(result.line, result.system, result.value, result.outcome)
