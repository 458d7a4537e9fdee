"""Building the invented clinics through the use cases. What is there already stays as it is, so a second
run goes on.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q

from clinic.practice import actor as actors
from clinic.practice import directory, people, queries
from clinic.practice.actor import Actor
from clinic.practice.models import Closure, Practice, Room, Site, StaffMember
from scheduling.booking.moving import absences
from scheduling.booking.protocol import protocols
from scheduling.booking.visit import group_sessions
from scheduling.errors import SlotTaken
from scheduling.management.demo import plans
from scheduling.management.demo.credentials import Credentials
from scheduling.models import Absence, GroupSession, Shift
from scheduling.planning import windows
from scheduling.roster import recurrence, shifts

BEGAN = timedelta(weeks=26)
# Two a week, so that a follow-up finds one even where the series has taken the other.
GROUP_WEEKDAYS, GROUP_STARTS, GROUP_MINUTES, GROUP_PLACES = (2, 4), time(16), 90, 8
GROUP_AHEAD = timedelta(weeks=40)


@dataclass(slots=True)
class Built:
    """A practice with what was built of it, by name."""

    practice: Practice
    actor: Actor
    sites: dict[str, Site] = field(default_factory=dict)
    staff: dict[str, StaffMember] = field(default_factory=dict)

    def acting(self, *roles: str) -> Actor:
        """Somebody with the first of these roles that anybody here has."""
        for role in roles:
            for member in self.staff.values():
                if role in member.roles:
                    return queries.actor_of(staff=member)
        raise LookupError(f"nobody here is any of {', '.join(roles)}")


def build(*, plan: plans.PracticePlan, credentials: Credentials, now: datetime) -> Built:
    """The practice, its sites with rooms, its people with shifts, and the protocol library."""
    practice = Practice.objects.filter(name=plan.name).first() or directory.create_practice(
        name=plan.name,
        message_name=plan.message_name,
        phone=plan.phone,
        settings={"region": plan.region},
        now=now,
    )
    built = Built(practice=practice, actor=actors.system(practice_id=practice.pk))
    for site_plan in plan.sites:
        built.sites[site_plan.name] = _site(built, site_plan, now)
    for person_plan in plan.people:
        built.staff[person_plan.username] = _person(built, person_plan, credentials, now)
    for document in protocols.library():
        protocols.create(actor=built.actor, document=document, now=now)
    return built


def _site(built: Built, plan: plans.SitePlan, now: datetime) -> Site:
    site = Site.objects.filter(practice=built.practice, name=plan.name).first() or directory.create_site(
        actor=built.actor,
        name=plan.name,
        time_zone=plan.time_zone,
        phone=plan.phone,
        hours=[{"weekday": day, "opens": plan.hours[0], "closes": plan.hours[1]} for day in plans.WEEK],
        now=now,
    )
    known = set(Room.objects.filter(site=site).values_list("name", flat=True))
    for name, kind in plan.rooms:
        if name not in known:
            directory.create_room(actor=built.actor, site_id=site.pk, name=name, kind=kind, now=now)
    return site


def _person(built: Built, plan: plans.PersonPlan, credentials: Credentials, now: datetime) -> StaffMember:
    home = built.sites[plan.work[0].site] if plan.work else next(iter(built.sites.values()))
    member = StaffMember.objects.filter(username=plan.username).first()
    if member is None:
        member = people.create_staff_member(
            actor=built.actor,
            username=plan.username,
            given_name=plan.given_name,
            family_name=plans.FAMILY_NAME,
            email=f"{plan.username}@example.com",
            roles=plan.roles,
            skills=plan.skills,
            home_site_id=home.pk,
            password=credentials.password_for_new(username=plan.username),
            now=now,
        )
    if not Shift.objects.filter(staff=member).exists():
        for work in plan.work:
            shifts.create_shift(
                actor=built.actor,
                staff_id=member.pk,
                site_id=built.sites[work.site].pk,
                weekdays=work.weekdays,
                starts=work.starts,
                ends=work.ends,
                breaks=[{"starts": work.pause[0], "ends": work.pause[1]}] if work.pause else [],
                valid_from=(now - BEGAN).date(),
                now=now,
            )
    return member


def close_and_leave(*, built: Built, now: datetime) -> None:
    """A holiday behind and one ahead, a chair under repair, and a therapist away for a week."""
    site = built.sites[plans.EAST]
    if Closure.objects.filter(site=site).exists():
        return
    today = windows.local_day(zone=site.time_zone, instant=now)
    for weeks in (-5, 4):
        day = _weekday_of(today + timedelta(weeks=weeks), 5)
        bounds = windows.day_bounds(zone=site.time_zone, day=day)
        directory.create_closure(
            actor=built.actor,
            site_id=site.pk,
            starts_at=bounds.start,
            ends_at=bounds.end,
            reason="Holiday",
            now=now,
        )
    chair = Room.objects.get(site=site, name="Chair 3")
    repair = windows.day_bounds(zone=site.time_zone, day=_weekday_of(today + timedelta(weeks=1), 2))
    directory.create_closure(
        actor=built.actor,
        site_id=site.pk,
        room_id=chair.pk,
        starts_at=repair.start,
        ends_at=repair.end,
        reason="Repair",
        now=now,
    )
    away = built.staff["therapist-2"]
    if not Absence.objects.filter(staff=away).exists():
        monday = _weekday_of(today + timedelta(weeks=2), 1)
        absences.create(
            actor=built.actor,
            staff_id=away.pk,
            starts_at=windows.day_bounds(zone=site.time_zone, day=monday).start,
            ends_at=windows.day_bounds(zone=site.time_zone, day=monday + timedelta(days=4)).end,
            reason="Leave",
            now=now,
        )


def weekly_groups(*, built: Built, now: datetime) -> None:
    """The weekly group sessions at the first site, from two weeks back to nine months ahead."""
    site = built.sites[plans.EAST]
    leader = built.staff["therapist"]
    room = Room.objects.get(site=site, kind="group_room")
    zone = site.time_zone
    day = windows.local_day(zone=zone, instant=now) - timedelta(weeks=2)
    last = windows.local_day(zone=zone, instant=now + GROUP_AHEAD)
    known = set(GroupSession.objects.filter(site=site).values_list("start", flat=True))
    shut = list(Closure.objects.filter(Q(room=None) | Q(room=room), site=site))
    while day <= last:
        start = recurrence.boundary(zone, day, GROUP_STARTS, False)
        end = start + timedelta(minutes=GROUP_MINUTES)
        closed = any(one.starts_at < end and start < one.ends_at for one in shut)
        if day.isoweekday() in GROUP_WEEKDAYS and start not in known and not closed:
            _group(built, site, room, leader, start, end, now)
        day += recurrence.DAY


def _group(
    built: Built, site: Site, room: Room, leader: StaffMember, start: datetime, end: datetime, now: datetime
) -> None:
    try:
        group_sessions.schedule(
            actor=built.actor,
            site_id=site.pk,
            start=start.astimezone(UTC),
            end=end.astimezone(UTC),
            places=GROUP_PLACES,
            staff_ids=[leader.pk],
            room_id=room.pk,
            now=now,
        )
    except SlotTaken:
        # On a resumed run somebody may have been booked there: that week goes without.
        return


def _weekday_of(day: date, weekday: int) -> date:
    """The day of the same ISO week with this ISO weekday."""
    return day + timedelta(days=weekday - day.isoweekday())
