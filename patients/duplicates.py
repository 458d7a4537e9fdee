"""Who may be on file twice: pairs of patients, with what speaks for it. A person decides.

Bounded: at most `MOST_CANDIDATES` pairs are looked at for each reason; one patient's are found by index.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from uuid import UUID

from django.db import connection

from clinic.practice import permissions
from clinic.practice.actor import Actor
from patients import queries
from patients.models import ContactPoint, Patient

MOST_CANDIDATES = 2_000
# Of a newcomer: so many of one birth date are compared, and so many alike are told.
MOST_ALIKE = 5
# How alike two names are that are taken for one: 1 is the same. "Jon Smith" and "John Smyth" are 0.84.
ALIKE = 0.8
_BORN = """
    SELECT a.id, b.id, 'birth_date_and_name' FROM patients_patient a
    JOIN patients_patient b ON b.practice_id = a.practice_id AND b.birth_date = a.birth_date AND {pair}
    WHERE a.practice_id = %(practice)s AND
        ARRAY[left(lower(a.given_name), 1), left(lower(a.family_name), 1)] &&
        ARRAY[left(lower(b.given_name), 1), left(lower(b.family_name), 1)]
"""
_REACHED = """
    SELECT a.id, b.id, CASE one.channel WHEN 'sms' THEN 'phone' ELSE 'email' END FROM patients_patient a
    JOIN patients_contactpoint one ON one.patient_id = a.id AND one.is_active
    JOIN patients_contactpoint other ON other.channel = one.channel AND other.value = one.value
        AND other.is_active AND other.patient_id <> one.patient_id
    JOIN patients_patient b ON b.id = other.patient_id AND b.practice_id = a.practice_id AND {pair}
    WHERE a.practice_id = %(practice)s
"""
_KNOWN = """
    SELECT a.id, b.id, 'external_id' FROM patients_patient a
    JOIN patients_externalidentifier one ON one.patient_id = a.id
    JOIN patients_externalidentifier other ON other.practice_id = one.practice_id AND other.value = one.value
        AND other.system <> one.system AND other.patient_id <> one.patient_id
    JOIN patients_patient b ON b.id = other.patient_id AND {pair}
    WHERE a.practice_id = %(practice)s
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two patients who may be one, and why: `birth_date_and_name`, `phone`, `email`, `external_id`."""

    patients: tuple[Patient, Patient]
    reasons: tuple[str, ...]


def find(*, actor: Actor, patient_id: UUID | None = None, limit: int = 50) -> list[Pair]:
    """Up to `limit` pairs of the practice, or of one patient, those with the most reasons first.

    Raises NotAllowed, NotFound.
    """
    permissions.check(actor=actor, capability="patients.read")
    if patient_id is not None:
        queries.patient(actor=actor, patient_id=patient_id)
    reasons: dict[tuple[UUID, UUID], set[str]] = defaultdict(set)
    for first, second, reason in _candidates(actor, patient_id):
        reasons[min(first, second), max(first, second)].add(reason)
    ids = {one for pair in reasons for one in pair}
    known = queries.patients(actor=actor).in_bulk(list(ids))
    found = []
    for (first, second), told in reasons.items():
        pair = known[first], known[second]
        kept = told if alike(*pair) else told - {"birth_date_and_name"}
        if kept:
            found.append(Pair(pair, tuple(sorted(kept))))
    found.sort(key=lambda one: (-len(one.reasons), one.patients[0].pk, one.patients[1].pk))
    return found[:limit]


@dataclass(frozen=True, slots=True)
class Like:
    """Somebody on file who looks like a newcomer, and why: `birth_date_and_name`, `phone`, `email`."""

    patient: Patient
    reasons: tuple[str, ...]


def like(
    *, actor: Actor, name: tuple[str, str], birth_date: date, phone: str = "", email: str = ""
) -> list[Like]:
    """Who on file may be the person of this name (given, family), birth date and clean addresses; those with
    the most reasons first, at most five. Raises NotAllowed."""
    permissions.check(actor=actor, capability="patients.read")
    asked = Patient(given_name=name[0], family_name=name[1])
    reasons: dict[UUID, set[str]] = defaultdict(set)
    born = Patient.objects.filter(practice_id=actor.practice_id, birth_date=birth_date).order_by("id")
    for one in born[:MOST_CANDIDATES]:
        if alike(one, asked):
            reasons[one.pk].add("birth_date_and_name")
    for owner, channel in _reached(actor, {one for one in (phone, email) if one}):
        reasons[owner].add("phone" if channel == "sms" else "email")
    known = queries.patients(actor=actor).in_bulk(list(reasons))
    found = [Like(known[key], tuple(sorted(told))) for key, told in reasons.items() if key in known]
    found.sort(key=lambda one: (-len(one.reasons), one.patient.pk))
    return found[:MOST_ALIKE]


def _reached(actor: Actor, addresses: Collection[str]) -> list[tuple[UUID, str]]:
    points = ContactPoint.objects.filter(
        patient__practice_id=actor.practice_id, value__in=addresses, is_active=True
    )
    return list(points.order_by("id").values_list("patient_id", "channel")[: MOST_ALIKE * 4])


def _candidates(actor: Actor, patient_id: UUID | None) -> list[tuple[UUID, UUID, str]]:
    pair = "a.id < b.id" if patient_id is None else "a.id = %(patient)s AND a.id <> b.id"
    asked = {"practice": actor.practice_id, "patient": patient_id, "most": MOST_CANDIDATES}
    found: list[tuple[UUID, UUID, str]] = []
    with connection.cursor() as cursor:
        for query in (_BORN, _REACHED, _KNOWN):
            cursor.execute(f"{query.format(pair=pair)} LIMIT %(most)s", asked)
            found += cursor.fetchall()
    return found


def alike(first: Patient, second: Patient) -> bool:
    """Whether the names are one name, written twice: accents, case, small slips, and names that changed
    places are passed over.
    """
    one, other = _plain(first.given_name, first.family_name), _plain(second.given_name, second.family_name)
    swapped = _plain(second.family_name, second.given_name)
    return max(SequenceMatcher(None, one, two).ratio() for two in (other, swapped)) >= ALIKE


def _plain(*names: str) -> str:
    spread = unicodedata.normalize("NFKD", " ".join(names)).casefold()
    return "".join(letter for letter in spread if letter.isalnum() or letter == " ")
