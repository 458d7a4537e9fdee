"""Second factors of staff: who must have one, that a code counts once, and what follows from a change."""

import base64
import uuid
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import connection, transaction

from clinic.practice import permissions, queries, sealing, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotAllowed
from clinic.practice.models import StaffMember

# A recovery code alone is no factor: it replaces one that was lost.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# Where a row keeps what codes are computed from.
_SECRET_AT = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}
_PURPOSE = b"clinic.practice.factor.v1"
# Neither base32 nor hexadecimal: no secret in clear begins so.
_SEALED = "sealed:"


def missing(*, staff: StaffMember) -> bool:
    """Whether the practice asks this person for a second factor (`security.mfa_required`) that they lack."""
    asked = staff.practice.settings.get("security", {}).get("mfa_required", "none") if staff.practice else ""
    if asked == "all" or (asked == "admins" and permissions.ADMIN in staff.roles):
        return not Authenticator.objects.filter(user=staff, type__in=FACTORS).exists()
    return False


def use_step(*, authenticator_id: int, step: int) -> bool:
    """Take a TOTP code's time step for good: False when it, or a later one, was taken before (RFC 6238, 5.2).

    One statement, so that of the same code sent many times at once one is taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE mfa_authenticator SET data = jsonb_set(data, '{last_step}', to_jsonb(%s::bigint))
            WHERE id = %s AND coalesce((data ->> 'last_step')::bigint, -1) < %s
            """,
            [step, authenticator_id, step],
        )
        return bool(cursor.rowcount == 1)


def changed(*, staff: StaffMember, verb: str, now: datetime) -> None:
    """After a person changed their own factors: the trail, and the end of their sessions elsewhere."""
    with transaction.atomic():
        end_sessions(staff=staff)
        if staff.practice_id is not None:
            actor = queries.actor_of(staff=staff)
            writing.tell(actor=actor, now=now, verb=verb, kind="practitioner", row_id=staff.pk)


def reset(*, actor: Actor, staff_id: UUID, now: datetime) -> None:
    """Remove every factor of a person who has lost theirs, and end their sessions.

    For people only: a program that could do it would need no second factor. Raises NotAllowed, NotFound.
    """
    if actor.kind == "client":
        raise NotAllowed(capability="practitioners.write")
    with transaction.atomic(durable=True):
        member = queries.practitioner(actor=actor, staff_id=staff_id, lock=True)
        permissions.check(actor=actor, capability="practitioners.write")
        Authenticator.objects.filter(user=member).delete()
        end_sessions(staff=member)
        writing.tell(actor=actor, now=now, verb="factor.reset", kind="practitioner", row_id=member.pk)


def end_sessions(*, staff: StaffMember) -> None:
    """Every session of this person ends with its next request: each carries a hash of this stamp."""
    staff.session_stamp = uuid.uuid4().hex
    staff.save(update_fields=["session_stamp"])


def seal(*, secret: str) -> str:
    """As the row keeps it. Not bound to its row: the library asks for this without saying whose it is."""
    return _as_text(sealing.seal(secret=secret.encode(), purpose=_PURPOSE))


def unseal(*, kept: str) -> str:
    """The secret of a row, also of one that was written in clear. Raises `sealing.Unreadable`."""
    if not kept.startswith(_SEALED):
        return kept
    return sealing.unseal(sealed=_as_bytes(kept), purpose=_PURPOSE).decode()


def reseal() -> int:
    """Seal what is kept in clear, and anew what a former key sealed; returns how many rows. What no key opens
    stays.
    """
    changed = 0
    for row_id in Authenticator.objects.filter(type__in=_SECRET_AT).values_list("pk", flat=True):
        with writing.transaction():
            row = Authenticator.objects.select_for_update().filter(pk=row_id).first()
            if row is not None and _reseal(row):
                row.save(update_fields=["data"])
                changed += 1
    return changed


def _reseal(row: Authenticator) -> bool:
    name = _SECRET_AT[row.type]
    kept = row.data[name]
    if not kept.startswith(_SEALED):
        row.data[name] = seal(secret=kept)
        return True
    with suppress(sealing.Unreadable):
        anew = sealing.renewed(sealed=_as_bytes(kept), purpose=_PURPOSE)
        if anew is not None:
            row.data[name] = _as_text(anew)
            return True
    return False


def _as_text(sealed: bytes) -> str:
    return _SEALED + base64.b64encode(sealed).decode()


def _as_bytes(kept: str) -> bytes:
    return base64.b64decode(kept.removeprefix(_SEALED))
