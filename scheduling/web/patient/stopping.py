"""The link in an e-mail's head by which such e-mails stop (R-17): a page with one button, and what mail
programs post by themselves. Looking changes nothing, since scanners look at everything.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from clinic.practice import addresses, limits
from clinic.practice.errors import NotFound
from notifications.sending import stopping
from scheduling.web.patient import frame, words

STOP = "scheduling/patient/stop.html"


@frame.private
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """A mail program posts without any page before it: the token alone proves who asks."""
    limits.check(limits.open_count("link", addresses.address_of(request)))
    try:
        if request.method == "POST":
            stopping.stop(token=token, now=timezone.now())
        else:
            stopping.find(token=token)
    except NotFound:
        return _page(request, "gone", 404)
    return _page(request, "stopped" if request.method == "POST" else "stop", 200)


def _page(request: HttpRequest, what: str, status: int) -> HttpResponse:
    """In both languages: nobody knows who is reading."""
    both = [{"language": language, "w": told} for language, told in words.WORDS.items()]
    return render(request, STOP, {"both": both, "what": what, "here": request.path}, status=status)
