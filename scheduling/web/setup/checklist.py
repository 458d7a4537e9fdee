"""Set-up's first page: what is done, what is missing for the first course, and where to do it."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice.actor import Actor
from clinic.practice.web import pages
from scheduling.booking.protocol import setting_up
from scheduling.booking.protocol.setting_up import Progress
from scheduling.web import words
from scheduling.web.words import Badge

DONE, OPEN, LATER, AT_WILL = (
    Badge("Done", "check", "good"),
    Badge("To do", "alert", "warn"),
    Badge("Look at it", "eye", "info"),
    Badge("As needed", "minus", "neutral"),
)


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    address: str
    state: Badge
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfferLine:
    protocol: str
    site: str
    told: tuple[str, ...]


@pages.staff_page("GET", "HEAD")
def checklist(request: HttpRequest, actor: Actor) -> HttpResponse:
    found = setting_up.progress(actor=actor, now=timezone.now())
    steps = _steps(found)
    context = {
        "steps": steps,
        "missing": sum(one.state is OPEN for one in steps),
        "offers": [OfferLine(one.name, site, words.lacks(one.lacking)) for site, one in found.offers],
    }
    return pages.show(request, "scheduling/setup/checklist.html", context, here="setup")


def _steps(found: Progress) -> list[Step]:
    named = bool(found.message_name and found.phone)
    hours = tuple(f"{name} has no opening hours" for name in found.without_hours)
    idle = tuple(f"{name} has no shift" for name in found.without_shift)
    people = () if found.people else ("Nobody yet",)
    return [
        _step(
            "Practice", "setup-practice", named, ("Patients should find a phone number in their messages",)
        ),
        _step("Sites", "sites", found.sites > 0, ("No site yet",), hours),
        _step("Rooms and chairs", "rooms", found.rooms > 0, ("No room yet",)),
        _step("People", "people", not people, people),
        _step(
            "Shifts", "shifts", len(found.without_shift) == 0 and found.people > 0, idle or ("No shift yet",)
        ),
        _step("Protocols", "setup-protocols", bool(found.plannable), _protocols(found)),
        _at_will("Closures", _things("closures"), _count(found.closures, "closure", "to come")),
        _at_will("Absences", _things("absences"), _count(found.absences, "absence", "to come")),
        Step("Messages", reverse("setup-wordings"), *_messages(found)),
        Step(
            "First course",
            reverse("book"),
            DONE if found.courses else OPEN,
            () if found.courses else ("None booked yet",),
        ),
    ]


def _step(title: str, to: str, done: bool, missing: tuple[str, ...], notes: tuple[str, ...] = ()) -> Step:
    address = reverse(to) if to.startswith("setup-") else _things(to)
    if not done:
        return Step(title, address, OPEN, missing)
    return Step(title, address, LATER if notes else DONE, notes)


def _protocols(found: Progress) -> tuple[str, ...]:
    if not found.protocols:
        return ("No protocol that can be planned is in use",)
    return ("None of the protocols in use can be booked at any site yet: see below",)


def _things(noun: str) -> str:
    return reverse("setup-things", kwargs={"noun": noun})


def _at_will(title: str, address: str, told: str) -> Step:
    """What no first course waits for."""
    return Step(title, address, AT_WILL, (told,))


def _count(number: int, one: str, which: str) -> str:
    return f"{number or 'No'} {one if number == 1 else f'{one}s'} {which}"


def _messages(found: Progress) -> tuple[Badge, tuple[str, ...]]:
    if found.refused_wordings:
        told = _count(found.refused_wordings, "wording", "of yours cannot be sent; the built-in words go")
        return LATER, (told,)
    own = found.own_wordings
    return AT_WILL, (_count(own, "text", "in your own words") if own else "All in the built-in words",)
