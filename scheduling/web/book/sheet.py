"""What was just booked, and the one page of it that the patient keeps: when, how long, where, whom to call.

R-02: the page says what a message may say. It can lie on a kitchen table.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError
from clinic.practice.models import Practice, Site
from clinic.practice.web import pages, times
from patients.models import Patient
from scheduling.booking.course import sheets
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.web import forms, queries
from scheduling.web.course import courses, timeline

COMING = ("booked", "confirmed")
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "es": (
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
}
WORDS = {
    "en": {
        "title": "Your visits",
        "for": "For",
        "day": "Day",
        "time": "Time",
        "place": "Where",
        "to": "to",
        "video": "by video",
        "phone_call": "by phone",
        "questions": "Questions or changes",
        "zone": "All times are in",
        "change": "If you cannot come, please call as early as you can: another time is found together.",
        "printed": "As of",
    },
    "es": {
        "title": "Sus visitas",
        "for": "Para",
        "day": "Día",
        "time": "Hora",
        "place": "Dónde",
        "to": "a",
        "video": "por video",
        "phone_call": "por teléfono",
        "questions": "Preguntas o cambios",
        "zone": "Todas las horas son de",
        "change": "Si no puede venir, llame lo antes posible: juntos buscamos otra hora.",
        "printed": "Actualizado el",
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    """One visit as the patient reads it."""

    day: str
    time: str
    place: str
    iso: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The page to keep, in the patient's language."""

    language: str
    words: dict[str, str]
    clinic: str
    name: str
    address: str
    phone: str
    zone: str
    printed: str
    lines: tuple[Line, ...]


@pages.staff_page("GET", "HEAD")
def done(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    """What is booked, to be printed or mailed."""
    return _page(request, actor, course_id, None)


@pages.staff_page("POST")
def mail(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    """Mail the list of visits to the patient."""
    try:
        key = forms.once(request, actor, what=f"mail:{course_id}")
        sheets.mail(actor=actor, course_id=course_id, now=timezone.now(), key=key)
    except DomainError as error:
        return _page(request, actor, course_id, pages.refusal(request, form="mail", error=error))
    messages.success(request, "It is on its way: it leaves in about three minutes.")
    return pages.done(reverse("booked", kwargs={"course_id": course_id}))


def _page(request: HttpRequest, actor: Actor, course_id: UUID, refusal: pages.Refusal | None) -> HttpResponse:
    now = timezone.now()
    whole = booked.course(actor=actor, course_id=course_id)
    patient = queries.patient(actor=actor, patient_id=whole.course.patient.id)
    site = places.site(actor=actor, site_id=whole.course.site.id)
    zone = whole.course.time_zone
    context = {
        "course": whole.course,
        "sheet": _sheet(whole, patient, site, places.practice(actor=actor), now),
        "drawing": timeline.draw(zone=zone, visits=whole.visits, gaps=whole.gaps, now=now),
        "summary": courses.summary(whole),
        "refusal": refusal,
        "email": any(one.channel == "email" for one in getattr(patient, "addresses", ())),
        "may_mail": permissions.allows(actor=actor, capability=sheets.CAPABILITY),
        "key": forms.page_key(request),
    }
    template, patients = "scheduling/booked.html", [patient.pk]
    status = refusal.status if refusal else 200
    return pages.show(request, template, context, here="book", patients=patients, status=status)


def _sheet(whole: rows.WholeCourse, patient: Patient, site: Site, practice: Practice, now: datetime) -> Sheet:
    language = patient.language if patient.language in WORDS else "en"
    zone = whole.course.time_zone
    coming = [one for one in whole.visits if one.status in COMING and one.end > now]
    return Sheet(
        language=language,
        words=WORDS[language],
        clinic=practice.message_name,
        name=str(patient),
        address=site.address,
        phone=site.phone or practice.phone,
        zone=times.zone_words(coming[0].start if coming else now, zone),
        printed=_day(now.astimezone(ZoneInfo(zone)).date(), language),
        lines=tuple(_line(one, site, language) for one in coming),
    )


def _line(visit: rows.Visit, site: Site, language: str) -> Line:
    zone, told = ZoneInfo(visit.time_zone), WORDS[language]
    start, end = visit.start.astimezone(zone), visit.end.astimezone(zone)
    place = {"video": told["video"], "phone": told["phone_call"]}.get(visit.mode, "")
    return Line(
        day=_day(start.date(), language),
        time=f"{start:%H:%M} {told['to']} {end:%H:%M}",
        place=place or visit.site.name,
        iso=start.isoformat(timespec="minutes"),
    )


def _day(day: date, language: str) -> str:
    weekday, month = DAYS[language][day.weekday()], MONTHS[language][day.month - 1]
    if language == "es":
        return f"{weekday} {day.day} de {month} de {day.year}"
    return f"{weekday} {day.day} {month} {day.year}"
