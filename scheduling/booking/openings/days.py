"""Reading time: one day's roster, what is free, and how much room a follow-up unit has left."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Sum

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Site
from patients import queries as patients
from scheduling.booking.openings import slots
from scheduling.booking.reading import fetched, queries, rows
from scheduling.models import Appointment, GroupSession
from scheduling.planning import windows
from scheduling.planning.values import Span
from scheduling.roster import availability, rosters
from scheduling.roster.rosters import Roster

# A calendar that somebody looks at; a longer one is asked for in parts.
LONGEST = timedelta(days=35)
BECAUSE = {
    "void": "Every dose of this unit was cancelled, missed, displaced or entered in error.",
    "waived": "Somebody permitted said that no follow-up is needed.",
    "closed": "The follow-up took place.",
    "covered": "The follow-up is booked inside the window.",
    "prospective": "The window has not closed, and no follow-up is booked in it.",
    "open": "The window has closed without the follow-up; the grace is running.",
    "lapsed": "The grace has run out without the follow-up.",
}


# --- the roster -----------------------------------------------------------------------------------------
def site_day(*, actor: Actor, site_id: UUID, day: date) -> rows.RosterDay:
    """Who works at a site on one of its local days, and every visit of that day. Raises NotFound."""
    return site_days(actor=actor, site_id=site_id, days=[day])[0]


def site_days(
    *, actor: Actor, site_id: UUID, days: Sequence[date], **whose: UUID
) -> tuple[rows.RosterDay, ...]:
    """Several days of a site, in the same few statements as one; with `person` or `room` their visits alone.
    Raises NotFound.
    """
    permissions.check(actor=actor, capability="roster.read")
    roster = rosters.of(practice_id=actor.practice_id)
    site = roster.site(site_id)
    of_day: dict[date, list[rows.Visit]] = {day: [] for day in days}
    when: dict[str, Any] = {"day": days[0]} if len(days) == 1 else {"days": list(days)}
    for visit in fetched.visits(actor=actor, site=site_id, **when, **whose):
        day = windows.local_day(zone=visit.time_zone, instant=visit.start)
        # Where a zone's rules have changed since, the stored day is not the clock's: it is not lost for that.
        of_day[day if day in of_day else days[0]].append(visit)
    return tuple(_site_day(roster, site, day, tuple(visits)) for day, visits in of_day.items())


def _site_day(roster: Roster, site: Site, day: date, visits: tuple[rows.Visit, ...]) -> rows.RosterDay:
    span = windows.day_bounds(zone=site.time_zone, day=day)
    working = availability.working(roster=roster, site_id=site.pk, span=span)
    people = {id: roster.people[id].display_name for id in working if id in roster.people}
    # Also whoever has a visit without a shift, or works here no more.
    people |= {person.id: person.name for visit in visits for person in visit.practitioners}
    of_person: dict[UUID, list[rows.Visit]] = defaultdict(list)
    for visit in visits:
        for id in {person.id for person in visit.practitioners}:
            of_person[id].append(visit)
    lines = (
        rows.RosterLine(
            rows.Named(id, name),
            _on(working.get(id, ()), span),
            tuple(of_person[id]),
            tuple(roster.people[id].roles) if id in roster.people else (),
        )
        for id, name in people.items()
    )
    shut = [one for one in roster.closures.get(site.pk, ()) if one.room_id is None]
    return rows.RosterDay(
        day=day,
        time_zone=site.time_zone,
        site=rows.Named(site.pk, site.name),
        lines=tuple(sorted(lines, key=lambda line: line.practitioner.name)),
        visits=visits,
        closures=_on(
            (Span(one.starts_at, one.ends_at) for one in sorted(shut, key=lambda one: one.starts_at)), span
        ),
        rooms=_rooms(roster, site, span),
    )


def _rooms(roster: Roster, site: Site, span: Span) -> tuple[rows.RoomLine, ...]:
    opened = availability.rooms_open(roster=roster, site_id=site.pk, span=span)
    lines = (
        rows.RoomLine(rows.Place(id, roster.rooms[id].name, roster.rooms[id].kind), _on(spans, span))
        for id, spans in opened.items()
    )
    return tuple(sorted(lines, key=lambda line: (line.room.kind, line.room.name)))


def mark(*, actor: Actor, site_id: UUID, days: Sequence[date]) -> str:
    """A text that differs whenever a visit or a group session of these days, a follow-up unit of its doses
    or the practice's roster has changed: what a page that stands open asks every few seconds, without reading
    the day again.
    """
    permissions.check(actor=actor, capability="roster.read")
    roster = rosters.of(practice_id=actor.practice_id)
    zone = roster.site(site_id).time_zone
    of_days = Appointment.objects.filter(
        practice_id=actor.practice_id, site_id=site_id, local_date__in=list(days)
    )
    seen = of_days.aggregate(visits=Count("pk"), changed=Max("updated_at"), owed=Max("unit__gap__updated_at"))
    # A session takes people and a room before anybody joins; who joins is a visit.
    groups = GroupSession.objects.filter(
        site_id=site_id,
        start__lt=windows.day_bounds(zone=zone, day=max(days)).end,
        end__gt=windows.day_start(zone=zone, day=min(days)),
    ).aggregate(sessions=Count("pk"), seats=Sum("places"), last=Max("start"))
    told = (roster.stamp, *seen.values(), *groups.values())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def practitioner_day(*, actor: Actor, practitioner_id: UUID, day: date) -> rows.RosterDay:
    """One person's day, at whichever sites they work. Raises NotFound."""
    permissions.check(actor=actor, capability="roster.read")
    person = places.practitioner(actor=actor, staff_id=practitioner_id)
    sites = places.sites(actor=actor)
    home = person.home_site or sites.filter(shifts__staff=person).first()
    zone = home.time_zone if home else "UTC"
    span = windows.day_bounds(zone=zone, day=day)
    roster = rosters.of(practice_id=actor.practice_id)
    working: list[Span] = []
    for site in sites.filter(shifts__staff=person).distinct():
        shifts = availability.working(roster=roster, site_id=site.pk, span=span)
        working += shifts.get(person.pk, ())
    of_day = Appointment.objects.filter(practice_id=actor.practice_id, local_date=day)
    theirs = queries.with_practitioner(of_day, person.pk).values_list("pk", flat=True)
    visits = fetched.visits(actor=actor, ids=list(theirs[: fetched.WHOLE]))
    line = rows.RosterLine(
        rows.Named(person.pk, person.display_name),
        _on(sorted(working, key=lambda one: one.start), span),
        visits,
    )
    return rows.RosterDay(day=day, time_zone=zone, site=None, lines=(line,), visits=visits, closures=())


def today(*, actor: Actor, now: datetime, site_id: UUID | None, practitioner_id: UUID | None) -> date:
    """The local day that it is now at the site, or at the person's home site."""
    site: Site | None = None
    if site_id:
        site = places.site(actor=actor, site_id=site_id)
    elif practitioner_id:
        site = places.practitioner(actor=actor, staff_id=practitioner_id).home_site
    return windows.local_day(zone=site.time_zone if site else "UTC", instant=now)


def _on(spans: Iterable[Span], within: Span) -> tuple[rows.Interval, ...]:
    """The spans' parts that lie within."""
    return tuple(
        rows.Interval(max(one.start, within.start), min(one.end, within.end))
        for one in spans
        if one.start < within.end and within.start < one.end
    )


# --- what is free ---------------------------------------------------------------------------------------
def free_time(
    *,
    actor: Actor,
    start_from: datetime,
    start_before: datetime,
    now: datetime,
    site_id: UUID | None = None,
    practitioner_id: UUID | None = None,
    room_id: UUID | None = None,
    patient_id: UUID | None = None,
    minutes: int = 1,
) -> rows.FreeTime:
    """When everybody and everything named is free together. Without a site: the room's, the person's or the
    patient's.

    Raises Invalid for a span that is empty or longer than 35 days, or when there is no site to look at;
    NotFound.
    """
    permissions.check(actor=actor, capability="availability.read")
    if not timedelta(0) < start_before - start_from <= LONGEST:
        raise Invalid({"start_before": ["Must be later than start_from, by 35 days at most."]})
    site = _site_of(actor, site_id, room_id, practitioner_id, patient_id)
    found = availability.free(
        actor=actor,
        site_id=site.pk,
        span=Span(start_from, start_before),
        now=now,
        practitioner_id=practitioner_id,
        room_id=room_id,
        patient_id=patient_id,
        minutes=minutes,
    )
    intervals = tuple(rows.Interval(one.start, one.end) for one in found)
    return rows.FreeTime(rows.Named(site.pk, site.name), site.time_zone, intervals)


def _site_of(
    actor: Actor,
    site_id: UUID | None,
    room_id: UUID | None,
    practitioner_id: UUID | None,
    patient_id: UUID | None,
) -> Site:
    if site_id:
        return places.site(actor=actor, site_id=site_id)
    if room_id:
        return places.room(actor=actor, room_id=room_id).site
    if practitioner_id and (home := places.practitioner(actor=actor, staff_id=practitioner_id).home_site):
        return home
    if patient_id:
        return patients.patient(actor=actor, patient_id=patient_id).site
    raise Invalid({"site": ["Name a site, a room, a patient, or a practitioner who has a home site."]})


# --- room left for a follow-up ---------------------------------------------------------------------------
def explain(*, actor: Actor, gap_id: UUID, now: datetime) -> rows.Explanation:
    """Why a follow-up unit is as it is, the visits that it counts, and how many starts still fit. Raises
    NotFound.
    """
    gap = queries.gap(actor=actor, gap_id=gap_id)
    visits = fetched.visits(actor=actor, ids=[*gap.doses, *gap.visits])
    words = [BECAUSE[gap.status]]
    if gap.late:
        words.append("It took place in the grace, so it is late.")
    if gap.booked_late:
        words.append("A visit is booked in the grace.")
    if gap.attendance_unrecorded:
        words.append(
            "A visit has ended and nobody recorded whether the patient came: it does not count until then."
        )
    if gap.attended_after:
        words.append("The patient came after the grace.")
    if gap.review_needed:
        words.append("The dose ended at another time than planned: look at it again.")
    return rows.Explanation(
        gap=gap,
        because=" ".join(words),
        doses=tuple(visit for visit in visits if visit.id in gap.doses),
        visits=tuple(visit for visit in visits if visit.id in gap.visits),
        slots_left=slots.count(actor=actor, gap_id=gap_id, now=now),
    )
