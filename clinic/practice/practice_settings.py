"""What a practice may set for itself: every name, its type and its range.

The rooms above read these values and trust them, so nothing else may be stored. They are named here by
value, because this room knows nothing of those; a test compares the names with who reads them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time

import phonenumbers

from clinic.practice import fields
from clinic.practice.fields import Problems

HEAVIEST = 1000
# Thirty days: further ahead than any follow-up window closes.
LONGEST_HOURS = 720
# the FCC's quiet hours are 21:00 to 08:00 where the recipient is. No choice reaches into them.
EARLIEST_SEND, LATEST_SEND = time(8), time(21)
SHORTEST_WINDOW_MINUTES = 60
# A day: whoever needs longer to decide is on the waitlist, not in the calendar.
LONGEST_HOLD_MINUTES = 1440
MOST_HOLDS = 10_000
MFA_REQUIRED = ("none", "admins", "all")
# Who is given a follow-up unit that needs somebody and that nobody has taken.
OWNERS = ("therapist", "responsible_clinician", "front_desk")
# what the exemption allows, in a day and in seven. Elsewhere a cap is the practice's own.
EXEMPT = {"per_day": 1, "per_week": 3}
MOST_A_DAY, MOST_A_WEEK = 10, 50
# In the order in which they are tried; a channel that is not named is not written to.
CHANNELS = ("sms,email", "email,sms", "sms", "email")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value: `check` notes what is wrong with it, `allowed` says in words what may stand there."""

    check: Callable[[Problems, str, object], object]
    allowed: str


def _weight(problems: Problems, path: str, value: object) -> None:
    fields.integer(problems, path, value, least=0, most=HEAVIEST)


def _hours(problems: Problems, path: str, value: object) -> None:
    # The comparison is false for what is not a number by IEEE 754, which JSON in Python can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_HOURS:
        problems.add(path, f"Must be a number from 0 to {LONGEST_HOURS}.")


def _count(problems: Problems, path: str, value: object) -> None:
    fields.integer(problems, path, value, least=0, most=MOST_HOLDS)


def _hold_minutes(problems: Problems, path: str, value: object) -> None:
    fields.integer(problems, path, value, least=1, most=LONGEST_HOLD_MINUTES)


def _send_window(problems: Problems, path: str, value: object) -> None:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_is_clock, value)):
        problems.add(path, 'Must be two times, such as ["09:00", "20:00"].')
        return
    opens, closes = (time.fromisoformat(clock) for clock in value)
    if opens < EARLIEST_SEND or closes > LATEST_SEND:
        problems.add(path, f"Must lie between {EARLIEST_SEND:%H:%M} and {LATEST_SEND:%H:%M}.")
    elif _minutes(closes) - _minutes(opens) < SHORTEST_WINDOW_MINUTES:
        problems.add(path, f"Must be open for at least {SHORTEST_WINDOW_MINUTES} minutes.")


def _is_clock(value: object) -> bool:
    return isinstance(value, str) and _CLOCK.fullmatch(value) is not None


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _per_day(problems: Problems, path: str, value: object) -> None:
    if value is not None:
        fields.integer(problems, path, value, least=1, most=MOST_A_DAY)


def _per_week(problems: Problems, path: str, value: object) -> None:
    if value is not None:
        fields.integer(problems, path, value, least=1, most=MOST_A_WEEK)


def _channels(problems: Problems, path: str, value: object) -> None:
    fields.choice(problems, path, value, CHANNELS)


def _region(problems: Problems, path: str, value: object) -> None:
    if not isinstance(value, str) or value not in phonenumbers.SUPPORTED_REGIONS:
        problems.add(path, "Must be a country's two capital letters, such as US.")


def _mfa(problems: Problems, path: str, value: object) -> None:
    fields.choice(problems, path, value, MFA_REQUIRED)


def _signed_hours(problems: Problems, path: str, value: object) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -LONGEST_HOURS <= value <= LONGEST_HOURS
    ):
        problems.add(path, f"Must be a number from -{LONGEST_HOURS} to {LONGEST_HOURS}.")


def _owner(problems: Problems, path: str, value: object) -> None:
    fields.choice(problems, path, value, OWNERS)


WEIGHT = Setting(_weight, f"0 to {HEAVIEST}, whole")
HOURS = Setting(_hours, f"0 to {LONGEST_HOURS}")
COUNT = Setting(_count, f"0 to {MOST_HOLDS}, whole")
HOLD_MINUTES = Setting(_hold_minutes, f"1 to {LONGEST_HOLD_MINUTES}, whole")

TABLE: dict[str, Setting | dict[str, Setting]] = {
    "planner_weights": {
        "spacing_day": WEIGHT,
        "window_hour": WEIGHT,
        "therapist_change": WEIGHT,
        "weekday_change": WEIGHT,
        "hour_change": WEIGHT,
        "preference": WEIGHT,
        "finish_day": WEIGHT,
    },
    "severity_hours": {"closing": HOURS, "dose": HOURS},
    "holds": {
        "minutes": HOLD_MINUTES,
        "most_minutes": HOLD_MINUTES,
        "per_actor": COUNT,
        "per_practice": COUNT,
        "offer_minutes": HOLD_MINUTES,
    },
    "messages": {
        "send_window": Setting(
            _send_window,
            f"{SHORTEST_WINDOW_MINUTES} minutes or more in {EARLIEST_SEND:%H:%M} to {LATEST_SEND:%H:%M}",
        ),
        "relies_on_exemption": Setting(fields.flag, "`true`, `false`"),
        "per_day": Setting(_per_day, f"1 to {MOST_A_DAY}, whole, or `null`"),
        "per_week": Setting(_per_week, f"1 to {MOST_A_WEEK}, whole, or `null`"),
        "channels": Setting(_channels, ", ".join(f"`{one}`" for one in CHANNELS)),
        "merge_visits": Setting(fields.flag, "`true`, `false`"),
    },
    "security": {"mfa_required": Setting(_mfa, "`none`, `admins`, `all`")},
    "follow_ups": {
        "owner": Setting(_owner, ", ".join(f"`{name}`" for name in OWNERS)),
        "escalate_hours": Setting(_signed_hours, f"-{LONGEST_HOURS} to {LONGEST_HOURS}"),
        "self_booking": Setting(fields.flag, "`true`, `false`"),
    },
    "region": Setting(_region, "a country's two letters"),
}


def check(problems: Problems, field: str, value: object) -> None:
    """Note what is wrong with the settings of a practice, by path (`settings.severity_hours.dose`)."""
    _group(problems, field, value, TABLE)
    messages = value.get("messages") if isinstance(value, Mapping) else None
    if isinstance(messages, Mapping) and messages.get("relies_on_exemption") is True:
        for name, most in EXEMPT.items():
            chosen = messages.get(name)
            if isinstance(chosen, int) and chosen > most:
                problems.add(
                    f"{field}.messages.{name}", f"At most {most} while the practice relies on the exemption."
                )


def allowed() -> dict[str, str]:
    """What may stand in each setting, in words, by its path."""
    told: dict[str, str] = {}
    for name, known in TABLE.items():
        if isinstance(known, Setting):
            told[name] = known.allowed
        else:
            told |= {f"{name}.{inner}": setting.allowed for inner, setting in known.items()}
    return told


def _group(
    problems: Problems, path: str, value: object, table: Mapping[str, Setting | dict[str, Setting]]
) -> None:
    if not isinstance(value, Mapping):
        problems.add(path, "Must be an object.")
        return
    for name, inner in value.items():
        known = table.get(name)
        # A caller's own word is told back, so it is kept short.
        at = f"{path}.{str(name)[:50]}"
        if known is None:
            problems.add(at, "This setting is unknown.")
        elif isinstance(known, Setting):
            known.check(problems, at, inner)
        else:
            _group(problems, at, inner, known)
