"""Why a visit is cancelled: the list that people choose from. Pure.

A reason is stored as its code, with a free note beside it. The names follow the status reasons of IHE's
Scheduling profile where it has one.
"""

from dataclasses import dataclass

from clinic.practice.errors import Invalid


@dataclass(frozen=True, slots=True)
class Reason:
    """`needs_note`: the code alone says too little. `chosen`: False for what only the product writes."""

    words: str
    needs_note: bool = False
    chosen: bool = True


OTHER = "other"
COURSE_PAUSED, COURSE_STOPPED, DOSE_CANCELLED = "course_paused", "course_stopped", "dose_cancelled"
# What a course that goes on again may bring back.
OF_THE_COURSE = (COURSE_PAUSED, COURSE_STOPPED)

CANCELLATION: dict[str, Reason] = {
    "patient_asked": Reason("the patient asked for it"),
    "patient_unwell": Reason("the patient is unwell"),
    "patient_in_hospital": Reason("the patient is in hospital"),
    "no_escort": Reason("nobody can take the patient home"),
    "interpreter_unavailable": Reason("no interpreter is available"),
    "cost": Reason("the patient cannot pay for it"),
    "improved": Reason("it is not needed any more"),
    "medical_hold": Reason("a clinician put the treatment on hold"),
    "tests_needed": Reason("tests are needed first"),
    "plan_changed": Reason("the plan of treatment changed"),
    "clinic_cancelled": Reason("the clinic cancelled"),
    "practitioner_absent": Reason("the practitioner is absent"),
    "equipment_unavailable": Reason("the room or the device is not available"),
    "weather": Reason("the weather"),
    COURSE_PAUSED: Reason("the course was paused", chosen=False),
    COURSE_STOPPED: Reason("the course was stopped", chosen=False),
    DOSE_CANCELLED: Reason("its dose was cancelled", chosen=False),
    OTHER: Reason("another reason", needs_note=True),
}
CHOICES = tuple(code for code, reason in CANCELLATION.items() if reason.chosen)
# What the patient said: nobody has to tell them that the visit is off.
KNOWN_TO_PATIENTS = frozenset(
    {"patient_asked", "patient_unwell", "patient_in_hospital", "no_escort", "cost", "improved"}
)
# What patients choose from themselves; who says more, says it on the telephone.
BY_PATIENTS = ("patient_asked", "patient_unwell", "no_escort", "cost", "improved", "weather")


def read(*, code: str, note: str) -> tuple[str, str]:
    """A code and a note as they are stored. A note alone is another reason in somebody's own words.

    Raises Invalid for neither, for an unknown code, and for `other` without a note.
    """
    note = note.strip()
    if not code and not note:
        raise Invalid({"reason_code": ["Say why: a reason of the list, or a reason in words."]})
    code = code or OTHER
    if code not in CHOICES:
        raise Invalid({"reason_code": [f"One of {', '.join(CHOICES)}."]})
    if CANCELLATION[code].needs_note and not note:
        raise Invalid({"reason": ["Say in words why."]})
    return code, note


def in_words(*, code: str, note: str) -> str:
    """For the trail and the pages: the note where there is one, else what the code means."""
    return note or (CANCELLATION[code].words if code in CANCELLATION else code)
