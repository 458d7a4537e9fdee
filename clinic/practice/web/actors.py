"""Who asks: the actor behind a session, built anew for each request: a changed role holds at once."""

from django.http import HttpRequest

from clinic.practice import queries
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import StaffMember


def staff_of(request: HttpRequest) -> StaffMember:
    """The signed-in member of staff; raises NotFound when nobody is signed in."""
    user = request.user
    if not isinstance(user, StaffMember):
        raise NotFound()
    return user


def actor_of(request: HttpRequest) -> Actor:
    """The actor of this request; raises NotFound for nobody, and for who is inactive or has no practice."""
    return queries.actor_of(staff=staff_of(request))
