"""Bounces that a mail server, or a provider of e-mail, posts as it has them."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications.inbox import bounces


@csrf_exempt
@require_POST
def bounce(request: HttpRequest) -> HttpResponse:
    """204 once one whole mail is taken, whatever it was; 403 for who has not the token."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.BOUNCE_TOKEN or not hmac.compare_digest(given.encode(), settings.BOUNCE_TOKEN.encode()):
        return HttpResponse(status=403)
    bounces.take(raw=request.body, to=request.headers.get("X-Envelope-To", ""), now=timezone.now())
    return HttpResponse(status=204)
