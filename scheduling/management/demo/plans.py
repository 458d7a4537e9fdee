"""The invented clinics: their places, rooms and people, as plain values.

The first practice has every kind of room and every role, so that every protocol of the library can be
planned there.
"""

from dataclasses import dataclass
from datetime import time

WEEK = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class SitePlan:
    """`hours` hold on every weekday."""

    name: str
    time_zone: str
    phone: str
    hours: tuple[time, time]
    rooms: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Work:
    """A recurring shift at a site of the practice."""

    site: str
    weekdays: tuple[int, ...] = WEEK
    starts: time = time(8)
    ends: time = time(18)
    pause: tuple[time, time] | None = None


@dataclass(frozen=True, slots=True)
class PersonPlan:
    username: str
    given_name: str
    roles: tuple[str, ...]
    work: tuple[Work, ...] = ()
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PracticePlan:
    name: str
    message_name: str
    phone: str
    region: str
    sites: tuple[SitePlan, ...]
    people: tuple[PersonPlan, ...]


EAST, WEST, LONDON = "Harborlight East", "Harborlight West", "Larkfield House"
FAMILY_NAME = "Invented"

_EAST_ROOMS = (
    ("Chair 1", "infusion_chair"),
    ("Chair 2", "infusion_chair"),
    ("Chair 3", "infusion_chair"),
    ("Recliner 1", "observation_recliner"),
    ("Recliner 2", "observation_recliner"),
    ("Quiet room", "therapy_room_recliner"),
    ("Music room", "infusion_room"),
    ("Group room", "group_room"),
    ("Device room", "tms_device"),
    ("Talk room 1", "therapy_room"),
    ("Talk room 2", "therapy_room"),
    ("Consult room", "consult_room"),
)
_SMALL_SITE_ROOMS = (
    ("Quiet room", "therapy_room_recliner"),
    ("Talk room", "therapy_room"),
    ("Consult room", "consult_room"),
)

# Pauses are staggered: while one prescriber eats, the other covers the blocks that run on.
HARBORLIGHT = PracticePlan(
    name="Harborlight Clinic",
    message_name="Harborlight",
    phone="+12125550100",
    region="US",
    sites=(
        SitePlan(EAST, "America/New_York", "+12125550101", (time(8), time(18)), _EAST_ROOMS),
        SitePlan(WEST, "America/Denver", "+13035550100", (time(8), time(17)), _SMALL_SITE_ROOMS),
    ),
    people=(
        PersonPlan("front-desk", "Heron", ("front_desk",), (Work(EAST, pause=(time(12), time(12, 30))),)),
        PersonPlan("prescriber", "Curlew", ("prescriber",), (Work(EAST, pause=(time(11, 30), time(12))),)),
        PersonPlan(
            "clinical-lead",
            "Osprey",
            ("clinical_lead", "prescriber"),
            (
                Work(EAST, (1, 2, 3), pause=(time(14), time(14, 30))),
                Work(WEST, (4, 5), ends=time(17), pause=(time(12), time(12, 30))),
            ),
        ),
        PersonPlan("monitor", "Plover", ("monitor",), (Work(EAST, pause=(time(12, 30), time(13))),)),
        PersonPlan("monitor-2", "Dunlin", ("monitor",), (Work(EAST, pause=(time(13), time(13, 30))),)),
        PersonPlan(
            "therapist",
            "Avocet",
            ("therapist",),
            (Work(EAST, pause=(time(12), time(12, 30))),),
            ("integration", "group"),
        ),
        PersonPlan(
            "therapist-2",
            "Wagtail",
            ("therapist",),
            (Work(EAST, pause=(time(13), time(13, 30))),),
            ("integration", "trauma"),
        ),
        PersonPlan(
            "therapist-3",
            "Siskin",
            ("therapist",),
            (Work(WEST, ends=time(17), pause=(time(12, 30), time(13))),),
            ("integration",),
        ),
        PersonPlan("operator", "Whimbrel", ("operator",), (Work(EAST, pause=(time(12), time(12, 30))),)),
        PersonPlan("practice-admin", "Bittern", ("practice_admin",)),
    ),
)

LARKFIELD = PracticePlan(
    name="Larkfield Practice",
    message_name="Larkfield",
    phone="+442079460100",
    region="GB",
    sites=(SitePlan(LONDON, "Europe/London", "+442079460101", (time(8), time(17)), _SMALL_SITE_ROOMS),),
    people=(
        PersonPlan(
            "larkfield-prescriber",
            "Merlin",
            ("clinical_lead", "practice_admin", "prescriber"),
            (Work(LONDON, ends=time(17), pause=(time(12), time(12, 30))),),
        ),
        PersonPlan(
            "larkfield-therapist",
            "Linnet",
            ("front_desk", "therapist"),
            (Work(LONDON, ends=time(17), pause=(time(12, 30), time(13))),),
        ),
    ),
)

PRACTICES = (HARBORLIGHT, LARKFIELD)

# Every name is plainly invented: a tree, and a word for an example.
GIVEN_NAMES = (
    "Alder",
    "Aspen",
    "Birch",
    "Cedar",
    "Cherry",
    "Elder",
    "Hawthorn",
    "Hazel",
    "Holly",
    "Juniper",
    "Larch",
    "Laurel",
    "Linden",
    "Maple",
    "Myrtle",
    "Oakley",
    "Rowan",
    "Sorrel",
    "Tamarack",
    "Willow",
)
FAMILY_NAMES = ("Example", "Sample", "Specimen")
# Patients by site; the numbers are of ranges kept for fiction (555-01xx, 020 7946 0xxx).
PATIENTS = (
    (EAST, 38, "+1212555{:04d}", 110),
    (WEST, 11, "+1303555{:04d}", 110),
    (LONDON, 11, "+44207946{:04d}", 200),
)
