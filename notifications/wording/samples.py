"""Facts to try a text with: what is usual, and the longest of each that is lawful. Nobody's own."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from notifications.planning.ports import Facts, Visit
from notifications.wording import texts

# The longest of each that a practice may have: an SMS must hold them in one part.
CLINIC = "Fairhaven Riverside Practice of Northport"[:40]
PHONE = "+12025550100"
# As long as the token of a patient's link; it opens nothing.
TOKEN = "x" * 22
LINK = f"https://visits.example.org/v/{TOKEN}"
# What staff are told of, each with its number.
MATTERS = ("1 answer to look at today", "2 follow-ups past their time", "12 messages that failed")
# How long a place is kept.
UNTIL = datetime(2026, 9, 29, 18, tzinfo=UTC)
HERE, ELSEWHERE = "America/New_York", "America/Los_Angeles"


@dataclass(frozen=True, slots=True)
class Sample:
    """Facts, and the zone of whoever reads them: in another one than the clinic's it is named."""

    name: str
    facts: Facts
    zone: str = ELSEWHERE


def visits(count: int) -> tuple[Visit, ...]:
    start = datetime(2026, 9, 30, 14, tzinfo=UTC)
    return tuple(
        Visit(
            uid=UUID(int=number),
            sequence=1,
            start=start + timedelta(days=2 * number),
            end=start + timedelta(days=2 * number, hours=2),
            zone=HERE,
            place="1 Harbor Street, Northport",
        )
        for number in range(count)
    )


def longest() -> tuple[Sample, ...]:
    """One visit with a zone to name, more visits than fit; without a phone, and without a link."""
    one, twelve = visits(1), visits(12)
    return (
        Sample("one visit", Facts(visits=one, phone=PHONE, count=1, link=LINK, matters=MATTERS, until=UNTIL)),
        Sample(
            "twelve visits",
            Facts(visits=twelve, phone=PHONE, count=12, link=LINK, matters=MATTERS, until=UNTIL),
        ),
        Sample("no phone", Facts(visits=one, count=2, link=LINK, matters=MATTERS, until=UNTIL)),
        Sample("no link", Facts(visits=one, phone=PHONE, count=2, matters=MATTERS, until=UNTIL)),
    )


def of(*, kind: str, phone: str, link: str) -> tuple[Sample, ...]:
    """What a message of this kind can be about: first the usual, last the longest."""
    names = set(texts.KINDS[kind].names)
    if "matters" in names:
        return (
            Sample("One matter", Facts(count=1, matters=MATTERS[:1]), HERE),
            Sample("Several matters", Facts(count=15, matters=MATTERS), HERE),
        )
    if "count" in names:
        return Sample("One item", Facts(count=1), HERE), Sample("Many items", Facts(count=128), HERE)
    known = Facts(phone=phone or PHONE, link=link if "link" in names else "")
    if "until" in names:
        kept = dataclasses.replace(known, visits=visits(1), until=UNTIL)
        return (Sample("One visit", kept, HERE), Sample("Read in another time zone", kept))
    if "times" not in names:
        usual = Sample("As it usually is", known, HERE)
        spared = "link" in names and ("link",) not in texts.KINDS[kind].needs
        return (usual, Sample("Without a link", dataclasses.replace(known, link=""), HERE))[: 1 + spared]
    one, two, twelve = (dataclasses.replace(known, visits=visits(count)) for count in (1, 2, 12))
    return (
        Sample("One visit", one, HERE),
        Sample("Two visits", two, HERE),
        Sample("One visit, without a link", dataclasses.replace(one, link=""), HERE),
        Sample("Twelve visits, read in another time zone", twelve),
    )
