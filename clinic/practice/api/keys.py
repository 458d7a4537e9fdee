"""The Idempotency-Key header, as the key that the use case stores in its own transaction."""

import hashlib
import json
import re
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from clinic.practice.actor import Actor
from clinic.practice.idempotency import Key

_VALUE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
HEADER = "Idempotency-Key"


def key_of(request: Request, *, actor: Actor, body: Any, required: bool) -> Key | None:
    """The caller's key with a fingerprint of what it asked for; None without the header.

    The fingerprint is of the parsed body with its keys sorted, so white space and order make no
    difference; the body
    itself is kept nowhere. Raises ValidationError when a required key is missing, or when it is no key.
    """
    value = request.headers.get(HEADER)
    if value is None:
        if required:
            raise ValidationError({HEADER: ["Required here: a text of your own, the same for each retry."]})
        return None
    if not _VALUE.fullmatch(value):
        raise ValidationError({HEADER: ["Must be 1 to 255 printable ASCII characters without spaces."]})
    told = json.dumps([request.method, request.path, body], sort_keys=True, separators=(",", ":"))
    return Key(scope=actor.ref, value=value, fingerprint=hashlib.sha256(told.encode()).hexdigest())
