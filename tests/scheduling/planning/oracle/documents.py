"""Random protocol documents, in the shape a clinic stores them (a `plan` block and its phases)."""

from random import Random
from typing import Any

COVERAGES = ("each_dosing", "each_n", "weekly", "group", "none")
DOSE_ROOMS = ("infusion_chair", "therapy_room_recliner", "infusion_room", "group_room")


def random_document(*, rng: Random, doses: int, grid: int, tiny: bool) -> dict[str, Any]:
    """A protocol of at most `doses` doses over one to three phases, lengths in multiples of 5 minutes."""
    coverage = rng.choice(COVERAGES)
    block = _block(rng=rng, grid=grid)
    return {
        "key": "random",
        "name": "Random protocol",
        "phases": _phases(rng=rng, doses=doses),
        "plan": {
            "dose_kind": "device" if rng.random() < 0.08 else "dosing",
            "room_kinds": _dose_rooms(rng=rng),
            "block_minutes": block,
            "turnover_minutes": rng.choice((0, 10, 10, 30)),
            "staff": _staff(rng=rng),
            "preparation": _preparation(rng=rng, tiny=tiny),
            "follow_up": None if rng.random() < 0.05 else _follow_up(rng=rng, coverage=coverage, tiny=tiny),
            "reviews": _reviews(rng=rng),
        },
    }


def _phases(*, rng: Random, doses: int) -> list[dict[str, Any]]:
    count = 1 if doses < 2 else rng.choice((1, 1, 2, 2, 3))
    sizes = _split(rng=rng, total=doses, parts=min(count, doses))
    phases = [_phase(rng=rng, index=index, sessions=size) for index, size in enumerate(sizes)]
    last = phases[-1]
    # A dice of its own: cases without an open-ended phase stay as they are.
    if last["interval_ideal_days"] and Random(str(phases)).random() < 0.1:
        # Open-ended: the request's review date says how many doses are planned.
        last["sessions"] = None
    return phases


def _split(*, rng: Random, total: int, parts: int) -> list[int]:
    cuts = sorted(rng.sample(range(1, total), parts - 1)) if parts > 1 else []
    return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


def _phase(*, rng: Random, index: int, sessions: int) -> dict[str, Any]:
    low = rng.choice((1, 1, 2, 2, 3, 4, 6))
    ideal = low + rng.choice((0, 0, 1, 2))
    high = ideal + rng.choice((0, 1, 1, 2, 3))
    none = sessions == 1 and index == 0
    return {
        "name": f"phase_{index + 1}",
        "sessions": sessions,
        "interval_min_days": None if none else low,
        "interval_ideal_days": None if none else ideal,
        "interval_max_days": None if none else high,
        # A cap that the longest spacing cannot keep is refused with the document.
        "max_per_rolling_7_days": rng.choice(
            (None, None, *(cap for cap in (1, 2, 2, 3, 3, 4) if cap * high >= 7))
        ),
        "exit_review_required": rng.random() < 0.4,
        "minutes": rng.choice((None, None, None, 60, 150)),
    }


def _block(*, rng: Random, grid: int) -> dict[str, int]:
    return {
        "check_in": rng.choice((0, 10, 20)),
        "administration": rng.choice((20, 40, 60)),
        "monitoring": rng.choice((0, 30, 60)),
        "discharge": rng.choice((5, 10)),
    }


def _dose_rooms(*, rng: Random) -> list[str]:
    if rng.random() < 0.1:
        return []
    return rng.sample(DOSE_ROOMS[:3], k=rng.choice((1, 1, 2)))


def _staff(*, rng: Random) -> list[dict[str, Any]]:
    needs: list[dict[str, Any]] = []
    if rng.random() < 0.7:
        needs.append({"role": "prescriber", "presence": rng.choice(("on_site", "on_site", "exclusive"))})
    if rng.random() < 0.7:
        patients = rng.choice((1, 2, 3, 4))
        needs.append({"role": "monitor", "presence": "shared", "patients": patients})
    if rng.random() < 0.3:
        need: dict[str, Any] = {"role": "therapist", "presence": "exclusive"}
        if rng.random() < 0.5:
            need["doses"] = sorted(rng.sample((1, 2, 3), k=2))
        needs.append(need)
    return needs


def _preparation(*, rng: Random, tiny: bool) -> dict[str, Any] | None:
    if rng.random() < (0.7 if tiny else 0.5):
        return None
    return {
        "count": 1 if tiny else rng.choice((1, 1, 2)),
        "minutes": rng.choice((30, 60)),
        "window_before_hours": rng.choice(([24, 168], [24, 168], [0, 72], [24, 96], [12, 48], [48, 336])),
        "role": "therapist",
        "room_kinds": ["therapy_room"],
        "modes": rng.choice((["in_person"], ["in_person", "video"], ["video"])),
    }


def _follow_up(*, rng: Random, coverage: str, tiny: bool) -> dict[str, Any]:
    visits = rng.choice((1, 1, 1, 1, 2)) if tiny else rng.choice((1, 1, 1, 2))
    rule: dict[str, Any] = {
        "coverage": coverage,
        "visits_per_unit": visits,
        "window_hours": _window_hours(rng=rng, coverage=coverage),
        "minutes": rng.choice((30, 50, 60)),
        "not_same_day": rng.random() < 0.6,
        "before_next_dosing": rng.random() < 0.7,
        "outside_visit_counts": True,
        "role": rng.choice(("therapist", "therapist", "counsellor")),
        "room_kinds": ["therapy_room"],
        "modes": rng.choice(
            (["in_person"], ["in_person", "video"], ["in_person", "video", "phone"], ["video"])
        ),
        "max_per_day": rng.choice((1, 1, 2)),
        "one_visit_may_serve_all": False,
    }
    if coverage == "each_n":
        rule["n"] = rng.choice((2, 2, 3))
    if coverage == "group":
        rule["room_kinds"] = ["group_room"]
    return rule


def _window_hours(*, rng: Random, coverage: str) -> dict[str, float]:
    if coverage in ("each_dosing", "each_n") and rng.random() < 0.1:
        before: tuple[dict[str, float], ...] = (
            {"min": -72, "ideal_from": -48, "ideal_to": -24, "max": 0, "grace": 0},
            {"min": -48, "ideal_from": -36, "ideal_to": -30, "max": -12, "grace": -1},
            {"min": -168, "ideal_from": -72, "ideal_to": -48, "max": -24, "grace": -12},
        )
        return rng.choice(before)
    low = rng.choice((0, 12, 12, 12, 24))
    ideal_from = low + rng.choice((0, 12, 24))
    ideal_to = ideal_from + rng.choice((0, 6, 7.5, 24, 24))
    high = ideal_to + rng.choice((12, 24, 24, 48, 96))
    return {
        "min": low,
        "ideal_from": ideal_from,
        "ideal_to": ideal_to,
        "max": high,
        "grace": high + rng.choice((24, 96)),
    }


def _reviews(*, rng: Random) -> dict[str, Any]:
    modes = rng.choice((["in_person"], ["in_person", "video"], ["video"]))
    reviews: dict[str, Any] = {"plan_review": {"minutes": 30, "role": "prescriber", "modes": modes}}
    if rng.random() < 0.5:
        reviews["medication_review"] = {
            "every_doses": rng.choice((None, None, 2, 3)),
            "after_doses": rng.choice(([], [1], [2])),
            "every_days": rng.choice((None, 90, 7, 10)),
            "minutes": 30,
            "role": "prescriber",
        }
    return reviews
