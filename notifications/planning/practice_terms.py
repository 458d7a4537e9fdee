"""What a practice says of each kind of message: kept, checked, and asked for when one is planned or leaves.

What is planned already follows within a minute or two: the practice is marked, and a task goes through its
visits (`scheduling.booking.writing.replanning`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from notifications.models import KindTerm, Replan
from notifications.planning import terms
from notifications.planning.terms import NOTHING, Term, Terms

READ, WRITE = "practices.read", "practices.write"
# What the trail calls it.
SUBJECT = "message_term"


@dataclass(frozen=True, slots=True)
class Held:
    """What a practice says of every kind that it can choose. `version` grows with every change."""

    terms: Terms
    version: int


def held(*, actor: Actor) -> Held:
    """What the practice says; raises NotAllowed."""
    permissions.check(actor=actor, capability=READ)
    rows = list(KindTerm.objects.filter(practice_id=actor.practice_id))
    return Held({row.kind: _term(row) for row in rows}, sum(row.version for row in rows))


def of(*, practice_ids: Collection[UUID]) -> dict[UUID, dict[str, Term]]:
    """What these practices say, in one query."""
    found: dict[UUID, dict[str, Term]] = {one: {} for one in practice_ids}
    for row in KindTerm.objects.filter(practice_id__in=practice_ids):
        found[row.practice_id][row.kind] = _term(row)
    return found


def save(*, actor: Actor, said: Terms, now: datetime, version: int | None = None) -> None:
    """Say this of these kinds from now on; of the others what was said stays. One trail row a kind that
    changed. Raises NotAllowed, Stale, and Invalid by `kind.field`.
    """
    permissions.check(actor=actor, capability=WRITE)
    check(said=said)
    with writing.transaction():
        rows = _locked(actor, said)
        writing.fresh(held=sum(row.version for row in rows.values()), read=version)
        changed = [_put(actor, rows[kind], term, now) for kind, term in said.items()]
        if any(changed):
            ask(practice_id=actor.practice_id, now=now)


def check(*, said: Terms) -> None:
    """Raise Invalid, by `kind.field`, for what may not be said. Pure."""
    wrong = {
        f"{kind}.{field}".rstrip("."): [text]
        for kind, term in said.items()
        for field, text in terms.problems(kind=kind, term=term).items()
    }
    if wrong:
        raise Invalid(wrong)


def ask(*, practice_id: UUID, now: datetime) -> None:
    """Have what is planned follow what the practice says now, in the transaction of the change."""
    Replan.objects.update_or_create(practice_id=practice_id, defaults={"asked_at": now, "done_to": None})


def _locked(actor: Actor, said: Terms) -> Mapping[str, KindTerm]:
    # One row to lock for each, however many begin at the same moment.
    first = [KindTerm(practice_id=actor.practice_id, kind=kind, version=0) for kind in sorted(said)]
    KindTerm.objects.bulk_create(first, ignore_conflicts=True)
    rows = KindTerm.objects.select_for_update().filter(practice_id=actor.practice_id).order_by("kind")
    return {row.kind: row for row in rows}


def _put(actor: Actor, row: KindTerm, term: Term, now: datetime) -> bool:
    """Whether it changed."""
    reason = term.reason.strip() if term.on is False else ""
    values = {"is_on": term.on, "hours": term.hours, "reason": reason}
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    writing.save(row=row, values=values)
    writing.tell(
        actor=actor, now=now, verb="update", kind=SUBJECT, row_id=row.pk, fields=values, reason=reason
    )
    return True


def _term(row: KindTerm) -> Term:
    return Term(row.is_on, row.hours, row.reason) if row.version else NOTHING
