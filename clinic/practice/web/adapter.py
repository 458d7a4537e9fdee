"""How staff accounts come to be and how they are entered: a practice admin makes them; nobody signs up."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from clinic.practice import addresses, factors, limits


class StaffAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # the library is untyped
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """A sign-in of the last five minutes counts as one."""
        request = context.request
        records = get_authentication_records(request, request.user)
        return not records or time.time() - records[-1]["at"] >= app_settings.REAUTHENTICATION_TIMEOUT

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


class StaffFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What codes are computed from is sealed in its row."""

    def encrypt(self, text: str) -> str:
        return factors.seal(secret=text)

    def decrypt(self, encrypted_text: str) -> str:
        return factors.unseal(kept=encrypted_text)
