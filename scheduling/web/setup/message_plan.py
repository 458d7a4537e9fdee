"""Which messages go, and when: of each kind, and of all. What is built in stands beside each value, and what
a patient would get by what is typed is shown before it is saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from clinic.practice import directory, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.models import Practice
from clinic.practice.web import pages
from notifications.planning import kinds, practice_terms, preferences, terms
from notifications.planning.policy import SendWindow
from notifications.planning.terms import NOTHING, Hours, Term
from notifications.reading import ahead
from scheduling.booking.own import own_messages
from scheduling.booking.protocol import protocols
from scheduling.web import forms, words
from scheduling.web.messages import coming
from scheduling.web.messages.coming import Coming
from scheduling.web.setup import fields, said
from scheduling.web.setup.fields import Field

# The two forms of the page.
KINDS, ALL = "kinds", "all"
ON, OFF = "on", "off"
WINDOW = SendWindow()
ORDERS = [
    ("", "Built in: text message, then e-mail; preparation by e-mail first"),
    ("sms,email", "Text message, then e-mail"),
    ("email,sms", "E-mail, then text message"),
    ("sms", "Text messages alone"),
    ("email", "E-mail alone"),
]
FIELDS = (
    Field(
        "opens", "Not before", "pause", needed=False, hint=f"Built in: {WINDOW.opens:%H:%M}; 08:00 or later."
    ),
    Field(
        "closes",
        "Not after",
        "pause",
        needed=False,
        hint=f"Built in: {WINDOW.closes:%H:%M}; 21:00 or earlier.",
    ),
    Field(
        "channels",
        "By which channel, first to last",
        "choice",
        needed=False,
        choices=lambda actor: ORDERS[1:],
        blank=ORDERS[0][1],
        hint="Where one does not work for a patient the next is tried; what is not named is not.",
    ),
    Field("per_day", "Most in a day", needed=False, hint="Built in: as many as there are. For each channel."),
    Field("per_week", "Most in any seven days", needed=False, hint="Built in: as many as there are."),
    Field("relies_on_exemption", "We rely on the healthcare exemption: 1 a day and 3 a week at most", "flag"),
    Field("merge_visits", "One message tells of all visits of a day (built in)", "flag"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One kind on the page: what was typed for it, or is held. `hours` is None where it has none."""

    kind: str
    title: str
    purpose: str
    goes: bool
    hours: Hours | None
    typed: str
    built_in: str
    reason: str | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a patient would get of a sample course by one of the two forms; `none` says why there is none."""

    part: str
    protocol_id: UUID
    coming: Coming
    none: tuple[str, ...]


@pages.staff_page("GET", "HEAD", "POST")
def edit(request: HttpRequest, actor: Actor) -> HttpResponse:
    now = timezone.now()
    if request.method != "POST":
        return _page(request, actor, {})
    protocol_id = forms.uuid(request.POST.get("protocol"))
    if protocol_id is not None:
        # Also where it is only saved: what names a protocol of somebody else's is no page of ours.
        protocols.protocol(actor=actor, protocol_id=protocol_id)
    if "preview" in request.POST:
        return _previewed(request, actor, protocol_id, now)
    permissions.check(actor=actor, capability=practice_terms.WRITE)
    part, saves = request.POST.get("part", ""), {KINDS: _save_kinds, ALL: _save_all}
    try:
        if part not in saves:
            # An empty form would put everything back to what is built in.
            raise Invalid({"": ["The page was not sent whole. Look at it again, and save."]})
        saves[part](request, actor, now)
    except DomainError as error:
        return _page(request, actor, _wrong(request, error))
    messages.success(request, "Saved. What is planned follows within two minutes.")
    return pages.done(reverse("setup-message-plan"))


def _wrong(request: HttpRequest, error: DomainError) -> Mapping[str, list[str]]:
    refusal = pages.refusal(request, form=request.POST.get("part") or KINDS, error=error)
    return dict(error.fields) if isinstance(error, Invalid) else {"": list(refusal.reasons)}


def _previewed(request: HttpRequest, actor: Actor, protocol_id: UUID | None, now: datetime) -> HttpResponse:
    """What a patient would get by what was typed in one of the forms; the rest is as it is kept. Saves
    nothing."""
    part = request.POST.get("part", "")
    try:
        if protocol_id is None:
            raise Invalid({"": ["Choose a protocol to look at."]})
        sample = own_messages.of_sample(
            actor=actor,
            protocol_id=protocol_id,
            said=_said(request) if part == KINDS else None,
            chosen=_chosen(request) if part == ALL else None,
            now=now,
        )
    except Invalid as error:
        return _page(request, actor, {_field(name): texts for name, texts in error.fields.items()})
    told = coming.told(seen=sample.seen, zone=sample.zone, now=now, booked=False)
    none = tuple(words.told(text) for text in sample.none)
    return _page(request, actor, {}, Preview(part, protocol_id, told, none))


def _save_kinds(request: HttpRequest, actor: Actor, now: datetime) -> None:
    practice_terms.save(actor=actor, said=_said(request), now=now, version=forms.version(request))


def _said(request: HttpRequest) -> dict[str, Term]:
    post, said_now, wrong = request.POST, {}, {}
    for kind in terms.CHOICES:
        typed = post.get(f"{kind}-hours", "").strip()
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 5):
            wrong[f"{kind}.hours"] = ["A whole number of hours, or blank."]
            continue
        on = False if post.get(f"{kind}-goes") == OFF else None
        reason = forms.line(request, f"{kind}-reason")
        said_now[kind] = Term(on, int(typed) if typed else None, reason)
    if wrong:
        raise Invalid(wrong)
    return said_now


def _save_all(request: HttpRequest, actor: Actor, now: datetime) -> None:
    practice = queries.practice(actor=actor)
    changes = {"settings": {**practice.settings, "messages": _chosen(request)}}
    read = request.POST.get("version") or None
    try:
        directory.update_practice(actor=actor, changes=changes, now=now, version=read)
    except Invalid as error:
        raise Invalid({_field(name): texts for name, texts in error.fields.items()}) from error


def _chosen(request: HttpRequest) -> dict[str, Any]:
    values = fields.read(post=request.POST, fields=FIELDS)
    kept = {"channels": values["channels"], "merge_visits": values["merge_visits"]}
    chosen: dict[str, Any] = {name: value for name, value in kept.items() if value not in ("", True)}
    if values["relies_on_exemption"]:
        chosen["relies_on_exemption"] = True
    if values["opens"] or values["closes"]:
        spans = (values["opens"] or WINDOW.opens, values["closes"] or WINDOW.closes)
        chosen["send_window"] = [f"{one:%H:%M}" for one in spans]
    for name in ("per_day", "per_week"):
        if values[name]:
            chosen[name] = int(values[name]) if values[name].isascii() and values[name].isdigit() else 0
    return chosen


def _field(path: str) -> str:
    """The field of the page that a setting stands in; a kind's own is that already."""
    name = path.rpartition(".")[2] if path.startswith("settings.") else path
    return "opens" if name == "send_window" else name


def _page(
    request: HttpRequest, actor: Actor, wrong: Mapping[str, list[str]], preview: Preview | None = None
) -> HttpResponse:
    practice, held = queries.practice(actor=actor), practice_terms.held(actor=actor)
    post = request.POST if request.method == "POST" else None
    # What was typed stays, also where it cannot be told of which of the two forms it is.
    of_all = post if post and "channels" in post else None
    of_kinds = post if post and of_all is None else None
    course_id = ahead.next_course(actor=actor)
    context = {
        "may": permissions.allows(actor=actor, capability=practice_terms.WRITE),
        "lines": [
            _line(kind, held.terms.get(kind, NOTHING), of_kinds, wrong if of_kinds is not None else {})
            for kind in terms.CHOICES
        ],
        # Whoever only looked saves on what was there when they began.
        "kinds_version": request.POST.get("version") if preview and of_kinds else held.version,
        "fields": [
            fields.show(
                actor=actor,
                field=one,
                held=_held(practice),
                post=of_all,
                wrong=wrong if of_all is not None else {},
            )
            for one in FIELDS
        ],
        "version": request.POST.get("version")
        if preview and of_all
        else queries.practice_tag(practice=practice),
        "protocols": [one for one in protocols.protocols(actor=actor) if one.is_plannable],
        "preview": preview,
        "problems": wrong.get("", []),
        "example": reverse("course-messages", kwargs={"course_id": course_id}) if course_id else "",
    }
    status = 422 if wrong else 200
    return pages.show(request, "scheduling/setup/message_plan.html", context, here="setup", status=status)


def _held(practice: Practice) -> dict[str, Any]:
    chosen = practice.settings.get("messages", {})
    read = preferences.of(practice)
    own = chosen.get("send_window") is not None
    times: dict[str, time | None] = {
        "opens": read.window.opens if own else None,
        "closes": read.window.closes if own else None,
    }
    return {
        **times,
        "channels": ",".join(read.channels),
        "per_day": chosen.get("per_day"),
        "per_week": chosen.get("per_week"),
        "relies_on_exemption": chosen.get("relies_on_exemption") is True,
        "merge_visits": read.merges,
    }


def _line(kind: str, held: Term, post: QueryDict | None, wrong: Mapping[str, list[str]]) -> Line:
    hours = "" if held.hours is None else str(held.hours)
    needs = kind in terms.NEEDS_REASON
    return Line(
        kind=kind,
        title=words.MESSAGE_KINDS[kind],
        purpose=said.PURPOSE[kind],
        goes=held.on is not False if post is None else post.get(f"{kind}-goes") != OFF,
        hours=terms.CHOICES[kind],
        typed=hours if post is None else post.get(f"{kind}-hours", ""),
        built_in=f"{kinds.hours(kind):g}",
        reason=(held.reason if post is None else post.get(f"{kind}-reason", "")) if needs else None,
        problems=tuple(
            text for name, texts in wrong.items() if name.partition(".")[0] == kind for text in texts
        ),
    )
