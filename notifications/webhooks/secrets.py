"""Signing secrets: made here, sealed in the row, shown once; and the signature (Standard Webhooks)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

PREFIX = "whsec_"
_BYTES = 32
_NONCE = 12
_PURPOSE = b"clinic.webhooks.secret.v1"


class Unreadable(Exception):
    """The secret was sealed with a key that this installation no longer has."""


def new() -> bytes:
    """A new secret: 256 random bits."""
    return os.urandom(_BYTES)


def shown(secret: bytes) -> str:
    """As receivers are given it."""
    return PREFIX + base64.b64encode(secret).decode()


def seal(*, secret: bytes, owner: UUID) -> bytes:
    """For the row: encrypted with a key derived from SECRET_KEY, and bound to its owner, so that it is of no
    use in another row.
    """
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(settings.SECRET_KEY)).encrypt(nonce, secret, owner.bytes)


def unseal(*, sealed: bytes, owner: UUID) -> bytes:
    """The secret. Keys in SECRET_KEY_FALLBACKS still open what they sealed. Raises Unreadable."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return AESGCM(_key(key)).decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes)
        except InvalidTag:
            continue
    raise Unreadable


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


def _key(secret_key: str) -> bytes:
    return hmac.new(secret_key.encode(), _PURPOSE, hashlib.sha256).digest()
