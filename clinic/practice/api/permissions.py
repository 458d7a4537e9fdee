"""Every operation names its capability; one that names none is closed."""

from typing import Any, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from clinic.practice import permissions
from clinic.practice.api.authentication import Program


class ScopePermission(BasePermission):
    """Asks the one permission table for the capability that `@operation` gave to the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        handler = getattr(view, (request.method or "").lower(), None)
        if handler is None or request.method == "OPTIONS":
            # Nothing is done: the answer is 405, or the list of methods.
            return True
        capability = getattr(handler, "capability", None)
        actor = cast(Program, request.user).actor
        return capability is not None and permissions.allows(actor=actor, capability=capability)
