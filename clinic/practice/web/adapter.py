"""How staff accounts come to be and how they are entered: a practice admin makes them; nobody signs up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from clinic.practice import addresses, limits


class StaffAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # the library is untyped
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Who these credentials are of. Each try is counted before it is judged, a right one not at all.

        Raises Throttled, and Closed while tries cannot be counted.
        """
        where = addresses.address_of(request)
        # As the sign-in itself compares names: a try must not count for another in capitals.
        name = str(credentials.get("username", "")).strip().lower()
        guess = limits.guess(
            ("sign_in_address", where), ("sign_in_here", f"{name} {where}"), ("sign_in_name", name)
        )
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if user is not None:
            guess.right()
        return user
