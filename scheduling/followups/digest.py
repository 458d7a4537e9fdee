"""The morning digest: a neutral e-mail to each member of staff who has something open."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from clinic.practice import mails, opening
from clinic.practice.models import Site, StaffMember
from notifications.models import Message
from notifications.planning import outbox, policy
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Silence, Source
from scheduling.followups import queries

# A digest that could not be sent in the morning is of no use in the evening.
MORNING_LASTS = timedelta(hours=3)


def sources() -> dict[str, Source]:
    """Who answers for this kind of message."""
    return {Kind.DIGEST: facts}


def plan(*, now: datetime) -> int:
    """Queue the digests of every site whose morning it is; one a person and local day, however often this
    runs.
    """
    queued = 0
    for site in Site.objects.order_by("pk"):
        since = now - MORNING_LASTS
        morning = policy.next_digest(
            now=since,
            zone=site.time_zone,
            closed=opening.closed_days(site_id=site.pk, zone=site.time_zone, since=since),
            weekdays=opening.weekdays(site_id=site.pk) or policy.BUSINESS_DAYS,
        )
        if morning <= now:
            queued += _plan_site(site, morning, now)
    return queued


def _plan_site(site: Site, morning: datetime, now: datetime) -> int:
    day = morning.astimezone(ZoneInfo(site.time_zone)).date().toordinal()
    with transaction.atomic():
        told = Message.objects.filter(
            practice_id=site.practice_id, kind=Kind.DIGEST, subject_version=day, staff__home_site=site
        )
        people = StaffMember.objects.filter(home_site=site, is_active=True).exclude(email="")
        people = people.exclude(mail_choice__digest=False)
        drafts = [
            Draft(
                practice_id=site.practice_id,
                staff_id=person.pk,
                kind=Kind.DIGEST,
                channel="email",
                category="digest",
                subject_kind="staff",
                subject_id=person.pk,
                subject_version=day,
                due_at=now,
                useful_until=morning + MORNING_LASTS,
            )
            for person in people.exclude(pk__in=told.values("staff_id"))
            if queries.open_items(staff=person, now=now)
        ]
        outbox.queue(messages=drafts, now=now)
    return len(drafts)


def facts(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """How much is open at the moment of sending; silent when it was dealt with meanwhile."""
    if message.staff_id and mails.unwilling(staff_ids=[message.staff_id], sort=mails.DIGEST):
        return Silence("switched_off")
    count = queries.open_items(staff=message.staff, now=now) if message.staff else 0
    return Facts(count=count) if count else Silence("nothing_open")
