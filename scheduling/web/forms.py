"""What people type, as values. A form that cannot be read is refused with the field's name."""

from datetime import date, datetime
from uuid import UUID, uuid4

from django.http import HttpRequest

from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.idempotency import Key
from scheduling.planning import windows
from scheduling.planning.windows import LocalGap, LocalOverlap

LONGEST = 300
TWICE = "The clocks show that time twice on that day: choose the first or the second."


def text(request: HttpRequest, name: str, *, longest: int = LONGEST) -> str:
    """A line of text without what a database or a page cannot hold; raises Invalid when it is too long."""
    value = request.POST.get(name, "").replace("\x00", "").strip()
    if len(value) > longest:
        raise Invalid({name: [f"At most {longest} characters."]})
    return value


def line(request: HttpRequest, name: str) -> str:
    """One line of text, however long: what was broken into lines is joined by spaces."""
    return " ".join(request.POST.get(name, "").replace("\x00", "").split())


def version(request: HttpRequest) -> int | None:
    """The version of the row that the page showed."""
    value = request.POST.get("version", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def local_time(request: HttpRequest, name: str, *, zone: str) -> datetime | None:
    """A `datetime-local` field as the site's clock means it; None when it was left empty. Raises as `instant`
    does."""
    return instant(request.POST.get(name, ""), fold=request.POST.get("fold", ""), name=name, zone=zone)


def instant(value: str, *, name: str, zone: str, fold: str = "") -> datetime | None:
    """A local time in words (`2026-05-04T10:30`) as the site's clock means it; None for blank.

    Raises Invalid for what is no time, for one that the clocks skip, and for one that comes twice until
    `fold` (`0`, `1`) says which.
    """
    value = value.strip()
    if not value:
        return None
    chosen = {"0": 0, "1": 1}.get(fold)
    try:
        wall = datetime.fromisoformat(value).replace(tzinfo=None)
        if not 2000 <= wall.year <= 2100:
            raise Invalid({name: ["A date between the years 2000 and 2100."]})
        return windows.resolve_local(zone=zone, wall=wall, fold=chosen)
    except LocalGap as gap:
        nearest = gap.nearest.astimezone(windows.load_zone(zone))
        raise Invalid({name: [f"The clocks skip that time; the next one is {nearest:%H:%M}."]}) from None
    except LocalOverlap:
        raise Invalid({name: [TWICE]}) from None
    except ValueError:
        raise Invalid({name: ["A date and a time, such as 2026-05-04T10:30."]}) from None


def day(value: str | None, *, default: date) -> date:
    """A day in an address; raises NotFound for what is no day that a calendar has."""
    return optional_day(value) or default


def optional_day(value: str | None) -> date | None:
    """The same, None when it is left out."""
    if not value:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise NotFound() from None
    if not 2000 <= found.year <= 2100:
        raise NotFound()
    return found


def uuid(value: str | None) -> UUID | None:
    """An id in an address; None when it is left out, NotFound when it is none."""
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise NotFound() from None


def page_key(request: HttpRequest) -> str:
    """The key that a page was given when it was made; a form that came without one gets one of its own."""
    try:
        return UUID(request.POST.get("key", "")).hex
    except ValueError:
        return uuid4().hex


def once(request: HttpRequest, actor: Actor, *, what: str) -> Key:
    """One effect of a form a page: a double click and a second sending find what the first one did."""
    return Key(scope=actor.ref, value=f"page:{page_key(request)}:{what}"[:255], fingerprint="page")
