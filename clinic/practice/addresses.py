"""Where a request comes from, as far as that can be believed."""

from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import truncate_ip
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The caller's address; behind a proxy the one that the proxy saw. Of IPv6 the network, since one caller
    has all of it.
    """
    return str(truncate_ip(get_adapter().get_client_ip(request)))
