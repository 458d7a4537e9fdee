"""What a practice says of all its messages; anything not set, or not readable, keeps its default.

`Practice.settings["messages"]`, which `practice_settings` checks: `{"send_window": ["09:00", "20:00"],
"relies_on_exemption": false, "channels": "sms,email", "per_day": 2, "per_week": 5, "merge_visits": true}`.
What it says of each kind is in rows of its own (`practice_terms`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from clinic.practice.models import Practice
from notifications.planning import kinds, policy
from notifications.planning.kinds import Together

# Before a patient's own choice is known, messages go where they are read soonest.
PREFERENCE = ("sms", "email")
# What each visit may have by itself; moves and cancellations made together are one piece of news.
_OF_EACH_VISIT = (Together.COMING, Together.AFTERWARDS)


@dataclass(frozen=True, slots=True)
class Preferences:
    """When patients may be messaged, how often, by what in which order (none said: as is built in for each
    kind), and whether one text tells of several visits of a day."""

    window: policy.SendWindow = policy.SendWindow()
    caps: policy.Caps = policy.Caps()
    channels: tuple[str, ...] = ()
    merges: bool = True

    def order(self, kind: str) -> tuple[str, ...]:
        """The channels by which a kind goes, the first one first."""
        first = kinds.rule(kind).first
        return self.channels or tuple(sorted(PREFERENCE, key=lambda one: one != first if first else 0))

    def together(self, kind: str) -> bool:
        """Whether one text says what several visits of a day have of this kind."""
        return self.merges or kinds.rule(kind).together not in _OF_EACH_VISIT


def of(practice: Practice) -> Preferences:
    """The practice's own values (R-06, R-10)."""
    chosen = practice.settings.get("messages", {})
    if not isinstance(chosen, dict):
        return Preferences()
    return Preferences(
        window=_window(chosen.get("send_window")),
        caps=_caps(chosen),
        channels=_channels(chosen.get("channels")),
        merges=chosen.get("merge_visits") is not False,
    )


def _caps(chosen: Mapping[str, Any]) -> policy.Caps:
    """R-06: what the exemption allows cannot be raised."""
    most = policy.EXEMPTION if chosen.get("relies_on_exemption") is True else policy.Caps()
    return policy.Caps(
        per_day=_least(chosen.get("per_day"), most.per_day),
        per_week=_least(chosen.get("per_week"), most.per_week),
    )


def _least(*values: object) -> int | None:
    counts = [one for one in values if isinstance(one, int) and not isinstance(one, bool) and one > 0]
    return min(counts, default=None)


def _channels(value: object) -> tuple[str, ...]:
    named = value.split(",") if isinstance(value, str) else []
    known = all(one in PREFERENCE for one in named) and len(set(named)) == len(named)
    return tuple(named) if known else ()


def _window(value: object) -> policy.SendWindow:
    if not isinstance(value, list) or len(value) != 2:
        return policy.SendWindow()
    try:
        return policy.SendWindow(time.fromisoformat(value[0]), time.fromisoformat(value[1]))
    except (TypeError, ValueError):
        return policy.SendWindow()
