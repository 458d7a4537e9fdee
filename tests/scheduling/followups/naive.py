"""The follow-up rules a second time, slowly and in another way: the oracle of the property tests.

It counts everything anew for each unit and each instant, keeps no candidates and looks for the next change
by trying every instant at which anything could happen.
"""

from collections import defaultdict
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ORDER = ["closed", "covered", "prospective", "open", "lapsed"]
OFF = ("cancelled", "no_show", "displaced", "entered_in_error")


def hours(value: float) -> timedelta:
    return timedelta(hours=value)


def is_on(fact: Any, now: datetime) -> bool:
    if fact.status == "held":
        return now < fact.hold_expires_at
    return fact.status not in (*OFF, "fulfilled")


def key_of(rule: Any, zone: str, dose: Any) -> str:
    if rule.coverage == "each_n":
        index = 0
        while dose.sequence > (index + 1) * rule.n:
            index += 1
        return f"n:{dose.phase}:{index + 1}"
    if rule.coverage == "weekly":
        return dose.start.astimezone(ZoneInfo(zone)).strftime("week:%G-W%V")
    return f"dose:{dose.id}"


def window_of(rule: Any, zone: str, dose_list: list, end: Any, next_start: datetime | None) -> tuple:
    last, opener = dose_list[-1], dose_list[0] if rule.coverage == "weekly" else dose_list[-1]
    opens = end(opener) + hours(rule.min_hours)
    if rule.not_same_day:
        day = end(opener).astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
        opens = max(opens, datetime.combine(day, time(), ZoneInfo(zone)).astimezone(opens.tzinfo))
    closes = end(last) + hours(rule.max_hours)
    if rule.before_next_dosing and next_start is not None and next_start < closes:
        closes = next_start
    return opens, closes, end(last) + hours(rule.grace_hours)


def snapshot(
    *, rule: Any, zone: str, doses: list, visits: list, waived: Any, now: datetime
) -> dict[str, dict[str, Any]]:
    """Every stored field but the window and `next_change_at`, by unit."""
    given_or_live = [d for d in doses if d.status == "fulfilled" or is_on(d, now)]
    shaping = sorted(given_or_live, key=lambda d: (d.start, d.id))
    members = defaultdict(list)
    for dose in doses:
        members[key_of(rule, zone, dose)].append(dose)
    units = {}
    for key, own in members.items():
        kept = [d for d in shaping if d in own]
        unit = {"void": all(d.status in (*OFF, "held") for d in own), "kept": kept, "takers": []}
        if kept:
            after = [d.start for d in shaping[shaping.index(kept[-1]) + 1 :]]
            follow = after[0] if after else None
            unit["window"] = window_of(rule, zone, kept, lambda d: d.discharged_at or d.planned_end, follow)
            unit["planned"] = window_of(rule, zone, kept, lambda d: d.planned_end, follow)
        units[key] = unit
    lost = deal(rule, zone, units, visits, waived, now)
    return {key: describe(rule, key, unit, lost, units, waived, now) for key, unit in units.items()}


def place(unit: dict[str, Any], key: str, visit: Any) -> str | None:
    opens, closes, grace = unit["window"]
    if opens <= visit.start <= closes:
        return "in"
    told = visit.accepted
    was_inside = told and told.unit == key and told.opens_at <= visit.start <= told.closes_at
    if was_inside and unit["planned"][0] <= visit.start <= unit["planned"][1]:
        return "accepted"
    return "grace" if max(opens, closes) < visit.start <= grace else None


def deal(rule: Any, zone: str, units: dict, visits: list, waived: Any, now: datetime) -> list:
    """Gives each visit to its unit; answers the attended ones that were left over."""

    def group(visit: Any) -> int | None:
        if visit.status == "fulfilled":
            return 0
        if not is_on(visit, now):
            return None
        return 1 if visit.end > now else 2

    kinds = ["group_integration"] if rule.coverage == "group" else ["integration", "group_integration"]
    ours = [v for v in visits if not v.external_unit and v.kind in kinds]
    outside = [v for v in visits if v.external_unit and rule.outside_visit_counts]
    queue = [v for v in ours + outside if group(v) is not None]
    left = []
    for visit in sorted(queue, key=lambda v: (group(v), v.start, v.id)):
        day = visit.start.astimezone(ZoneInfo(zone)).date()
        wanting = []
        for key, unit in units.items():
            if unit["void"] or key in waived or visit.external_unit not in (None, key):
                continue
            days = [taken.start.astimezone(ZoneInfo(zone)).date() for taken, _, _ in unit["takers"]]
            where = place(unit, key, visit)
            if where and len(days) < rule.visits_per_unit and days.count(day) < rule.max_per_day:
                wanting.append((where == "grace", unit["window"][1], unit["window"][0], key, where))
        wanting.sort()
        if wanting and rule.one_visit_may_serve_all and not wanting[0][0]:
            wanting = [one for one in wanting if not one[0]]
        else:
            wanting = wanting[:1]
        for *_, key, where in wanting:
            units[key]["takers"].append((visit, group(visit), where))
        if not wanting and group(visit) == 0:
            left.append(visit)
    return left


def describe(
    rule: Any, key: str, unit: dict, lost: list, units: dict, waived: Any, now: datetime
) -> dict[str, Any]:
    takers, need = unit["takers"], rule.visits_per_unit
    sat = [where for _, group, where in takers if group == 0]
    ahead = [where for _, group, where in takers if group == 1]
    standing_in = [where for where in sat + ahead if where != "grace"]
    if unit["void"]:
        state = "void"
    elif key in waived:
        state = "waived"
    else:
        _, closes, grace = unit["window"]
        checks = [len(sat) >= need, len(standing_in) >= need, now < closes, now < grace, True]
        state = ORDER[checks.index(True)]
    severity = "low"
    if unit["kept"]:
        first, closes = unit["kept"][0].start, unit["window"][1]
        if any(d.status == "fulfilled" for d in unit["kept"]) or first - now <= hours(48):
            severity = "moderate"
        if timedelta(0) < closes - now <= hours(24):
            severity = "high"
    if state in ("open", "lapsed"):
        severity = "high"
    return {
        "state": state,
        "severity": severity,
        "flagged": severity == "high"
        and state in ("open", "lapsed", "prospective")
        or (state, severity) == ("prospective", "moderate"),
        "late": state == "closed" and "grace" in sat,
        "booked_late": state == "open" and "grace" in ahead,
        "attendance_unrecorded": any(group == 2 for _, group, _ in takers),
        "review_needed": "accepted" in sat + ahead,
        "attended_after": afterwards(rule, key, lost, units, waived) if state == "lapsed" else None,
        "visits": tuple(sorted(visit.id for visit, group, _ in takers if group < 2)),
    }


def afterwards(rule: Any, key: str, lost: list, units: dict, waived: Any) -> datetime | None:
    """The first left-over attendance for which this unit is the latest that had lapsed."""
    for visit in sorted(lost, key=lambda v: v.start):
        lapsed = [
            (unit["window"][2], unit["window"][1], unit["window"][0], other)
            for other, unit in units.items()
            if not unit["void"]
            and other not in waived
            and visit.external_unit in (None, other)
            and unit["window"][2] < visit.start
            and sum(1 for _, group, _ in unit["takers"] if group == 0) < rule.visits_per_unit
        ]
        if lapsed and max(lapsed)[3] == key:
            return visit.start
    return None
