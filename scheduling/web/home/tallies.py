"""How many visits the sites of a practice have on a day: a few statements, however many sites there are."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.db.models import Case, Count, DateField, OuterRef, Subquery, Value, When

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.models import Site
from scheduling import states
from scheduling.models import Appointment


def of_days(*, actor: Actor, days: Mapping[UUID, date]) -> dict[UUID, dict[str, int]]:
    """How many visits of each site are in each state on the day that is named for it; by site."""
    permissions.check(actor=actor, capability="roster.read")
    there = Appointment.objects.filter(
        practice_id=actor.practice_id, site_id__in=days, local_date__in=set(days.values())
    )
    found: dict[UUID, dict[str, int]] = {site_id: {} for site_id in days}
    counted = there.order_by().values_list("site_id", "local_date", "status").annotate(count=Count("id"))
    for site_id, day, status, count in counted:
        if day == days[site_id]:
            found[site_id][status] = count
    return found


def next_busy(*, actor: Actor, after: Mapping[UUID, date]) -> dict[UUID, tuple[date, int]]:
    """The first day after the one named for a site on which it expects somebody, and how many visits; sites
    that expect nobody are left out.
    """
    permissions.check(actor=actor, capability="roster.read")
    # Looked up site by site inside the statement: what comes after the first day is not read.
    known = Case(*(When(pk=key, then=Value(day)) for key, day in after.items()), output_field=DateField())
    coming = Appointment.objects.filter(
        practice_id=actor.practice_id,
        site_id=OuterRef("pk"),
        local_date__gt=OuterRef("known"),
        status__in=states.LIVE,
    ).order_by("local_date")
    sites = Site.objects.filter(practice_id=actor.practice_id, pk__in=after).order_by()
    days = sites.annotate(known=known, day=Subquery(coming.values("local_date")[:1])).values_list("pk", "day")
    found = {site_id: day for site_id, day in days if day}
    counted = of_days(actor=actor, days=found)
    return {
        site_id: (day, sum(count for status, count in counted[site_id].items() if status in states.LIVE))
        for site_id, day in found.items()
    }
