"""Proposals: what the planner found, carried by a signed token that holds everything, so that proposing
writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing

from clinic.practice.actor import Actor
from clinic.practice.models import Site
from scheduling.booking.wanted.orders import Order
from scheduling.errors import ProposalExpired
from scheduling.planning.protocol import Presence
from scheduling.planning.values import Plan, PlannedVisit, Staffing, Window

_SALT = "scheduling.proposal"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One whole course that can be booked until `expires_at`, unless somebody takes its places first."""

    token: str
    expires_at: datetime
    plan: Plan
    zone: str

    @property
    def visits(self) -> tuple[PlannedVisit, ...]:
        return self.plan.visits

    def as_dict(self) -> dict[str, Any]:
        """The proposal as the REST surface shows it; times carry the site's offset."""
        return {
            "token": self.token,
            "expires_at": self.expires_at.isoformat(),
            "time_zone": self.zone,
            "cost": self.plan.cost,
            "cost_breakdown": dict(self.plan.breakdown),
            "proven": self.plan.proven,
            "trades": list(self.plan.trades),
            "visits": [visit_as_dict(visit, self.zone) for visit in self.plan.visits],
        }


@dataclass(frozen=True, slots=True)
class Contents:
    """What a token holds."""

    order: Order
    visits: tuple[PlannedVisit, ...]
    roster_stamp: str
    expires_at: datetime
    trades: tuple[str, ...] = ()

    def proposal(self, *, token: str, zone: str) -> Proposal:
        """The proposal that the token is, without its cost."""
        plan = Plan(visits=self.visits, cost=0, trades=self.trades, proven=False)
        return Proposal(token, self.expires_at, plan, zone)


def make(*, actor: Actor, order: Order, plan: Plan, site: Site, stamp: str, now: datetime) -> Proposal:
    expires_at = now + timedelta(seconds=settings.PROPOSAL_MAX_AGE_SECONDS)
    payload = {
        "practice": str(actor.practice_id),
        "until": expires_at.timestamp(),
        "stamp": stamp,
        "order": order.as_dict(),
        "visits": [pack(visit) for visit in plan.visits],
        "trades": list(plan.trades),
    }
    return Proposal(signing.dumps(payload, salt=_SALT, compress=True), expires_at, plan, site.time_zone)


def read(*, actor: Actor, token: str, now: datetime) -> Contents:
    """Raises ProposalExpired for a token that is too old, was altered, or belongs to another practice."""
    payload = _payload(actor, token)
    if payload["until"] <= now.timestamp():
        raise ProposalExpired()
    return _contents(payload)


def read_late(*, actor: Actor, token: str) -> Contents:
    """The same, however old it is: what was asked for and shown, never to be booked."""
    return _contents(_payload(actor, token))


def _payload(actor: Actor, token: str) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise ProposalExpired() from None
    if payload["practice"] != str(actor.practice_id):
        raise ProposalExpired()
    return payload


def _contents(payload: dict[str, Any]) -> Contents:
    visits = tuple(unpack(packed) for packed in payload["visits"])
    return Contents(
        order=Order(**payload["order"]),
        visits=visits,
        roster_stamp=payload["stamp"],
        expires_at=datetime.fromtimestamp(payload["until"], UTC),
        trades=tuple(payload.get("trades", ())),
    )


def visit_as_dict(visit: PlannedVisit, zone: str) -> dict[str, Any]:
    """A planned visit in the words of the contract."""
    tz = ZoneInfo(zone)

    def local(moment: datetime) -> str:
        return moment.astimezone(tz).isoformat()

    window = visit.window
    return {
        "ref": visit.ref,
        "kind": visit.kind,
        "phase": visit.phase,
        "sequence": visit.sequence,
        "start": local(visit.start),
        "end": local(visit.end),
        "mode": visit.mode,
        "practitioners": [
            {"id": one.practitioner, "role": one.role, "presence": one.presence.value}
            for one in visit.staffing
        ],
        "room": visit.room,
        "follows": visit.follows,
        "group_session": visit.group_session,
        "window": window
        and {
            "opens_at": local(window.opens_at),
            "ideal_from": local(window.ideal_from),
            "ideal_to": local(window.ideal_to),
            "closes_at": local(window.closes_at),
            "grace_until": local(window.grace_until),
        },
    }


def ids_of(visits: Sequence[PlannedVisit]) -> tuple[set[UUID], set[UUID], set[UUID]]:
    """The practitioners, rooms and group sessions that visits name."""
    people = {UUID(one.practitioner) for visit in visits for one in visit.staffing}
    rooms = {UUID(visit.room) for visit in visits if visit.room}
    groups = {UUID(visit.group_session) for visit in visits if visit.group_session}
    return people, rooms, groups


def pack(visit: PlannedVisit) -> list[Any]:
    """A planned visit as a token carries it."""
    window = visit.window
    return [
        visit.ref,
        visit.kind,
        visit.phase,
        visit.sequence,
        visit.start.timestamp(),
        visit.end.timestamp(),
        visit.mode,
        [[one.role, one.practitioner, one.presence.value, one.seats] for one in visit.staffing],
        visit.room,
        visit.turnover_minutes,
        visit.follows,
        window
        and [
            moment.timestamp()
            for moment in (
                window.opens_at,
                window.ideal_from,
                window.ideal_to,
                window.closes_at,
                window.grace_until,
            )
        ],
        visit.group_session,
    ]


def unpack(packed: list[Any]) -> PlannedVisit:
    """The visit that `pack` packed."""
    ref, kind, phase, sequence, start, end, mode, staffing, room, turnover, follows, window, group = packed
    return PlannedVisit(
        ref=ref,
        kind=kind,
        phase=phase,
        sequence=sequence,
        start=datetime.fromtimestamp(start, UTC),
        end=datetime.fromtimestamp(end, UTC),
        mode=mode,
        staffing=tuple(Staffing(role, who, Presence(how), seats) for role, who, how, seats in staffing),
        room=room,
        turnover_minutes=turnover,
        follows=follows,
        window=Window(*(datetime.fromtimestamp(moment, UTC) for moment in window)) if window else None,
        group_session=group,
    )
