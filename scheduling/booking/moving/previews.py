"""Previews: an act as it would be, with all that follows from it, and the token that carries it out.

A token holds the whole act, signed: a preview writes nothing, and applying does exactly what was shown.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing

from clinic.practice.actor import Actor
from clinic.practice.models import Site
from scheduling.booking.guard import overrides
from scheduling.booking.moving import acts, additions, effects, notices, relocations
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.additions import Addition
from scheduling.booking.moving.effects import UnitChange
from scheduling.booking.moving.notices import Notices
from scheduling.booking.moving.relocations import Place, Relocation
from scheduling.booking.wanted import proposals
from scheduling.errors import PreviewExpired
from scheduling.models import Appointment

_SALT = "scheduling.preview"


@dataclass(frozen=True, slots=True)
class Preview:
    """An act and its consequences.

    `moves` are as `acts.done` gives them; `open` are the broken rules that nobody has excused yet: until
    then the act cannot be applied.
    """

    act: Act
    token: str
    expires_at: datetime
    moves: tuple[dict[str, Any], ...]
    units: tuple[UnitChange, ...]
    notices: Notices
    added: tuple[Appointment, ...]
    ended: tuple[Appointment, ...]
    open: tuple[dict[str, Any], ...]


def make(*, actor: Actor, act: Act, now: datetime) -> Preview:
    """Everything that would follow; reads, and writes nothing.

    Raises Invalid for an override without a reason and NotAllowed for one by somebody who may not.
    """
    ids = [one.visit_id for one in act.relocations]
    rows = Appointment.objects.select_related("patient", "site", "course").in_bulk(ids)
    sites = Site.objects.filter(practice_id=actor.practice_id).in_bulk(
        {one.after.site_id for one in act.relocations}
    )
    left, _ = overrides.remaining(actor=actor, violations=act.violations, asked=list(act.excuses))
    fresh = additions.prepare(actor=actor, additions=act.added, now=now).rows()
    expires_at = now + timedelta(seconds=settings.PROPOSAL_MAX_AGE_SECONDS)
    return Preview(
        act=act,
        token=_token(actor, act, expires_at),
        expires_at=expires_at,
        moves=tuple(_move(act, one, rows[one.visit_id], sites) for one in act.relocations),
        units=effects.of_units(
            course_ids={row.course_id for row in (*rows.values(), *fresh) if row.course_id},
            places={one.visit_id: one.after for one in act.relocations},
            now=now,
            added=fresh,
            ended=act.ended,
        ),
        notices=_notices(act, rows, sites, now).joined(
            notices.of_changes(added=fresh, ended=act.ended, now=now)
        ),
        added=tuple(fresh),
        ended=tuple(Appointment.objects.filter(pk__in=act.ended).order_by("start", "pk")),
        open=tuple(left),
    )


def read(*, actor: Actor, token: str, verb: str, subject_id: UUID, now: datetime) -> Act:
    """The act in a token. Raises PreviewExpired for one that is too old, altered, another practice's, or of
    something else."""
    try:
        payload = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise PreviewExpired() from None
    mine = (str(actor.practice_id), verb, str(subject_id))
    if (payload["practice"], payload["verb"], payload["subject"]) != mine:
        raise PreviewExpired()
    if payload["until"] <= now.timestamp():
        raise PreviewExpired()
    return Act(
        verb=verb,
        subject_id=subject_id,
        relocations=tuple(_unpack(one) for one in payload["moves"]),
        seen={UUID(key): version for key, version in payload["seen"].items()},
        asked=frozenset(UUID(one) for one in payload["asked"]),
        violations=tuple(payload["violations"]),
        excuses=tuple(payload["excuses"]),
        reason=payload["reason"],
        stamp=payload["stamp"],
        outcomes=tuple(payload["outcomes"]),
        added=tuple(
            Addition(UUID(course_id), proposals.unpack(planned)) for course_id, planned in payload["added"]
        ),
        ended=tuple(UUID(one) for one in payload["ended"]),
        wishes=payload["wishes"],
    )


def _token(actor: Actor, act: Act, expires_at: datetime) -> str:
    payload = {
        "practice": str(actor.practice_id),
        "until": expires_at.timestamp(),
        "verb": act.verb,
        "subject": str(act.subject_id),
        "moves": [_pack(one) for one in act.relocations],
        "seen": {str(key): version for key, version in act.seen.items()},
        "asked": [str(one) for one in act.asked],
        "violations": list(act.violations),
        "excuses": list(act.excuses),
        "reason": act.reason,
        "stamp": act.stamp,
        "outcomes": list(act.outcomes),
        "added": [[str(one.course_id), proposals.pack(one.planned)] for one in act.added],
        "ended": [str(one) for one in act.ended],
        "wishes": dict(act.wishes),
    }
    return signing.dumps(payload, salt=_SALT, compress=True)


def _pack(one: Relocation) -> list[Any]:
    places = [[str(place.site_id), proposals.pack(place.planned)] for place in (one.before, one.after)]
    return [str(one.visit_id), one.version, *places]


def _unpack(packed: list[Any]) -> Relocation:
    visit_id, version, before, after = packed
    was, will = (Place(UUID(site), proposals.unpack(planned)) for site, planned in (before, after))
    return Relocation(UUID(visit_id), version, was, will)


def _move(act: Act, one: Relocation, visit: Appointment, sites: Mapping[UUID, Site]) -> dict[str, Any]:
    return acts.told(
        visit=visit,
        verb="move" if acts.is_move(visit, one) else "reassign",
        asked=one.visit_id in act.asked,
        before=relocations.as_dict(one.before, visit.time_zone),
        after=relocations.as_dict(one.after, sites[one.after.site_id].time_zone),
    )


def _notices(
    act: Act, rows: Mapping[UUID, Appointment], sites: Mapping[UUID, Site], now: datetime
) -> Notices:
    """What would be told, from rows as they would be."""
    moves = [one for one in act.relocations if acts.is_move(rows[one.visit_id], one)]
    return notices.of_move(
        visits=[_as_moved(rows[one.visit_id], one, sites) for one in moves],
        before={one.visit_id: one.before for one in moves},
        now=now,
    )


def _as_moved(visit: Appointment, one: Relocation, sites: Mapping[UUID, Site]) -> Appointment:
    moved = copy.copy(visit)
    planned = one.after.planned
    moved.start, moved.end, moved.mode = planned.start, planned.end, planned.mode
    moved.site = sites[one.after.site_id]
    moved.time_zone = moved.site.time_zone
    moved.status, moved.version = "booked", visit.version + 1
    return moved
