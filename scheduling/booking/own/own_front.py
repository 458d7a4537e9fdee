"""What every page behind a patient's link shows without any proof: who writes, in which language, and whom to
call.

No name and no treatment: the page may be read over a shoulder.
"""

from dataclasses import dataclass
from typing import TypedDict

from clinic.practice import queries as places
from scheduling.booking.writing.links import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What whoever holds a link sees; each page adds what it is about. `region` is whose crisis line is told,
    `zone` where its times are."""

    clinic: str
    phone: str
    region: str
    language: str
    zone: str
    locked: bool


class Shared(TypedDict):
    """The fields of a `Front` that follow from the link alone."""

    clinic: str
    phone: str
    region: str
    language: str
    locked: bool


def of(*, link: Link) -> Shared:
    visit = link.visit
    return Shared(
        clinic=visit.practice.message_name,
        phone=visit.site.phone or visit.practice.phone,
        region=places.region(practice=visit.practice),
        language=visit.patient.language,
        locked=link.locked,
    )
