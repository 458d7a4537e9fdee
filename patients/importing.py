"""Patients from a file: each row is one patient, known by the number that another system gives them.

An empty cell says nothing and changes nothing. A number in a file is no consent: R-05 speaks of patients who
give their number to their provider, so `may_message` says that they did.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from clinic.practice import fields, idempotency, importing, tables, trail
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.ids import new_id
from clinic.practice.importing import Job, Mode, Outcome, Report
from clinic.practice.models import Site
from clinic.practice.tables import Row
from clinic.practice.trail import Step
from patients import queries, records
from patients.models import Patient
from patients.records import Newcomer

NEEDED = ("external_system", "external_value", "given_name", "family_name", "birth_date")
COLUMNS = (*NEEDED, "site", "phone", "email", "time_zone", "language", "no_messages", "may_message")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CHANGEABLE = ("given_name", "family_name", "birth_date", "phone", "email", "time_zone", "language")
# Rows of one transaction: few enough that nobody waits for it, many enough that its commit costs little.
_TOGETHER = 200


def run(
    *,
    actor: Actor,
    now: datetime,
    file: str,
    mode: str,
    all_or_nothing: bool = False,
    key: idempotency.Key | None = None,
) -> Report:
    """Create or change the patients of a CSV text, or only say what would be done.

    `site` is the name of a site, and may be left out where the practice has one. Raises NotAllowed, and
    Invalid on `file` for a file that cannot be read.
    """
    rows = tables.read(text=file, columns=COLUMNS, needed=NEEDED)
    # Read when the first row is looked at: by then it is known that the actor may.
    context: list[_Context] = []

    def put(row: Row) -> tuple[Outcome, UUID]:
        if not context:
            context.append(_Context(actor, now, rows))
        return _put(context[0], row)

    def flush() -> None:
        if context:
            _write(context[0])

    job = Job(
        kind="patients",
        capability="patients.write",
        put=put,
        unit=lambda: transaction.atomic(durable=True),
        batches=_batches,
        flush=flush,
        column_of=lambda name: "external_value" if name.startswith("external_ids") else name,
    )
    return importing.run(
        actor=actor, now=now, job=job, rows=rows, mode=mode, all_or_nothing=all_or_nothing, key=key
    )


def _batches(rows: Sequence[Row], mode: Mode) -> list[Sequence[Row]]:
    return [rows[first : first + _TOGETHER] for first in range(0, len(rows), _TOGETHER)]


class _Context:
    """What the rows name: read once for all of them."""

    def __init__(self, actor: Actor, now: datetime, rows: Sequence[Row]) -> None:
        self.actor, self.now = actor, now
        self.sites = {site.name.casefold(): site for site in places.sites(actor=actor)}
        self.region = places.region(practice=places.practice(actor=actor))
        self.which_site = (
            f"Must be the name of a site: {', '.join(sorted(one.name for one in self.sites.values()))}."
        )
        named = [(row.get("external_system"), row.get("external_value")) for row in rows]
        self.newcomers: list[Newcomer] = []
        self.known = queries.by_external_ids(actor=actor, named=named)

    def site(self, name: str) -> Site | None:
        """The site of this name; of no name, the practice's only one."""
        if not name:
            return next(iter(self.sites.values())) if len(self.sites) == 1 else None
        return self.sites.get(name.casefold())


def _put(context: _Context, row: Row) -> tuple[Outcome, UUID]:
    values = _values(context, row)
    known = context.known.get((row.get("external_system"), row.get("external_value")))
    if known is None:
        return Outcome.CREATED, _create(context, row, values)
    if not _different(known, values):
        return Outcome.UNCHANGED, known.pk
    patient = queries.patient(actor=context.actor, patient_id=known.pk, lock=True)
    changes = _different(patient, values)
    if not changes:
        return Outcome.UNCHANGED, patient.pk
    with transaction.atomic():
        records.amend(
            actor=context.actor,
            patient=patient,
            values=changes,
            now=context.now,
            may_message=_may_message(row),
        )
    return Outcome.UPDATED, patient.pk


def _values(context: _Context, row: Row) -> dict[str, Any]:
    """What the row says, clean; raises Invalid that names every column that is wrong."""
    problems = fields.Problems()
    given: dict[str, Any] = {name: row.get(name) for name in _CHANGEABLE if row.get(name)}
    if row.get("birth_date"):
        given["birth_date"] = _day(problems, row.get("birth_date"))
    if row.get("no_messages"):
        given["no_messages"] = _flag(problems, "no_messages", row.get("no_messages"))
    _flag(problems, "may_message", row.get("may_message") or "no")
    site = context.site(row.get("site"))
    if site is None and row.get("site"):
        problems.add("site", context.which_site)
    # What is wrong already would only be told of twice.
    given = {name: value for name, value in given.items() if name not in problems.fields}
    clean = records.clean(
        actor=context.actor, given=given, now=context.now, problems=problems, region=context.region
    )
    return {**clean, "site": site} if site and row.get("site") else clean


def _create(context: _Context, row: Row, values: dict[str, Any]) -> UUID:
    problems = fields.Problems()
    for name in ("given_name", "family_name", "birth_date"):
        if name not in values:
            problems.add(name, "Must not be empty.")
    site = context.site(row.get("site"))
    if site is None:
        problems.add("site", context.which_site)
    problems.raise_if_any()
    system, value = row.get("external_system"), row.get("external_value")
    identified = records.clean(
        actor=context.actor,
        given={"external_ids": [{"system": system, "value": value}]},
        now=context.now,
    )
    blank = {"time_zone": "", "language": "en", "no_messages": False, "site": site}
    newcomer = Newcomer(new_id(), {**blank, **values, **identified}, _may_message(row))
    context.newcomers.append(newcomer)
    return newcomer.id


def _write(context: _Context) -> None:
    """Add the newcomers of a batch, with their trail."""
    people, context.newcomers = context.newcomers, []
    if not people:
        return
    records.add(actor=context.actor, people=people, now=context.now)
    steps = [Step("create", "patient", one.id, patient_id=one.id) for one in people]
    trail.record(actor=context.actor, at=context.now, steps=steps)


def _different(patient: Patient, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the patient does not have."""
    held = {
        **{name: getattr(patient, name) for name in records.COLUMNS},
        **{name: queries.first_address(patient, channel) for name, channel in records.CHANNEL_OF.items()},
    }
    return {name: value for name, value in values.items() if held[name] != value}


def _day(problems: fields.Problems, told: str) -> date:
    try:
        if len(told) == 10:
            return date.fromisoformat(told)
    except ValueError:
        pass
    problems.add("birth_date", "Must be a day that exists, as YYYY-MM-DD.")
    return date.min


def _flag(problems: fields.Problems, column: str, told: str) -> bool:
    if told.lower() not in _WORDS:
        problems.add(column, "Must be yes or no.")
    return _WORDS.get(told.lower(), False)


def _may_message(row: Row) -> bool:
    return _WORDS.get(row.get("may_message").lower(), False)
