"""Whether somebody is signed in at this browser: a page that stood open asks it before it sends a form."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def state(request: HttpRequest) -> JsonResponse:
    """`{"who": id of the person or "", "token": what a form sent now must hold}`. Signing in changes the
    token, and the forms of pages that were open before hold the old one.
    """
    who = str(request.user.pk) if request.user.is_authenticated else ""
    return JsonResponse({"who": who, "token": get_token(request)})


@require_safe
@never_cache
def back(request: HttpRequest) -> HttpResponse:
    """Where a sign-in in another tab ends: the way back to the page that waits."""
    return render(request, "session_back.html")
