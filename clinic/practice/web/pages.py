"""What every page for staff shares: who may see it, how it is shown, how it refuses, where a form leads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import Engine, RequestContext
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from clinic.practice import errors, factors, limits, permissions, reads, work
from clinic.practice.actor import Actor
from clinic.practice.web import actors

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Actor, P], HttpResponse]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponse]
CONFLICTS = (errors.Conflict, errors.Busy, errors.Stale)
# What is shown again after a refusal: never a token, a password or a version.
TYPED = (
    *(
        "reason_code",
        "follow_up",
        "at",
        "fold",
        "name",
        "override_reason",
        "reason",
        "until",
        "decision",
        "phase",
    ),
    *("review_on", "code", "score", "status", "attended_on", "provider"),
    *("body", "follow_up", "arrived", "started", "administration_ended", "discharged", "completed"),
)
# Who may be asked what cannot wait; the others' pages do not look for it.
ASKED_AT_ONCE = permissions.CLINICIANS | {permissions.ADMIN}
LONGEST_RULE = 60
AFRESH = "It was changed since this page was opened. Look at it as it is now, and try again."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was not accepted, in words, and what was typed in it.

    `overridable` are the ids of the broken rules when all of them may be overridden with a reason; `rules`
    are those, else the ones for which the form gave its reason already.
    """

    form: str
    reasons: tuple[str, ...]
    typed: Mapping[str, str] = field(default_factory=dict)
    overridable: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    status: int = 422


def staff_page(*methods: str) -> Callable[[View[P]], Guarded[P]]:
    """A view for signed-in staff of a practice, given their actor. What is not theirs is not there."""

    def decorate(view: View[P]) -> Guarded[P]:
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            try:
                actor = actors.actor_of(request)
            except errors.NotFound:
                return render(request, "no_practice.html", status=403)
            limits.check(limits.open_count("staff", actor.ref))
            if factors.missing(staff=actors.staff_of(request)):
                messages.warning(request, "Your practice asks for a second factor. Add one to go on.")
                return redirect("mfa_index")
            try:
                return view(request, actor, *args, **kwargs)
            except errors.NotFound:
                raise Http404 from None
            except errors.NotAllowed:
                raise PermissionDenied from None

        # Not the decorator: the type checker loses the arguments behind it.
        update_wrapper(guarded, view)
        return require_http_methods([*methods])(guarded)

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    # A part of a page cannot be a sign-in: the page asks for one over what stands there.
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=401)
    # A form is not sent again after a sign-in: only pages are gone back to.
    if request.method == "GET":
        return redirect_to_login(request.get_full_path())
    return redirect_to_login("/")


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    here: str,
    patients: Iterable[UUID | None] = (),
    status: int = 200,
) -> HttpResponse:
    """The whole page. `here` is the part of the navigation that it belongs to, `patients` are those whom it
    shows: the log of reads is written first.
    """
    staff, actor, now = actors.staff_of(request), actors.actor_of(request), timezone.now()
    match = request.resolver_match
    route = match.route if match else ""
    reads.record(actor=actor, route=route, patient_ids=patients, now=now)
    shared: dict[str, Any] = {"practice_name": staff.practice.name if staff.practice else "", "here": here}
    # A part of a page stands in one that says it already.
    if actor.roles & ASKED_AT_ONCE and request.headers.get("HX-Request") != "true":
        shared["urgent_items"] = work.urgent(actor=actor, now=now)
    if actor.roles & permissions.BOOKERS and request.headers.get("HX-Request") != "true":
        shared["texts_waiting"] = work.texts_waiting(actor=actor)
    return _drawn(request, template, {**shared, **context}, status)


def _drawn(request: HttpRequest, template: str, context: dict[str, Any], status: int) -> HttpResponse:
    """As `django.shortcuts.render`, and the page's rows are given back at once.

    A template context refers to itself: what it holds would stay until a garbage collection, a tenth of a
    second in some later request.
    """
    held = RequestContext(request, context)
    page = Engine.get_default().get_template(template).render(held)
    held.dicts.clear()
    return HttpResponse(page, status=status)


def back_to(request: HttpRequest, fallback: str) -> str:
    """The page that a form was sent from, when it is one of ours; never somebody else's address."""
    wanted = request.POST.get("back", "") or request.GET.get("back", "")
    ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if ours else fallback


def done(path: str) -> HttpResponse:
    """After a write: a page that may be loaded again without writing again."""
    response = redirect(path)
    response.status_code = 303
    return response


def refusal(request: HttpRequest, *, form: str, error: errors.DomainError) -> Refusal:
    """A refused form in words. NotFound and NotAllowed are whole pages of their own and pass through."""
    if isinstance(error, errors.NotFound | errors.NotAllowed):
        raise error
    typed = {name: str(request.POST[name]) for name in TYPED if name in request.POST}
    broken: list[dict[str, Any]] = error.data.get("violations", [])
    if isinstance(error, errors.Invalid):
        reasons = tuple(text for texts in error.fields.values() for text in texts)
    elif isinstance(error, errors.Stale):
        reasons = (AFRESH,)
    else:
        reasons = tuple(one["message"] for one in broken) or (error.message,)
    may_be = broken and all(one["overridable"] for one in broken)
    overridable = tuple(one["rule_id"] for one in broken) if may_be else ()
    asked = dict.fromkeys(rule for rule in request.POST.getlist("rule")[:10] if len(rule) <= LONGEST_RULE)
    return Refusal(
        form=form,
        reasons=reasons,
        typed=typed,
        overridable=overridable,
        rules=overridable if broken else tuple(asked),
        status=409 if isinstance(error, CONFLICTS) else 422,
    )
