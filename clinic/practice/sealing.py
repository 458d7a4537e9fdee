"""Secrets that must be read again, encrypted in their rows by a key derived from SECRET_KEY.

Keys in SECRET_KEY_FALLBACKS still open what they sealed; a nightly task seals it anew, so that a former key
can go after a day.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE = 12


class Unreadable(Exception):
    """The secret was sealed with a key that this installation no longer has."""


def seal(*, secret: bytes, purpose: bytes, owner: bytes = b"") -> bytes:
    """The secret as a row keeps it: of no use for another purpose, and in the row of another owner."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher(settings.SECRET_KEY, purpose).encrypt(nonce, secret, owner)


def unseal(*, sealed: bytes, purpose: bytes, owner: bytes = b"") -> bytes:
    """The secret. Raises Unreadable."""
    return _opened(sealed, purpose, owner)[0]


def renewed(*, sealed: bytes, purpose: bytes, owner: bytes = b"") -> bytes | None:
    """The same secret under today's key; None where it is so already. Raises Unreadable."""
    secret, key = _opened(sealed, purpose, owner)
    return None if key == settings.SECRET_KEY else seal(secret=secret, purpose=purpose, owner=owner)


def _opened(sealed: bytes, purpose: bytes, owner: bytes) -> tuple[bytes, str]:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(key, purpose).decrypt(sealed[:_NONCE], sealed[_NONCE:], owner), key
        except (InvalidTag, ValueError):
            # ValueError: too short to have a nonce.
            continue
    raise Unreadable


def _cipher(key: str, purpose: bytes) -> AESGCM:
    return AESGCM(hmac.new(key.encode(), purpose, hashlib.sha256).digest())
