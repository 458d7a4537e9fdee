"""Second factors and passwords: the library's views, followed by what a change means here."""

from typing import Any
from uuid import UUID

from allauth.account import views as account
from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator

from clinic.practice import factors, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.web import actors, pages


def settle(request: HttpRequest, verb: str) -> None:
    """Write the change down, end this person's other sessions and give this one a new key."""
    staff = actors.staff_of(request)
    factors.changed(staff=staff, verb=verb, now=timezone.now())
    update_session_auth_hash(request, staff)


class _Changes:
    """A change of factors; `verb` is what the trail says."""

    verb = ""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        settle(self.request, self.verb)  # type: ignore[attr-defined]
        return answer


class AddApp(_Changes, totp.ActivateTOTPView):  # type: ignore[misc]  # the library is untyped
    verb = "factor.app_added"

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        made = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        if form.step is not None:
            factors.use_step(authenticator_id=made.pk, step=form.step)
        return answer


class RemoveApp(_Changes, totp.DeactivateTOTPView):  # type: ignore[misc]
    verb = "factor.app_removed"


class AddKey(_Changes, webauthn.AddWebAuthnView):  # type: ignore[misc]
    verb = "factor.passkey_added"


class RemoveKey(_Changes, webauthn.RemoveWebAuthnView):  # type: ignore[misc]
    verb = "factor.passkey_removed"


class NewCodes(_Changes, codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    verb = "factor.codes_renewed"


@method_decorator([login_required, reauthentication_required(app="allauth.mfa")], name="dispatch")
class ChangePassword(_Changes, account.PasswordChangeView):  # type: ignore[misc]
    verb = "password.changed"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not actors.staff_of(request).has_usable_password():
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        return reverse("mfa_index")


# --- of others ------------------------------------------------------------------------------------------
@pages.staff_page("GET", "HEAD")
def people(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Who works here and who has a second factor, for who may reset it."""
    permissions.check(actor=actor, capability="practitioners.write")
    found = list(queries.practitioners(actor=actor).filter(is_active=True).order_by("last_name", "username"))
    kinds: dict[object, set[str]] = {}
    for owner, kind in Authenticator.objects.filter(user__in=found).values_list("user_id", "type"):
        kinds.setdefault(owner, set()).add(kind)
    lines = [(one, bool(kinds.get(one.pk)), "webauthn" in kinds.get(one.pk, set())) for one in found]
    return pages.show(request, "practice/people.html", {"lines": lines}, here="people")


@pages.staff_page("POST")
def reset(request: HttpRequest, actor: Actor, staff_id: UUID) -> HttpResponse:
    factors.reset(actor=actor, staff_id=staff_id, now=timezone.now())
    messages.success(request, "Their second factor is removed, and they are signed out everywhere.")
    return pages.done(reverse("people"))
