"""Signing secrets: made here, sealed in the row, shown once; and the signature (Standard Webhooks)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clinic.practice import sealing

PREFIX = "whsec_"
_BYTES = 32
_PURPOSE = b"clinic.webhooks.secret.v1"


def new() -> bytes:
    """A new secret: 256 random bits."""
    return os.urandom(_BYTES)


def shown(secret: bytes) -> str:
    """As receivers are given it."""
    return PREFIX + base64.b64encode(secret).decode()


def seal(*, secret: bytes, owner: UUID) -> bytes:
    """For the row: bound to its owner, so that it is of no use in another row."""
    return sealing.seal(secret=secret, purpose=_PURPOSE, owner=owner.bytes)


def unseal(*, sealed: bytes, owner: UUID) -> bytes:
    """The secret. Raises `sealing.Unreadable`."""
    return sealing.unseal(sealed=sealed, purpose=_PURPOSE, owner=owner.bytes)


def renewed(*, sealed: bytes, owner: UUID) -> bytes | None:
    """The same secret under today's key; None where it is so already. Raises `sealing.Unreadable`."""
    return sealing.renewed(sealed=sealed, purpose=_PURPOSE, owner=owner.bytes)


def headers(*, event_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature for each key, so that a receiver who still has
    the one before a change of secrets verifies too.
    """
    stamp = str(int(at.timestamp()))
    signed = b".".join((event_id.encode(), stamp.encode(), body))
    signatures = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
