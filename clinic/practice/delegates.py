"""Who stands in for whom: named by the person who will be away, or for them by the practice."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from clinic.practice import fields, permissions, queries, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import Delegation, StaffMember


def create(
    *,
    actor: Actor,
    staff_id: UUID,
    delegate_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    key: writing.Key = None,
) -> Delegation:
    """From `starts_at` until `ends_at` what is this person's is shown to `delegate_id` instead.

    Everybody may name who stands in for themselves; for somebody else it needs `practitioners.write`.
    """
    _may(actor, staff_id)
    given: dict[str, Any] = {"starts_at": starts_at, "ends_at": ends_at}

    def make(row_id: UUID) -> Delegation:
        staff = queries.practitioner(actor=actor, staff_id=staff_id)
        delegate = StaffMember.objects.filter(
            practice_id=actor.practice_id, is_active=True, pk=delegate_id
        ).first()
        if delegate is None or delegate.pk == staff.pk:
            raise Invalid({"delegate": ["Another active member of this practice."]})
        return Delegation.objects.create(
            id=row_id, practice_id=actor.practice_id, staff=staff, delegate=delegate, **_span(given)
        )

    return writing.create(
        actor=actor,
        capability="delegations.write",
        key=key,
        now=now,
        kind="delegation",
        make=make,
        load=lambda row_id: one(actor=actor, delegation_id=row_id),
    )


def end(*, actor: Actor, delegation_id: UUID, now: datetime, version: int | None = None) -> None:
    """Take it back: what is theirs is shown to them again."""
    permissions.check(actor=actor, capability="delegations.write")
    with writing.transaction():
        row = one(actor=actor, delegation_id=delegation_id, lock=True)
        _may(actor, row.staff_id)
        writing.fresh(held=row.version, read=version)
        writing.tell(actor=actor, now=now, verb="delete", kind="delegation", row_id=row.pk)
        row.delete()


def listed(*, actor: Actor) -> QuerySet[Delegation]:
    """The delegations of the practice."""
    permissions.check(actor=actor, capability="delegations.read")
    return Delegation.objects.filter(practice_id=actor.practice_id)


def one(*, actor: Actor, delegation_id: UUID, lock: bool = False) -> Delegation:
    """One delegation; raises NotFound, also for one of another practice."""
    permissions.check(actor=actor, capability="delegations.read" if not lock else "delegations.write")
    rows = Delegation.objects.filter(practice_id=actor.practice_id, pk=delegation_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound()
    return found


def acts_for(*, staff_id: UUID | None, now: datetime) -> frozenset[UUID]:
    """Whose work is this person's at the moment: their own unless somebody stands in for them, and that of
    those for whom they stand in. One step only: a delegate who is away passes nothing on."""
    if staff_id is None:
        return frozenset()
    standing = Delegation.objects.filter(starts_at__lte=now, ends_at__gt=now)
    found = set(standing.filter(delegate_id=staff_id).values_list("staff_id", flat=True))
    if not standing.filter(staff_id=staff_id).exists():
        found.add(staff_id)
    return frozenset(found)


def instead_of(*, staff_ids: Collection[UUID], now: datetime) -> dict[UUID, frozenset[UUID]]:
    """Who has the work of each of these people at the moment: themselves, or those who stand in for them."""
    found: dict[UUID, set[UUID]] = {one: set() for one in staff_ids}
    standing = Delegation.objects.filter(
        staff_id__in=staff_ids, starts_at__lte=now, ends_at__gt=now, delegate__is_active=True
    )
    for staff_id, delegate_id in standing.values_list("staff_id", "delegate_id"):
        found[staff_id].add(delegate_id)
    return {one: frozenset(them or {one}) for one, them in found.items()}


def _may(actor: Actor, staff_id: UUID) -> None:
    own = actor.kind == "staff" and actor.id == staff_id
    permissions.check(actor=actor, capability="delegations.write" if own else "practitioners.write")


def _span(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    first, last = fields.span(problems, ("starts_at", given["starts_at"]), ("ends_at", given["ends_at"]))
    problems.raise_if_any()
    return {"starts_at": first, "ends_at": last}
