"""How staff accounts come to be: a practice admin makes them; nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class StaffAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # the library is untyped
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
