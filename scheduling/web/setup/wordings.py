"""What the messages say: every text, and a practice's own words for it, checked while they are typed."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid, Stale
from clinic.practice.idempotency import Key
from clinic.practice.web import actors, pages, times
from notifications import neutral
from notifications.wording import checking, texts, trials, wordings
from notifications.wording.checking import Check, Preview
from notifications.wording.texts import Which, Words
from notifications.wording.wordings import Held
from scheduling.web import forms, reasons, words
from scheduling.web.setup import said
from scheduling.web.words import Badge

BUILT_IN = Badge("Built in", "check", "neutral")
OWN = Badge("Your own", "check", "good")
REFUSED = Badge("Not sent: breaks a rule", "alert", "bad")
FITS, COSTS, TOO_LONG = "good", "warn", "bad"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One text in the list: where it is changed, and whose words it is in."""

    address: str
    channel: str
    language: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class KindLine:
    title: str
    purpose: str
    when: str
    texts: tuple[TextLine, ...]


@dataclass(frozen=True, slots=True)
class Bubble:
    """A preview, and what it costs in words; `tone` says whether that is a lot."""

    preview: Preview
    cost: str
    tone: str


@dataclass(frozen=True, slots=True)
class TriedLine:
    at: times.Moment
    to: str
    state: Badge
    why: str


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    found = groupby(wordings.listing(actor=actor), key=lambda one: one.which.kind)
    lines = [_kind_line(kind, tuple(held)) for kind, held in found]
    context = {"lines": lines, "practice": queries.practice(actor=actor), "may": _may(actor)}
    return pages.show(request, "scheduling/setup/wordings.html", context, here="setup")


@pages.staff_page("GET", "HEAD", "POST")
def edit(request: HttpRequest, actor: Actor, kind: str, language: str, channel: str) -> HttpResponse:
    """A POST shows what was typed, checked; `save` keeps it, `revert` goes back to the built-in words, `test`
    sends it to the address that was typed.
    """
    which = texts.which(kind=kind, language=language, channel=channel)
    held = wordings.held(actor=actor, which=which)
    if request.method != "POST":
        return _page(request, actor, held, held.words, {})
    if request.headers.get("HX-Request") == "true":
        checked = wordings.check(actor=actor, which=which, words=_typed(request, which))
        context = _checked(checked, which, _typed(request, which))
        return pages.show(request, "scheduling/setup/_checked.html", context, here="setup")
    wordings.may_write(actor=actor)
    typed = _typed(request, which)
    try:
        done = _do(request, actor, which, typed)
    except DomainError as error:
        refusal = pages.refusal(request, form="wording", error=error)
        wrong = dict(error.fields) if isinstance(error, Invalid) else {"": list(refusal.reasons)}
        return _page(request, actor, held, typed, wrong, stale=isinstance(error, Stale))
    if not done:
        return _page(request, actor, held, typed, {})
    messages.success(request, done)
    return pages.done(request.path)


@pages.staff_page("GET", "HEAD")
def tests(request: HttpRequest, actor: Actor, kind: str, language: str, channel: str) -> HttpResponse:
    """What became of the tests: asked again while one is on its way."""
    which = texts.which(kind=kind, language=language, channel=channel)
    context = _tried(actor, which)
    return pages.show(request, "scheduling/setup/_tried.html", context, here="setup")


def _do(request: HttpRequest, actor: Actor, which: Which, typed: Words) -> str:
    """What the button asked for, and what is said of it; blank: only to check."""
    now = timezone.now()
    if "save" in request.POST:
        wordings.save(actor=actor, which=which, words=typed, now=now, version=forms.version(request))
        return "Saved. The next message says it so."
    if "revert" in request.POST:
        wordings.revert(actor=actor, which=which, now=now, version=forms.version(request))
        return "The built-in words are sent again."
    if "test" in request.POST:
        to = forms.text(request, "to")
        # The same page sends the same once; other words, or to somebody else, are another test.
        page = request.POST.get("key", "").replace("\x00", "")[:100] or secrets.token_urlsafe(16)
        what = hashlib.sha256(f"{typed}{to}".encode()).hexdigest()[:32]
        key = Key(scope=f"{actor.ref} page", value=f"{page} {what}", fingerprint="trial")
        trials.send(actor=actor, which=which, words=typed, to=to, now=now, key=key)
        return "The test is on its way. What becomes of it stands below."
    return ""


def _typed(request: HttpRequest, which: Which) -> Words:
    # A browser sends lines as CRLF.
    body = request.POST.get("body", "").replace("\r\n", "\n").replace("\x00", "").strip()
    return Words(forms.line(request, "subject") if which.channel == "email" else "", body)


def _page(
    request: HttpRequest,
    actor: Actor,
    held: Held,
    typed: Words,
    wrong: Mapping[str, list[str]],
    *,
    stale: bool = False,
) -> HttpResponse:
    """`stale`: somebody else has changed it meanwhile; their words are shown beside, and saving again is a
    decision.
    """
    which = held.which
    staff = actors.staff_of(request)
    checked = wordings.check(actor=actor, which=which, words=typed)
    own = staff.email if which.channel == "email" else ""
    zone = _zone(actor)
    context: dict[str, Any] = {
        **_checked(checked, which, typed),
        **_tried(actor, which),
        "held": held,
        "title": _title(which.kind),
        "channel": words.CHANNELS[which.channel],
        "language": said.LANGUAGES[which.language],
        "purpose": said.PURPOSE[which.kind],
        "when": said.WHEN[which.kind],
        "badge": _badge(held),
        "builtin": texts.builtin(which),
        "others": _others(which),
        "names": [(name, said.PLACEHOLDERS[name]) for name in texts.KINDS[which.kind].known(which.channel)],
        "former": [
            (times.moment(one.since, zone), one.words)
            for one in wordings.former(actor=actor, which=which)[1:]
        ],
        "may": _may(actor),
        "version": held.version if stale else request.POST.get("version", held.version),
        "stale": stale,
        "key": secrets.token_urlsafe(16),
        "to": request.POST.get("to", own),
        "wrong": wrong,
        "wrong_to": wrong.get("to", []),
        "refused": "save" in request.POST and bool(wrong),
        "general": wrong.get("", []),
    }
    status = 422 if wrong else 200
    return pages.show(request, "scheduling/setup/wording.html", context, here="setup", status=status)


def _checked(checked: Check, which: Which, typed: Words) -> dict[str, Any]:
    told = [text for found in checked.problems.values() for text in found]
    return {
        "which": which,
        "told": told,
        "bubbles": [_bubble(one, which) for one in checked.previews],
        "plainer": [(checking.told(char), plain) for char, plain in checked.plainer],
        "wide": [checking.told(char) for char in dict.fromkeys(c for p in checked.previews for c in p.wide)],
        "typed": typed,
    }


def _bubble(preview: Preview, which: Which) -> Bubble:
    if which.channel != "sms":
        return Bubble(preview, "", FITS)
    parts = "1 segment" if preview.segments == 1 else f"{preview.segments} segments, paid as so many messages"
    cost = f"{preview.characters} of {neutral.MAX_SMS_CHARACTERS} characters · {parts}"
    too_long = preview.characters > neutral.MAX_SMS_CHARACTERS
    return Bubble(preview, cost, TOO_LONG if too_long else FITS if preview.segments == 1 else COSTS)


def _tried(actor: Actor, which: Which) -> dict[str, Any]:
    found = trials.recent(actor=actor, which=which)
    zone = _zone(actor)
    return {
        "which": which,
        "tried": [
            TriedLine(times.moment(one.at, zone), one.to, words.MESSAGES[one.state], reasons.why(one.reason))
            for one in found
        ],
        "waits": any(not one.settled for one in found),
    }


def _kind_line(kind: str, found: tuple[Held, ...]) -> KindLine:
    lines = tuple(
        TextLine(
            address=reverse("setup-wording", kwargs=_keys(one.which)),
            channel=words.CHANNELS[one.which.channel],
            language=said.LANGUAGES[one.which.language],
            badge=_badge(one),
        )
        for one in found
    )
    return KindLine(_title(kind), said.PURPOSE[kind], said.WHEN[kind], lines)


def _others(which: Which) -> list[tuple[str, str, bool]]:
    """The same message by other channels and in other languages: (address, name, whether it is this one)."""
    return [
        (
            reverse("setup-wording", kwargs=_keys(one)),
            f"{words.CHANNELS[one.channel]}, {said.LANGUAGES[one.language]}",
            one == which,
        )
        for one in texts.every()
        if one.kind == which.kind
    ]


def _badge(held: Held) -> Badge:
    return REFUSED if held.refused else OWN if held.own else BUILT_IN


def _title(kind: str) -> str:
    return words.MESSAGE_KINDS[kind]


def _keys(which: Which) -> dict[str, str]:
    return {"kind": which.kind, "language": which.language, "channel": which.channel}


def _may(actor: Actor) -> bool:
    return permissions.allows(actor=actor, capability=wordings.WRITE)


def _zone(actor: Actor) -> str:
    site = queries.sites(actor=actor).first()
    return site.time_zone if site else "UTC"
