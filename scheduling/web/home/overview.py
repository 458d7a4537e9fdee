"""The overview: today at each site, what is open for this person, and the way to a patient."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions, work
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.models import Site, WorkItem
from clinic.practice.web import actors, pages, times
from scheduling.booking.writing import releasing
from scheduling.planning import windows
from scheduling.web import forms, queries, reasons, story, words
from scheduling.web.book import newcomers
from scheduling.web.home import tallies
from scheduling.web.words import Badge

ENOUGH = 2
# So many sites are told of, the person's own first; all of them are on the day.
SITES = 12


@dataclass(frozen=True, slots=True)
class Following:
    """The next day with visits: its roster, its name, and how many."""

    address: str
    day: str
    total: int


@dataclass(frozen=True, slots=True)
class SiteToday:
    site: Site
    address: str
    day: str
    clock: str
    total: int
    following: Following | None
    counts: tuple[tuple[Badge, int], ...]


@dataclass(frozen=True, slots=True)
class Task:
    id: UUID
    what: str
    who: str
    reason: str
    since: str
    course: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Found:
    id: UUID
    name: str
    born: str
    site: str
    courses: tuple[tuple[str, str, Badge], ...]
    visits: tuple[tuple[str, str, Badge], ...]


@pages.staff_page("GET", "HEAD")
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    now = timezone.now()
    own = actors.staff_of(request).home_site_id
    sites = sorted(places.sites(actor=actor), key=lambda site: (site.pk != own, site.name))
    tasks, count = queries.tasks(actor=actor, now=now)
    context = {
        "sites": _today(actor, sites[:SITES], now),
        "more_sites": max(len(sites) - SITES, 0),
        "gaps": queries.flagged_counts(actor=actor, now=now),
        "severities": words.SEVERITIES,
        "tasks": _tasks(actor, tasks, now),
        "tasks_count": count,
        "may_read_log": permissions.allows(actor=actor, capability="access_log.read"),
        "today": times.long_day(windows.local_day(zone=sites[0].time_zone, instant=now)) if sites else "",
    }
    shown = [item.patient_id for item in tasks]
    return pages.show(request, "scheduling/overview.html", context, here="overview", patients=shown)


def _today(actor: Actor, sites: list[Site], now: datetime) -> list[SiteToday]:
    days = {site.pk: windows.local_day(zone=site.time_zone, instant=now) for site in sites}
    counted = tallies.of_days(actor=actor, days=days)
    idle = {site_id: day for site_id, day in days.items() if not counted[site_id]}
    following = tallies.next_busy(actor=actor, after=idle)
    return [_site_today(site, days[site.pk], counted[site.pk], following.get(site.pk), now) for site in sites]


def _site_today(
    site: Site, day: date, counts: dict[str, int], following: tuple[date, int] | None, now: datetime
) -> SiteToday:
    return SiteToday(
        site=site,
        address=f"{reverse('roster')}?site={site.pk}",
        day=times.short_day(day),
        clock=times.moment(now, site.time_zone).clock,
        total=sum(counts.values()),
        following=_following(site, *following) if following else None,
        counts=tuple((badge, counts[status]) for status, badge in words.STATUSES.items() if status in counts),
    )


def _following(site: Site, day: date, total: int) -> Following:
    address = f"{reverse('roster')}?site={site.pk}&date={day.isoformat()}"
    return Following(address=address, day=times.short_day(day), total=total)


def _where(item: WorkItem, course: UUID | None) -> str:
    """The page on which it is done."""
    if item.subject_kind == "thread":
        return reverse("inbox-thread", kwargs={"thread_id": item.subject_id})
    if item.kind == releasing.PLACE_FREE_ITEM:
        return f"{reverse('waitlist')}?visit={item.subject_id}"
    return reverse("course", kwargs={"course_id": course}) if course else ""


def _tasks(actor: Actor, items: list[WorkItem], now: datetime) -> list[Task]:
    courses = queries.course_of_subject(actor=actor, items=items)
    people = queries.names_of_patients(
        actor=actor, ids=[item.patient_id for item in items if item.patient_id]
    )
    found = []
    for item in items:
        course = courses.get(item.subject_id)
        found.append(
            Task(
                id=item.pk,
                what=story.WORK.get(item.kind) or words.sentence(item.kind),
                who=people.get(item.patient_id, "") if item.patient_id else "",
                reason=reasons.why(item.reason),
                since=times.length(now - item.due_at),
                course=_where(item, course),
                urgent=item.kind in work.URGENT,
            )
        )
    return found


@pages.staff_page("POST")
def task_done(request: HttpRequest, actor: Actor, item_id: UUID) -> HttpResponse:
    """Say that a task is done."""
    work.done(actor=actor, item_id=item_id, now=timezone.now())
    messages.success(request, "Done.")
    return pages.done(pages.back_to(request, reverse("overview")))


@pages.staff_page("GET", "HEAD", "POST")
def search(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Patients by name. A POST, though it changes nothing: no name stands in an address (ASVS 14.2.1)."""
    name, reason = request.POST.get("name", "")[: forms.LONGEST], ""
    found: list[Found] = []
    shown: list[UUID] = []
    cut = False
    try:
        name = forms.text(request, "name", longest=100)
        if name:
            found, shown, cut = _find(actor, name, timezone.now())
    except DomainError as error:
        reason = pages.refusal(request, form="search", error=error).reasons[0]
    asks = {"may_book": "courses.book", "may_visit": "appointments.book", "may_write": "patients.write"}
    may = {name: permissions.allows(actor=actor, capability=needed) for name, needed in asks.items()}
    context = {"name": name, "reason": reason, "found": found, "cut": cut, "limit": queries.MATCHES}
    context |= {**may, "start": newcomers.start(request)}
    status = 422 if reason else 200
    # The list alone is swapped in while somebody types; without a script the form brings the whole page.
    if request.headers.get("HX-Request") == "true":
        context["fragment"] = True
        return pages.show(request, "scheduling/_found.html", context, here="search", patients=shown)
    page = "scheduling/search.html"
    return pages.show(request, page, context, here="search", patients=shown, status=status)


def _find(actor: Actor, name: str, now: datetime) -> tuple[list[Found], list[UUID], bool]:
    if len(name) < ENOUGH:
        raise Invalid({"name": ["Type at least two letters."]})
    patients = queries.find_patients(actor=actor, name=name)
    cut = len(patients) > queries.MATCHES
    patients = patients[: queries.MATCHES]
    ids = [one.pk for one in patients]
    courses = queries.courses_of(actor=actor, patient_ids=ids)
    coming = queries.coming_of(actor=actor, patient_ids=ids, now=now)
    found = [
        Found(
            id=one.pk,
            name=str(one),
            born=f"{one.birth_date:%-d %b %Y}",
            site=one.site.name,
            courses=tuple(
                (
                    reverse("course", kwargs={"course_id": course.pk}),
                    course.protocol_version.name,
                    words.COURSES[course.status],
                )
                for course in courses.get(one.pk, ())
            ),
            visits=tuple(
                (
                    reverse("visit", kwargs={"visit_id": visit.pk}),
                    f"{words.KINDS[visit.kind]}, {times.moment(visit.start, visit.time_zone)}",
                    words.STATUSES[visit.status],
                )
                for visit in coming.get(one.pk, ())
            ),
        )
        for one in patients
    ]
    return found, ids, cut
