"""The short links by which patients open their visit: making, finding, proving who opened one.

A token is derived from its row's id with SECRET_KEY, as a feed's is: nobody can guess it, the table holds its
hash alone, and a message that is written anew says the same link.
"""

import hashlib
import hmac
import string
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from clinic.practice import actor as actors
from clinic.practice import bulk, prepared, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling.booking.guard import locks
from scheduling.models import Appointment, PatientLink
from scheduling.models.appointment import Status
from scheduling.models.patient_link import TRIES, Purpose

# Short, because a text message carries them, and telling nothing.
PATHS = {Purpose.VISIT: "/v/", Purpose.NEXT: "/n/", Purpose.OFFER: "/o/"}
# Letters and digits: an SMS takes each as one character, and no telephone cuts a link off before one.
ALPHABET = string.digits + string.ascii_letters
# 62 ** 22 is 2 ** 131: as short as more than 128 bits can be.
LENGTH = 22
# For whoever asks for visits, each called `one`, and their links in one statement: see `said`.
ASKED_OF = {
    purpose: f"""
    (SELECT ARRAY[id::text, token_hash] FROM scheduling_patientlink
     WHERE appointment_id = one.id AND purpose = '{purpose.value}' AND revoked_at IS NULL
     ORDER BY id LIMIT 1)
"""
    for purpose in Purpose
}
ASKED = ASKED_OF[Purpose.VISIT]


class Proof(StrEnum):
    """What a birth date proved. A locked link tells nobody whether it was right."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that holds, and the visit that it leads to, as both are now."""

    id: UUID
    visit: Appointment
    locked: bool

    @property
    def actor(self) -> Actor:
        """Whoever holds it acts as the patient, on this visit."""
        return actors.patient(practice_id=self.visit.practice_id, patient_id=self.visit.patient_id)


def make(*, visits: Iterable[tuple[UUID, UUID]], now: datetime, purpose: Purpose = Purpose.VISIT) -> None:
    """A link for each (practice, visit) that has none, in one statement of the caller's transaction: that of
    the messages that will carry it."""
    rows = []
    for practice_id, visit_id in visits:
        link_id = new_id()
        rows.append(
            {
                "id": link_id,
                "practice_id": practice_id,
                "appointment_id": visit_id,
                "purpose": purpose.value,
                "token_hash": _hash(_token(link_id, settings.SECRET_KEY)),
                "created_at": now,
            }
        )
    if rows:
        bulk.insert(PatientLink, rows, skip_known=True)


def address(*, visit_id: UUID, purpose: Purpose = Purpose.VISIT) -> str:
    """The link of a visit as a message says it; empty where there is none that can be said.

    A key that SECRET_KEY_FALLBACKS still holds makes its links again.
    """
    [[asked]] = prepared.fetch(f"SELECT {ASKED_OF[purpose]} FROM (SELECT %s::uuid AS id) one", [visit_id])
    return said(asked=asked, purpose=purpose)


def addresses(*, visit_ids: Collection[UUID]) -> dict[UUID, str]:
    """The same of many visits, in one query; those that have none are missing."""
    rows = PatientLink.objects.filter(
        appointment_id__in=visit_ids, purpose=Purpose.VISIT, revoked_at__isnull=True
    )
    found: dict[UUID, str] = {}
    for visit_id, link_id, token_hash in rows.order_by("pk").values_list(
        "appointment_id", "pk", "token_hash"
    ):
        found.setdefault(visit_id, said(asked=[str(link_id), token_hash]))
    return {visit_id: link for visit_id, link in found.items() if link}


def said(*, asked: Sequence[str] | None, purpose: Purpose = Purpose.VISIT) -> str:
    """The same, from what was `ASKED`."""
    if asked is None:
        return ""
    link_id, token_hash = asked
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        token = _token(UUID(link_id), key)
        if _hash(token) == token_hash:
            return f"{settings.PUBLIC_URL}{PATHS[purpose]}{token}"
    return ""


def find(*, token: str, now: datetime, purpose: Purpose = Purpose.VISIT) -> Link:
    """What a token opens; a visit until it is over. Raises NotFound alike for one that never was, was
    changed, is of another purpose, was replaced, or leads to what is over.
    """
    row = _row(token, purpose)
    if row is None or row.revoked_at is not None:
        raise NotFound()
    visit = row.appointment
    over = purpose is not Purpose.NEXT and visit.end <= now
    if over or visit.status == Status.ENTERED_IN_ERROR:
        raise NotFound()
    return Link(id=row.pk, visit=visit, locked=row.wrong_tries >= TRIES)


def patient_of(*, token: str, purpose: Purpose = Purpose.VISIT) -> Actor | None:
    """Whose link this is or was, also when it holds no more; for nothing but sending them a new one."""
    row = _row(token, purpose)
    return Link(row.pk, row.appointment, locked=True).actor if row else None


def prove(*, link: Link, birth_date: date, now: datetime) -> Proof:
    """Whether this is the patient's birth date. Each wrong one counts, also those that come at once; after
    five the link proves nothing more, and the front desk is told.
    """
    with locks.unit_of_work():
        row = PatientLink.objects.select_for_update(no_key=True).get(pk=link.id)
        if row.wrong_tries >= TRIES:
            return Proof.LOCKED
        if birth_date == link.visit.patient.birth_date:
            row.wrong_tries = 0
            row.save(update_fields=["wrong_tries"])
            return Proof.RIGHT
        row.wrong_tries += 1
        row.save(update_fields=["wrong_tries"])
        if row.wrong_tries < TRIES:
            return Proof.WRONG
        _tell_of_lock(link, now)
        return Proof.LOCKED


def renew(*, visit: Appointment, unlock: bool, now: datetime, purpose: Purpose = Purpose.VISIT) -> None:
    """A link of this visit that can be said, in the caller's transaction: the one that there is, or a new one
    in its place. `unlock` replaces a locked one: for people who know the patient."""
    rows = PatientLink.objects.filter(appointment=visit, purpose=purpose, revoked_at__isnull=True)
    held = rows.select_for_update(no_key=True).first()
    if held is not None and (
        unlock if held.wrong_tries >= TRIES else not address(visit_id=visit.pk, purpose=purpose)
    ):
        rows.update(revoked_at=now)
    make(visits=[(visit.practice_id, visit.pk)], purpose=purpose, now=now)


def _row(token: str, purpose: Purpose) -> PatientLink | None:
    if len(token) != LENGTH or not set(token) <= set(ALPHABET):
        return None
    rows = PatientLink.objects.select_related(
        "appointment__patient", "appointment__site", "appointment__practice", "appointment__course"
    )
    return rows.filter(token_hash=_hash(token), purpose=purpose).first()


def _tell_of_lock(link: Link, now: datetime) -> None:
    visit = link.visit
    work.raise_item(
        practice_id=visit.practice_id,
        kind="patient_link_locked",
        dedupe_key=f"patient_link_locked:{link.id}",
        subject_kind="appointment",
        subject_id=visit.pk,
        patient_id=visit.patient_id,
        role="front_desk",
        reason="A wrong birth date was given five times at the patient's link: ask the patient.",
        due_at=now,
    )
    step = Step("link.locked", "appointment", visit.pk, visit.course_id, visit.patient_id)
    trail.record(actor=link.actor, at=now, steps=[step])


def _token(link_id: UUID, key: str) -> str:
    told = hmac.new(key.encode(), b"clinic.patient_link" + link_id.bytes, hashlib.sha256).digest()
    number, letters = int.from_bytes(told), []
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(letters)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
