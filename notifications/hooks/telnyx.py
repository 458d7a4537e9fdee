"""What Telnyx tells: reports on messages that it took, and texts that came."""

import base64
import binascii
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications.channels import telnyx
from notifications.hooks import hooked
from notifications.inbox import inbound
from notifications.inbox.inbound import Text
from notifications.sending import reports

# An older or newer signature may be a recorded one.
TOLERANCE = timedelta(minutes=5)


@csrf_exempt
@require_POST
def report(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """204 once it is kept (R8), also when it says nothing new; 403 for who is not Telnyx; 404 for a hand-over
    that is not ours.
    """
    if not _is_telnyx(request):
        return HttpResponse(status=403)
    payload = _payload(request.body)
    told, errors = _first(payload.get("to")), _first(payload.get("errors"))
    code = str(errors.get("code", ""))[:10]
    known = reports.take(
        attempt_id=attempt_id,
        provider_id=str(payload.get("id", ""))[:80],
        status=telnyx.STATUSES.get(str(told.get("status", "")), ""),
        error_code=code,
        suppress=telnyx.suppresses(code),
        now=timezone.now(),
    )
    return HttpResponse(status=204 if known else 404)


@csrf_exempt
@require_POST
def message(request: HttpRequest) -> HttpResponse:
    """A text that came: 204 once it is kept (R8), also when it was kept before, and for other events of a
    profile; 403 for who is not Telnyx; 400 for what is no text.
    """
    if not _is_telnyx(request):
        return HttpResponse(status=403)
    payload = _payload(request.body)
    if payload.get("direction") != "inbound":
        return HttpResponse(status=204 if payload else 400)
    sender, pictures = payload.get("from"), payload.get("media")
    number = str(sender.get("phone_number", "")) if isinstance(sender, dict) else ""
    told_id = str(payload.get("id") or "")
    if not hooked.plausible(told_id, number):
        return HttpResponse(status=400)
    inbound.take(
        text=Text(
            provider="telnyx",
            provider_id=told_id,
            sender=number,
            receiver=str(_first(payload.get("to")).get("phone_number", ""))[:40],
            body=str(payload.get("text") or ""),
            media=min(len(pictures), 99) if isinstance(pictures, list) else 0,
            keyword=str(payload.get("autoresponse_type") or ""),
        ),
        now=timezone.now(),
    )
    return HttpResponse(status=204)


def _is_telnyx(request: HttpRequest) -> bool:
    """Ed25519 over the time and the body as it came, within five minutes."""
    stamp = request.headers.get("Telnyx-Timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        return False
    if abs(timezone.now().timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(settings.TELNYX_PUBLIC_KEY, validate=True))
        signature = base64.b64decode(request.headers.get("Telnyx-Signature-Ed25519", ""), validate=True)
        key.verify(signature, f"{stamp}|".encode() + request.body)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _payload(body: bytes) -> dict[str, Any]:
    """`data.payload` of the event; empty where it is not there."""
    try:
        event = json.loads(body)
        found = event["data"]["payload"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _first(rows: object) -> dict[str, Any]:
    first = rows[0] if isinstance(rows, list) and rows else None
    return first if isinstance(first, dict) else {}
