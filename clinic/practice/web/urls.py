"""Signing in and out. Only what staff need: nobody signs up, and nobody resets a password by e-mail."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from django.urls import path

urlpatterns = [
    path("sign-in/", account.login, name="account_login"),
    path("sign-out/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("second-factor/", mfa.authenticate, name="mfa_authenticate"),
]
