"""Signing in and out, and second factors. Only what staff need: nobody signs up, nobody resets a password by
mail.
"""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.webauthn import views as webauthn
from django.contrib.auth.decorators import login_required
from django.urls import path

from clinic.practice.web import factors, mails, session

urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-out/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("session/", session.state, name="session"),
    path("session/back/", session.back, name="session-back"),
    path("second-factor/", mfa.authenticate, name="mfa_authenticate"),
    path("confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("confirm/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("confirm/passkey/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("password/", factors.ChangePassword.as_view(), name="account_change_password"),
    path("factors/", mfa.index, name="mfa_index"),
    path("factors/app/add/", login_required(factors.AddApp.as_view()), name="mfa_activate_totp"),
    path("factors/app/remove/", factors.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("factors/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "factors/codes/renew/", login_required(factors.NewCodes.as_view()), name="mfa_generate_recovery_codes"
    ),
    path("factors/passkeys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("factors/passkeys/add/", login_required(factors.AddKey.as_view()), name="mfa_add_webauthn"),
    path(
        "factors/passkeys/<int:pk>/remove/",
        login_required(factors.RemoveKey.as_view()),
        name="mfa_remove_webauthn",
    ),
    path("mails/", mails.own, name="own-mails"),
    path("people/", factors.people, name="people"),
    path("people/<uuid:staff_id>/reset/", factors.reset, name="reset-factors"),
]
