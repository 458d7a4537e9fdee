"""Which measures a protocol asks for, and for which time one answer counts. Pure.

S-26: a baseline, then before each induction dose or weekly, and before each maintenance dose. One rule gives
all of these: a measure is asked before the first dose of each local week, and one that is answered is not
asked again in that week; doses further apart are each asked before. After the last dose it is asked a week,
and 1, 3, 6 and 12 months later, before the first visit from then on: where there is no visit, nobody is
asked. S-25: the PHQ-9 looks back two weeks, so that more often tells little; a protocol that wants it before
every dose says `"every": "dosing"`.
"""

from calendar import monthrange
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

# S-26: how long after the last dose.
SETTLED = timedelta(days=7)
MONTHS = (1, 3, 6, 12)


@dataclass(frozen=True, slots=True)
class Asked:
    """`codes` in the order of the instruments; `each_dose` instead of once a week."""

    codes: tuple[str, ...] = ()
    each_dose: bool = False


def asked(*, measures: Any, known: Collection[str]) -> Asked:
    """What the `measures` of a protocol's document ask of the patient, of the instruments that are known.

    An entry such as `PHQ-9 or MADRS` leaves the choice: what patients can fill in themselves is asked. The
    document is data that people write: what cannot be read asks for nothing.
    """
    if not isinstance(measures, Mapping):
        return Asked()
    baseline = measures.get("baseline")
    named = [one for one in baseline if isinstance(one, str)] if isinstance(baseline, list) else []
    words = {word for one in named for word in one.replace(",", " ").split()}
    return Asked(
        codes=tuple(code for code in known if code in words),
        each_dose=measures.get("every") == "dosing",
    )


def unit(*, day: date, each_dose: bool) -> date:
    """The day that stands for the time in which a dose on this local day shares its answers with others."""
    return day if each_dose else day - timedelta(days=day.weekday())


def unit_after(*, last: date, day: date) -> date | None:
    """Of the times after the last dose, the latest that has come by this local day; None before the first.

    Whoever comes after five months is asked what was to be asked after three, once.
    """
    times = (last + SETTLED, *(_months_after(last, count) for count in MONTHS))
    return max((one for one in times if one <= day), default=None)


def _months_after(day: date, count: int) -> date:
    """The same day of a later month, or the month's last one."""
    years, month = divmod(day.month - 1 + count, 12)
    longest = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, longest))
