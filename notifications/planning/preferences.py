"""What a practice may change about its messages; anything not set, or not readable, keeps its default.

`Practice.settings["messages"]`: `{"send_window": ["09:00", "20:00"], "relies_on_exemption": false}`.
"""

from dataclasses import dataclass
from datetime import time

from clinic.practice.models import Practice
from notifications.planning import policy


@dataclass(frozen=True, slots=True)
class Preferences:
    """When patients may be messaged, and how often."""

    window: policy.SendWindow = policy.SendWindow()
    caps: policy.Caps = policy.Caps()


def of(practice: Practice) -> Preferences:
    """The practice's own values (R-06, R-10)."""
    chosen = practice.settings.get("messages", {})
    if not isinstance(chosen, dict):
        return Preferences()
    caps = policy.EXEMPTION if chosen.get("relies_on_exemption") is True else policy.Caps()
    return Preferences(window=_window(chosen.get("send_window")), caps=caps)


def _window(value: object) -> policy.SendWindow:
    if not isinstance(value, list) or len(value) != 2:
        return policy.SendWindow()
    try:
        return policy.SendWindow(time.fromisoformat(value[0]), time.fromisoformat(value[1]))
    except (TypeError, ValueError):
        return policy.SendWindow()
