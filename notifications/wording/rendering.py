"""From facts to text: the practice's own words or the built-in ones; times in the clinic's zone, in neutral
words (R-02).
"""

import dataclasses
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template import Context, Engine
from django.template import Template as HtmlTemplate

from notifications import neutral
from notifications.planning.ports import Facts, Visit
from notifications.wording import placeholders, texts
from notifications.wording.placeholders import Template
from notifications.wording.texts import Which, Words

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
    """Who reads it and who writes: language, the reader's zone, and the practice's neutral name. `heard`:
    what they answer is read.
    """

    language: str
    zone: str
    clinic: str
    heard: bool = False


def render(*, kind: str, channel: str, reader: Reader, facts: Facts, words: Words | None = None) -> Rendered:
    """Fill a practice's own `words`, or else the built-in ones.

    Raises FileNotFoundError for a kind without this channel, Unreadable and KeyError for words that
    `checking` refuses.
    """
    language = reader.language if reader.language in texts.LANGUAGES else texts.LANGUAGES[0]
    said = words or texts.builtin(Which(str(kind), language, channel))
    body = placeholders.parse(said.body)
    if channel == "sms":
        return Rendered(text=_sms(body, language, reader, facts))
    values = _values(channel, language, reader, facts)
    text = re.sub(r"\n{3,}", "\n\n", body.fill(values).strip()) + "\n"
    subject = " ".join(placeholders.parse(said.subject).fill(values).split())
    paragraphs = text.strip().split("\n\n")
    html = _letter().render(Context({"language": language, "subject": subject, "paragraphs": paragraphs}))
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


def _sms(body: Template, language: str, reader: Reader, facts: Facts) -> str:
    """As many of the visits as fit, at least the first. Rather not asking for a reply than fewer visits,
    rather fewer visits than no link, and rather no link than nobody to call (R-06).
    """

    def filled(told: Facts, shown: int, reader: Reader = reader) -> str:
        return neutral.to_gsm7(body.fill(_values("sms", language, reader, told, shown=shown)).strip())

    # Words outside GSM-7 may need several parts even for one visit; more visits cost no further part.
    dense = neutral.is_gsm7(neutral.to_gsm7(body.literal))
    parts = 1 if dense else neutral.segments(filled(facts, 1))
    text = ""
    unheard, without = dataclasses.replace(reader, heard=False), dataclasses.replace(facts, link="")
    ways = ((told, asked) for told in (facts, without) for asked in (reader, unheard))
    for told, asked in dict.fromkeys(ways):
        for shown in range(max(len(told.visits), 1), 0, -1):
            text = filled(told, shown, asked)
            if neutral.segments(text) <= parts and neutral.length(text) <= neutral.MAX_SMS_CHARACTERS:
                return text
    return text


def _values(
    channel: str, language: str, reader: Reader, facts: Facts, *, shown: int | None = None
) -> dict[str, str | None]:
    """What each placeholder stands for; None for what is not known. Those of `texts.SILENT` say nothing: they
    choose.
    """
    times = [local_time(visit=each, language=language, reader_zone=reader.zone) for each in facts.visits]
    told = len(times) if shown is None else shown
    more = len(times) - told
    places = {visit.place for visit in facts.visits if visit.place}
    return {
        "clinic": reader.clinic,
        "phone": facts.phone or None,
        "stop": texts.STOP[channel, language],
        **texts.OURS[language],
        "list": "\n".join(f"- {time}" for time in times) or None,
        "times": ", ".join(times[:told]) + (f" (+{more})" if more > 0 else "") or None,
        "first": times[0] if times else None,
        "total": str(len(times)) if times else None,
        "several": "" if max(len(times), facts.count if not times else 0) > 1 else None,
        "reply": "" if reader.heard and channel == "sms" and len(times) == 1 else None,
        "place": places.pop() if len(places) == 1 else None,
        "matters": "\n".join(f"- {one}" for one in facts.matters) or None,
        "count": str(facts.count) if facts.count else None,
        "link": facts.link or None,
        "until": _until(facts),
        "home": settings.PUBLIC_URL,
        "text": facts.text or None,
    }


def _until(facts: Facts) -> str | None:
    """The clinic's clock, `14:00`: nothing is kept for longer than a day."""
    if facts.until is None or not facts.visits:
        return None
    return f"{facts.until.astimezone(ZoneInfo(facts.visits[0].zone)):%H:%M}"


@cache
def _letter() -> HtmlTemplate:
    return Engine(dirs=[str(texts.FOLDER)]).get_template("email.html")
