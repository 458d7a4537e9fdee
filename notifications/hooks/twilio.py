"""What Twilio tells: reports on messages that it took, and texts that came (R-14, R-15)."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from twilio.request_validator import RequestValidator

from notifications.channels import twilio
from notifications.hooks import hooked
from notifications.inbox import inbound
from notifications.inbox.inbound import Text
from notifications.sending import reports


@csrf_exempt
@require_POST
def report(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """204 once it is kept (R8), also when it says nothing new; 403 for who is not Twilio; 404 for a hand-over
    that is not ours.
    """
    if not _is_twilio(request):
        return HttpResponse(status=403)
    form = request.POST
    known = reports.take(
        attempt_id=attempt_id,
        provider_id=form.get("MessageSid", "")[:80],
        status=form.get("MessageStatus", ""),
        error_code=form.get("ErrorCode", "")[:10],
        suppress=twilio.suppresses(form.get("ErrorCode", "")),
        now=timezone.now(),
    )
    return HttpResponse(status=204 if known else 404)


@csrf_exempt
@require_POST
def message(request: HttpRequest) -> HttpResponse:
    """A text that came: an empty TwiML answer once it is kept (R8), also when it was kept before; 403 for who
    is not Twilio; 400 for what is no text. What we say to it goes through the outbox.
    """
    if not _is_twilio(request):
        return HttpResponse(status=403)
    form = request.POST
    sid, sender = form.get("MessageSid", ""), form.get("From", "")
    if not hooked.plausible(sid, sender):
        return HttpResponse(status=400)
    pictures = form.get("NumMedia", "")
    inbound.take(
        text=Text(
            provider="twilio",
            provider_id=sid,
            sender=sender,
            receiver=form.get("To", "")[:40],
            body=form.get("Body", ""),
            media=min(int(pictures), 99) if pictures.isascii() and pictures.isdigit() else 0,
            keyword=form.get("OptOutType", ""),
        ),
        now=timezone.now(),
    )
    return HttpResponse("<Response/>", content_type="text/xml")


def _is_twilio(request: HttpRequest) -> bool:
    """R-14: HMAC over the address that Twilio was given and every parameter, compared in constant time.

    Behind a proxy the request's own host and scheme are the proxy's: the public address is the one signed.
    """
    if not settings.TWILIO_AUTH_TOKEN:
        return False
    url = settings.PUBLIC_URL + request.get_full_path()
    signature = request.headers.get("X-Twilio-Signature", "")
    return bool(RequestValidator(settings.TWILIO_AUTH_TOKEN).validate(url, request.POST, signature))
