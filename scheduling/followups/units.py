"""Follow-up units: the facts they are made of, which doses share one, and the window each has. Pure.

A unit is what one follow-up obligation covers: one dose, n doses, or the doses of a week, as the protocol's
coverage says.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from scheduling import states
from scheduling.planning import windows
from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import Window, WindowOverride

# A held dose is not promised yet: nothing is owed for it, though while its hold lasts it shapes other
# windows.
OWES_NOTHING = states.UNATTENDED | {"held"}


@dataclass(frozen=True, slots=True)
class DoseFact:
    """One dosing visit as it is stored; `sequence` counts from 1 within the phase, cancelled doses
    included.
    """

    id: str
    phase: str
    sequence: int
    start: datetime
    planned_end: datetime
    status: str
    discharged_at: datetime | None = None
    hold_expires_at: datetime | None = None

    @property
    def given(self) -> bool:
        return self.status in states.ATTENDED

    @property
    def end(self) -> datetime:
        """The anchor of the window: the recorded discharge once there is one, until then the planned end."""
        return self.discharged_at or self.planned_end

    def shapes(self, now: datetime) -> bool:
        """Only live or given doses shape a window."""
        return self.given or states.is_live(status=self.status, hold_expires_at=self.hold_expires_at, now=now)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The unit and the window in which a visit lay when it was booked."""

    unit: str
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class VisitFact:
    """One visit that may count as a follow-up.

    `external_unit`: an outside visit (`via: external`), attested for that unit and for no other.
    """

    id: str
    kind: str
    start: datetime
    end: datetime
    status: str
    hold_expires_at: datetime | None = None
    accepted: Acceptance | None = None
    external_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """A unit at one instant, before any visit is counted.

    `window` is None when no dose of the unit is live or given. `planned` is the window from the planned ends,
    there only when a recorded discharge has moved the real one.
    """

    key: str
    dose_ids: tuple[str, ...]
    void: bool
    waived: bool
    given: bool
    first_start: datetime | None
    window: Window | None
    planned: Window | None

    @property
    def takes_visits(self) -> bool:
        return not self.void and not self.waived and self.window is not None


def unit_key(*, rule: FollowUpRule, zone: str, dose: DoseFact) -> str:
    """The stable name of the unit that a dose belongs to.

    `each_n` is fixed by the planned number within the phase, so that a cancelled dose shrinks its unit and
    moves no other; `weekly` by the ISO week of the dose's local start, so that a dose moved to another week
    changes its unit.
    """
    if rule.coverage is Coverage.EACH_N:
        return f"n:{dose.phase}:{(dose.sequence - 1) // rule.n + 1}"
    if rule.coverage is Coverage.WEEKLY:
        year, week, _ = dose.start.astimezone(ZoneInfo(zone)).isocalendar()
        return f"week:{year}-W{week:02}"
    return f"dose:{dose.id}"


def obligations(
    *,
    rule: FollowUpRule,
    zone: str,
    doses: Sequence[DoseFact],
    waived: Collection[str],
    overrides: Mapping[str, WindowOverride],
    now: datetime,
) -> tuple[Obligation, ...]:
    """Every unit of a course at `now`, in the order of their doses; `series` and `none` have none."""
    if rule.coverage in (Coverage.SERIES, Coverage.NONE):
        return ()
    in_order = sorted(doses, key=lambda dose: (dose.start, dose.id))
    shaping = [dose for dose in in_order if dose.shapes(now)]
    members: dict[str, list[DoseFact]] = {}
    for dose in in_order:
        members.setdefault(unit_key(rule=rule, zone=zone, dose=dose), []).append(dose)
    return tuple(
        _obligation(
            key=key,
            rule=_overridden(rule, overrides.get(key)),
            zone=zone,
            doses=unit_doses,
            shaping=shaping,
            waived=key in waived,
            now=now,
        )
        for key, unit_doses in members.items()
    )


def counting_kinds(rule: FollowUpRule) -> frozenset[str]:
    """The kinds of visit that close a unit: `therapy` never does."""
    if rule.coverage is Coverage.GROUP:
        return frozenset({"group_integration"})
    return frozenset({"integration", "group_integration"})


def noon(*, zone: str, day: date) -> datetime:
    """The start of an outside visit of which only the date is known: noon at the site."""
    return datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC)


def _obligation(
    *,
    key: str,
    rule: FollowUpRule,
    zone: str,
    doses: Sequence[DoseFact],
    shaping: Sequence[DoseFact],
    waived: bool,
    now: datetime,
) -> Obligation:
    kept = [dose for dose in doses if dose.shapes(now)]
    window = planned = None
    if kept:
        upcoming = _next_start(rule, kept[-1], shaping)
        spans = [(dose.start, dose.end) for dose in kept]
        window = windows.unit_window(rule=rule, zone=zone, doses=spans, next_dose_start=upcoming)
        as_planned = [(dose.start, dose.planned_end) for dose in kept]
        if as_planned != spans:
            planned = windows.unit_window(rule=rule, zone=zone, doses=as_planned, next_dose_start=upcoming)
    return Obligation(
        key=key,
        dose_ids=tuple(dose.id for dose in doses),
        void=all(dose.status in OWES_NOTHING for dose in doses),
        waived=waived,
        given=any(dose.given for dose in kept),
        first_start=kept[0].start if kept else None,
        window=window,
        planned=planned,
    )


def _next_start(rule: FollowUpRule, last: DoseFact, shaping: Sequence[DoseFact]) -> datetime | None:
    if not rule.before_next_dosing:
        return None
    later = [dose.start for dose in shaping if (dose.start, dose.id) > (last.start, last.id)]
    return min(later, default=None)


def _overridden(rule: FollowUpRule, override: WindowOverride | None) -> FollowUpRule:
    """The rule with a unit's own hours, its ideal band kept inside the window and its grace behind it."""
    if override is None:
        return rule
    hours = {name: value for name, value in dataclasses.asdict(override).items() if value is not None}
    own = dataclasses.replace(rule, **hours)
    closes = max(own.min_hours, own.max_hours)
    return dataclasses.replace(
        own,
        max_hours=closes,
        ideal_from=min(max(own.ideal_from, own.min_hours), closes),
        ideal_to=min(max(own.ideal_to, own.min_hours), closes),
        grace_hours=max(own.grace_hours, closes),
    )
