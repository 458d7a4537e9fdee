"""What somebody asks to be planned: checked, kept beside the proposal, and turned into the planner's
request."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Site
from scheduling.booking.guard import access, rulebook
from scheduling.errors import Unplannable
from scheduling.followups import facts
from scheduling.models import ProtocolVersion
from scheduling.planning.protocol import FollowUpRule, Protocol
from scheduling.planning.values import (
    GivenDose,
    HardLimits,
    PlanRequest,
    Preferences,
    Weights,
    WindowOverride,
)

# What people say instead of clock times; judgement values.
TIMES_OF_DAY = {
    "morning": (time(0), time(12)),
    "afternoon": (time(12), time(17)),
    "evening": (time(17), time(23, 59)),
}
WINDOW_HOURS = {"min_hours", "ideal_from", "ideal_to", "max_hours", "grace_hours"}
# Overrides that change what is planned; the others excuse a violation at booking.
PLANNED = {"window", "spacing"}
EARLIEST, LATEST = date(2000, 1, 1), timedelta(days=730)
LONGEST_NOTICE = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Order:
    """A course as it was asked for. All ids are texts, so that an order can travel inside a signed token."""

    patient: str
    version: str
    site: str
    start_on_or_after: str
    through_phase: str | None = None
    preferences: dict[str, Any] = field(default_factory=dict)
    overrides: list[dict[str, Any]] = field(default_factory=list)
    alternatives: int = 3
    # The doses of a course under way, in order: {"phase", "sequence", "start", "end"}, times as texts.
    given: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def place(
    *,
    actor: Actor,
    patient_id: UUID,
    protocol_id: UUID | None,
    protocol_key: str | None,
    start_on_or_after: date,
    site_id: UUID | None,
    through_phase: str | None,
    preferences: Mapping[str, Any] | None,
    overrides: Sequence[Mapping[str, Any]],
    alternatives: int,
    now: datetime,
    may_excuse: bool = False,
    given: Sequence[Mapping[str, Any]] = (),
) -> tuple[Order, ProtocolVersion, Site]:
    """Check who asks for what, and write the order down. `may_excuse`: overrides may also name rules that the
    visits break, not only what is planned otherwise. `given` are the doses of a course under way.

    Raises NotAllowed, NotFound, Invalid, and Unplannable for a protocol that is not plannable until mapped.
    """
    permissions.check(actor=actor, capability="courses.book")
    patient = access.patient(actor=actor, patient_id=patient_id)
    version = access.protocol_version(actor=actor, protocol_id=protocol_id, key=protocol_key)
    wished_site = (preferences or {}).get("site") or site_id
    site = access.site(actor=actor, site_id=UUID(str(wished_site))) if wished_site else patient.site
    if not version.is_plannable:
        message = "This protocol is not plannable until it is mapped: its document has no plan block."
        raise Unplannable(
            rules=[{"rule": "protocol_mapped", "visit": None, "message": message, "relaxations": []}]
        )
    for one in overrides:
        rulebook.check(actor=actor, rule_id=str(one.get("rule_id")))
    if not EARLIEST <= start_on_or_after <= now.date() + LATEST:
        raise Invalid({"start_on_or_after": ["The date is not within the next two years."]})
    for position, one in enumerate(overrides):
        if not may_excuse and one.get("rule_id") not in PLANNED:
            known = ["Either window with hours, or spacing with max_days."]
            raise Invalid({f"overrides.{position}.rule_id": known})
    protocol = facts.protocol_of(version.id)
    if through_phase is not None and through_phase not in {phase.name for phase in protocol.phases}:
        raise Invalid({"through_phase": ["The protocol has no phase of this name."]})
    order = Order(
        patient=str(patient.id),
        version=str(version.id),
        site=str(site.id),
        start_on_or_after=start_on_or_after.isoformat(),
        through_phase=through_phase,
        preferences=plain(preferences or {}),
        overrides=[plain(one) for one in overrides],
        alternatives=alternatives,
        given=plain(given),
    )
    request(order=order, protocol=protocol, site=site, now=now)
    notice(order)
    return order, version, site


def notice(order: Order) -> timedelta:
    """How long before its first visit a patient wants to know of it: no visit is proposed sooner. What is
    booked after all may be sooner. Raises Invalid.
    """
    found = timedelta(minutes=order.preferences.get("notice_minutes") or 0)
    if not timedelta(0) <= found <= LONGEST_NOTICE:
        raise Invalid({"preferences.notice_minutes": ["From 0 to 40320 minutes, which are four weeks."]})
    return found


def request(*, order: Order, protocol: Protocol, site: Site, now: datetime) -> PlanRequest:
    """The planner's request. Raises Invalid where a preference or an override cannot be understood."""
    wishes = order.preferences
    windows, spacing = _overrides(order.overrides, protocol.follow_up)
    known = set(Weights.__dataclass_fields__)
    weights = {k: v for k, v in site.practice.settings.get("planner_weights", {}).items() if k in known}
    return PlanRequest(
        protocol=protocol,
        zone=site.time_zone,
        grid_minutes=site.grid_minutes,
        start_on_or_after=date.fromisoformat(order.start_on_or_after),
        not_before=now,
        through_phase=order.through_phase,
        preferences=Preferences(
            practitioners=tuple(wishes.get("practitioners") or ()),
            therapist=wishes.get("therapist"),
            weekdays=tuple(wishes.get("weekdays") or ()),
            time_of_day=_time_of_day(wishes.get("time_of_day")),
            modality=wishes.get("modality"),
        ),
        hard_limits=_hard_limits(wishes.get("hard_limits") or {}),
        weights=Weights(**weights),
        proposals=order.alternatives,
        windows=windows or None,
        spacing_max=spacing or None,
        given=tuple(
            GivenDose(
                one["phase"],
                one["sequence"],
                datetime.fromisoformat(one["start"]),
                datetime.fromisoformat(one["end"]),
            )
            for one in order.given
        ),
    )


def plain(value: Any) -> Any:
    """A value as JSON keeps it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _clock(value: Any, name: str) -> time:
    try:
        found = time.fromisoformat(str(value))
    except ValueError:
        raise Invalid({f"preferences.{name}": ["A local time such as 09:00."]}) from None
    if found.tzinfo:
        raise Invalid({f"preferences.{name}": ["A local time without an offset."]})
    return found


def _time_of_day(value: Any) -> tuple[time, time] | None:
    """`morning`, `afternoon`, `evening`, or `{"from": "09:00", "to": "12:00"}`."""
    if value is None:
        return None
    if isinstance(value, str):
        if value not in TIMES_OF_DAY:
            raise Invalid({"preferences.time_of_day": [f"One of {', '.join(TIMES_OF_DAY)}, or from and to."]})
        return TIMES_OF_DAY[value]
    if not isinstance(value, Mapping) or set(value) != {"from", "to"}:
        raise Invalid({"preferences.time_of_day": ["An object with from and to."]})
    first, last = _clock(value["from"], "time_of_day.from"), _clock(value["to"], "time_of_day.to")
    if first >= last:
        raise Invalid({"preferences.time_of_day": ["It must end after it starts."]})
    return first, last


def _hard_limits(value: Mapping[str, Any]) -> HardLimits:
    return HardLimits(
        weekdays_never=tuple(value.get("weekdays_never") or ()),
        not_before=_clock(value["not_before"], "hard_limits.not_before") if value.get("not_before") else None,
        not_after=_clock(value["not_after"], "hard_limits.not_after") if value.get("not_after") else None,
    )


def _overrides(
    asked: Sequence[Mapping[str, Any]], rule: FollowUpRule | None
) -> tuple[dict[int, WindowOverride], dict[int, int]]:
    """Overrides at planning: a dose's window hours, or its longest spacing, each with a reason."""
    windows: dict[int, WindowOverride] = {}
    spacing: dict[int, int] = {}
    for position, one in enumerate(asked):
        if one.get("rule_id") not in PLANNED:
            continue
        where = f"overrides.{position}"
        prefix, _, number = str(one.get("visit") or "").partition("-")
        if prefix != "dose" or not number.isdecimal():
            raise Invalid({f"{where}.visit": ["Name a dose of the course, such as dose-4."]})
        if not str(one.get("reason") or "").strip():
            raise Invalid({f"{where}.reason": ["An override needs a reason."]})
        value = one.get("value") or {}
        if one.get("rule_id") == "window" and value and set(value) <= WINDOW_HOURS:
            windows[int(number)] = _window(_hours(value, where), rule, where)
        elif one.get("rule_id") == "spacing" and set(value) == {"max_days"}:
            spacing[int(number)] = int(_hours(value, where)["max_days"])
        else:
            hours = ", ".join(sorted(WINDOW_HOURS))
            raise Invalid({f"{where}.value": [f"For window any of {hours}; for spacing max_days."]})
    return windows, spacing


def _window(value: Mapping[str, float], rule: FollowUpRule | None, where: str) -> WindowOverride:
    """The hours of one dose's window. The ideal band and a grace that is not given follow the new edges."""
    if rule is None:
        raise Invalid({f"{where}.rule_id": ["This protocol asks for no follow-up: there is no window."]})
    opens, closes = value.get("min_hours", rule.min_hours), value.get("max_hours", rule.max_hours)
    if not opens <= closes <= value.get("grace_hours", max(closes, rule.grace_hours)):
        raise Invalid(
            {f"{where}.value": ["The window must open before it closes, and close before its grace."]}
        )
    return facts.window_override(value)


def _hours(value: Mapping[str, Any], where: str) -> dict[str, float]:
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not -4400 <= number <= 4400:
            raise Invalid({f"{where}.value.{name}": ["A number of hours (or days) within half a year."]})
    return dict(value)
