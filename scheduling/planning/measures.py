"""Which measures a protocol asks for, and for which time one answer counts. Pure.

S-26: a baseline, then before each induction dose or weekly, and before each maintenance dose. One rule gives
all of these: a measure is asked before the first dose of each local week, and one that is answered is not
asked again in that week; doses further apart are each asked before. S-25: the PHQ-9 looks back two weeks, so
that more often tells little; a protocol that wants it before every dose says `"every": "dosing"`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any


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
