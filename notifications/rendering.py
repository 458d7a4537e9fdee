"""From facts to text: one template a kind, language and channel; times in the clinic's zone, in neutral words
(R-02).
"""

import dataclasses
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template import Context, Engine, Template

from notifications import neutral
from notifications.ports import Facts, Visit

LANGUAGES = ("en", "es")
FOLDER = Path(__file__).resolve().parent / "templates" / "messages"
# Abbreviations that an SMS can carry: á and í are not GSM-7 and would cut a message to 70 characters.
_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "es": ("lun", "mar", "mie", "jue", "vie", "sab", "dom"),
}
_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The finished text. SMS has neither subject nor HTML."""

    text: str
    subject: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads it and who writes: language, the reader's zone, and the practice's neutral name."""

    language: str
    zone: str
    clinic: str


def render(*, kind: str, channel: str, reader: Reader, facts: Facts) -> Rendered:
    """Fill the template. Raises django.template.TemplateDoesNotExist for a kind without this channel."""
    language = reader.language if reader.language in LANGUAGES else LANGUAGES[0]
    if channel == "sms":
        return Rendered(text=_sms(kind, language, reader, facts))
    values = _values(language, reader, facts, shown=len(facts.visits))
    raw = template(f"{language}/{kind}.email.txt").render(_plain_context(values))
    head, _, body = raw.partition("\n")
    subject = head.removeprefix("Subject:").strip()
    text = re.sub(r"\n{3,}", "\n\n", body.strip()) + "\n"
    paragraphs = text.strip().split("\n\n")
    html = template("email.html").render(
        Context({"language": language, "subject": subject, "paragraphs": paragraphs})
    )
    return Rendered(text=text, subject=subject, html=html)


def local_time(*, visit: Visit, language: str, reader_zone: str) -> str:
    """The clinic's wall time, such as `Tue 3 Mar 10:00`; the zone is named when the reader's clock differs
    then.
    """
    wall = visit.start.astimezone(ZoneInfo(visit.zone))
    words = f"{_DAYS[language][wall.weekday()]} {wall.day} {_MONTHS[language][wall.month - 1]} {wall:%H:%M}"
    if wall.utcoffset() == visit.start.astimezone(ZoneInfo(reader_zone)).utcoffset():
        return words
    return f"{words} ({zone_name(wall)})"


def zone_name(wall: datetime) -> str:
    """`EST`, or `UTC-03:00` where the zone has no letters of its own."""
    name = wall.tzname() or ""
    return name if name.isalpha() else f"UTC{wall.isoformat()[-6:]}"


def _sms(kind: str, language: str, reader: Reader, facts: Facts) -> str:
    """As many of the visits as one segment holds, at least the first. Rather fewer visits than no link, and
    rather no link than nobody to call (R-06)."""
    source = template(f"{language}/{kind}.sms.txt")
    text = ""
    for told in dict.fromkeys((facts, dataclasses.replace(facts, link=""))):
        for shown in range(max(len(told.visits), 1), 0, -1):
            values = _values(language, reader, told, shown=shown)
            text = neutral.to_gsm7(source.render(_plain_context(values)).strip())
            if neutral.segments(text) == 1:
                return text
    return text


def _values(language: str, reader: Reader, facts: Facts, *, shown: int) -> dict[str, object]:
    times = [local_time(visit=each, language=language, reader_zone=reader.zone) for each in facts.visits]
    more = len(times) - shown
    places = {visit.place for visit in facts.visits if visit.place}
    return {
        "clinic": reader.clinic,
        "phone": facts.phone,
        "list": times,
        "times": ", ".join(times[:shown]) + (f" (+{more})" if more > 0 else ""),
        "several": len(times) > 1,
        "first": times[0] if times else "",
        "total": len(times),
        "place": places.pop() if len(places) == 1 else "",
        "count": facts.count,
        "link": facts.link,
        "home": settings.PUBLIC_URL,
    }


def _plain_context(values: dict[str, object]) -> Context:
    # Escaping would print &amp; on a lock screen.
    return Context(values, autoescape=False)


@cache
def template(name: str) -> Template:
    return Engine(dirs=[str(FOLDER)]).get_template(name)
