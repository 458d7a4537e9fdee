"""Every view names the capability of each method; a view that names none is closed."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from clinic.practice import permissions


class ScopePermission(BasePermission):
    """`capabilities = {"GET": "courses.read", "POST": "courses.book"}` on the view; what is not named is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        if request.method == "OPTIONS":
            return True
        capability = getattr(view, "capabilities", {}).get(request.method)
        return capability is not None and permissions.allows(actor=request.user.actor, capability=capability)
