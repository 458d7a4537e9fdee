"""A visit in a patient's words: dates and hours in their language, in the clinic's time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from django.http import HttpRequest

from scheduling.booking.own import own_next, own_offer
from scheduling.booking.own.own_measures import Due
from scheduling.booking.own.own_slots import Day
from scheduling.booking.own.own_visit import Front, Whole
from scheduling.reasons import BY_PATIENTS
from scheduling.web.patient import words

# So many visits to come stand open; a long course would hide what is below it.
NEXT = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """`iso` is for machines, the rest for people."""

    iso: str
    day: str
    clock: str


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    at: Moment
    over: bool
    this: bool


@dataclass(frozen=True, slots=True)
class AskedLine:
    """One set of questions: `state` is how far it is, `elsewhere` that it is in another language."""

    number: int
    name: str
    state: str
    sent: bool
    begun: bool
    elsewhere: str


@dataclass(frozen=True, slots=True)
class DayLine:
    day: str
    times: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A time to choose: how one meets where that is not at the practice, and whether it is with somebody whom
    the patient knows."""

    at: Moment
    meeting: str
    known: bool


@dataclass(frozen=True, slots=True)
class ChoiceDay:
    day: str
    times: tuple[Choice, ...]


def language_of(request: HttpRequest, record: str) -> str:
    """What the page's own switch says, else what is on file."""
    wanted = request.GET.get("lang", "")
    return wanted if wanted in words.LANGUAGES else record if record in words.LANGUAGES else "en"


def day(of: date, language: str) -> str:
    """`Tuesday 3 March`, `martes 3 de marzo`."""
    weekday, month = words.DAYS[language][of.weekday()], words.MONTHS[language][of.month - 1]
    return words.DATE[language].format(weekday=weekday, day=of.day, month=month)


def moment(instant: datetime, zone: str, language: str) -> Moment:
    local = instant.astimezone(ZoneInfo(zone))
    return Moment(
        iso=local.isoformat(timespec="minutes"), day=day(local.date(), language), clock=f"{local:%H:%M}"
    )


def zone(of: str, instant: datetime | None, language: str) -> str:
    """`New York time (EDT)`."""
    if instant is None:
        return ""
    place = of.rpartition("/")[2].replace("_", " ")
    name = instant.astimezone(ZoneInfo(of)).tzname()
    return words.WORDS[language]["zone"].format(place=place, name=name)


def readable(phone: str) -> str:
    """A telephone number as people read it out; what is none stays as it is."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def length(minutes: int, told: Mapping[str, str]) -> str:
    """`6 hours`, `1 hour`, `30 minutes`."""
    hours, rest = divmod(minutes, 60)
    if rest:
        return told["minutes"].format(count=minutes)
    return told["hour"] if hours == 1 else told["hours"].format(count=hours)


def of_front(front: Front, language: str) -> dict[str, object]:
    """What the page needs before any proof."""
    told = words.WORDS[language]
    return {
        "front": front,
        "expects": told["expects"].format(clinic=front.clinic),
        "at": moment(front.start, front.zone, language) if front.start else None,
        "zone": zone(front.zone, front.start, language),
        "phone": readable(front.phone),
    }


def of_whole(whole: Whole, front: Front, language: str) -> dict[str, object]:
    """What it needs besides, after it."""
    told = words.WORDS[language]
    numbered = told["visit_of"].format
    total = len(whole.lines)
    lines = [
        Line(one.number, moment(one.start, front.zone, language), one.over, one.this) for one in whole.lines
    ]
    return {
        "whole": whole,
        "until": moment(whole.end, front.zone, language),
        "visit_of": numbered(number=whole.number, total=total) if total > 1 and whole.number else "",
        "lines": lines,
        "next_lines": [one for one in lines if not one.over][:NEXT],
        "meeting": {"video": told["by_video"], "phone": told["by_phone"]}.get(whole.mode, ""),
        "without": [
            told[what].format(length=length(minutes, told)) for what, minutes in whole.preparation.without
        ],
        "ride_said": told["ride_said"].format(name=whole.ride.name) if whole.ride else "",
        "reaches": [(channel, told[channel], on) for channel, on in whole.reaches.items()],
        "reasons": [(code, told[f"reason_{code}"]) for code in BY_PATIENTS],
    }


def of_days(days: list[Day], zone: str, language: str) -> list[DayLine]:
    return [
        DayLine(day(one.day, language), tuple(moment(start, zone, language) for start in one.starts))
        for one in days
    ]


def of_offer(front: own_offer.Front, language: str) -> dict[str, object]:
    """A place that is kept, and for how long."""
    until = moment(front.until, front.zone, language) if front.until else None
    told = words.WORDS[language]["offer_until"]
    return {
        "front": front,
        "phone": readable(front.phone),
        "at": moment(front.start, front.zone, language) if front.start else None,
        "zone": zone(front.zone, front.start, language),
        "until": told.format(day=until.day, clock=until.clock) if until else "",
    }


def of_choice(days: list[own_next.Day], where: str, language: str) -> dict[str, object]:
    """The times to choose from: each with what is known of it besides."""
    told = words.WORDS[language]
    meeting = {"video": told["by_video"], "phone": told["by_phone"]}
    # Marked where it tells one time from another.
    marked = {each.familiar for one in days for each in one.times} == {True, False}
    return {
        "days": [
            ChoiceDay(
                day(one.day, language),
                tuple(
                    Choice(
                        moment(each.start, where, language),
                        meeting.get(each.mode, ""),
                        marked and each.familiar,
                    )
                    for each in one.times
                ),
            )
            for one in days
        ],
        "known": marked,
        "zone": zone(where, days[0].times[0].start, language) if days else "",
    }


def of_asked(asked: Sequence[Due], language: str) -> list[AskedLine]:
    told = words.WORDS[language]
    return [
        AskedLine(
            number=one.instrument.number,
            name=told["questions_count"].format(count=one.instrument.length),
            state=told["questions_sent"]
            if one.sent
            else told["questions_begun"].format(done=one.answered, count=one.instrument.length)
            if one.answered
            else "",
            sent=one.sent,
            begun=bool(one.answered),
            elsewhere="" if one.instrument.told_in(language) == language else told["questions_english"],
        )
        for one in asked
    ]
