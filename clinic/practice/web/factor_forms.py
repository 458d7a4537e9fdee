"""The library's forms for second factors, with our counting and with codes that count once."""

import time
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as base
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.contrib.auth.base_user import AbstractBaseUser

from clinic.practice import factors, limits, sealing


def _guess(user: AbstractBaseUser) -> limits.Guess:
    return limits.guess(("second_factor", str(user.pk)))


def step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is: now, or one beside it for clocks that differ."""
    # The library compares codes by its own clock; this is the same one.
    here = int(time.time()) // 30
    given = "".join(code.split())
    steps = (here - 1, here, here + 1)
    return next(
        (step for step in steps if totp.format_hotp_value(totp.hotp_value(secret, step)) == given), None
    )


class _Counted(forms.Form):
    """A code that is typed: counted before it is looked at, and a TOTP code taken for good."""

    user: AbstractBaseUser

    def clean_code(self) -> str:
        guess = _guess(self.user)
        try:
            code = self._right_code()
        except sealing.Unreadable:
            # Nobody can compute the codes of a factor whose key is gone: it is reset like a lost one.
            raise get_adapter().validation_error("incorrect_code") from None
        guess.right()
        return code

    def _right_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        authenticator: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if authenticator.type == Authenticator.Type.TOTP:
            step = step_of(get_adapter().decrypt(authenticator.data["secret"]), code)
            if step is None or not factors.use_step(authenticator_id=authenticator.pk, step=step):
                raise get_adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(_Counted, base.AuthenticateForm):  # type: ignore[misc]  # the library is untyped
    pass


class ReauthenticateForm(_Counted, base.ReauthenticateForm):  # type: ignore[misc]
    pass


class ActivateForm(ActivateTOTPForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        guess = _guess(self.user)
        code: str = super().clean_code()
        # What proved the app is used up by it.
        self.step = step_of(self.secret, code)
        guess.right()
        return code


class _CountedKey(forms.Form):
    def clean_credential(self) -> Any:
        guess = _guess(self.user)  # type: ignore[attr-defined]
        found = super().clean_credential()  # type: ignore[misc]
        guess.right()
        return found


class AuthenticateKeyForm(_CountedKey, webauthn.AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class ReauthenticateKeyForm(_CountedKey, webauthn.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass
