"""An id in an address that nobody can guess, make or change: small letters and digits, which every server and
every program leaves as they are. Nothing is stored for it, and it is of use for one purpose alone.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from django.conf import settings

# An id's 16 bytes in 26 letters.
_NAMED = 26


def make(*, named: UUID, purpose: bytes, seal: int = 16) -> str:
    """The id with a seal of so many bytes: 16 make 52 letters, 10 make 42."""
    return _token(named, purpose, seal, settings.SECRET_KEY)


def read(*, token: str, purpose: bytes, seal: int = 16) -> UUID | None:
    """The id in a token of ours, whatever its case; None for any other. A key that SECRET_KEY_FALLBACKS holds
    still proves what it sealed.
    """
    given = token.casefold()
    try:
        named = UUID(bytes=base64.b32decode(f"{given[:_NAMED].upper()}======"))
    except (ValueError, binascii.Error):
        return None
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    made = (_token(named, purpose, seal, key) for key in keys)
    return named if any(hmac.compare_digest(one.encode(), given.encode()) for one in made) else None


def _token(named: UUID, purpose: bytes, seal: int, key: str) -> str:
    sealed = hmac.new(key.encode(), purpose + named.bytes, hashlib.sha256).digest()[:seal]
    return "".join(base64.b32encode(part).decode().rstrip("=").lower() for part in (named.bytes, sealed))
