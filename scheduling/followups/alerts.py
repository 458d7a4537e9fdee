"""What has become urgent, by e-mail to whoever is responsible: how much and of which kind, never whose.

Each task is told each of them once. What comes up while an e-mail waits is told by the same one, and the next
one waits its time; what is done by then is not mentioned, and when everything is, none is sent.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from clinic.practice import delegates, mails
from clinic.practice.ids import new_id
from clinic.practice.models import Practice, StaffMember, WorkItem
from clinic.practice.models.staff import Role
from notifications.models import Message, StaffAlert
from notifications.models.message import State
from notifications.planning import outbox
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Silence, Source
from notifications.sending import alarms
from scheduling.followups import escalation
from scheduling.models import FollowUpGap

# What became urgent longer ago is in the digest; an e-mail about it would only say that there was none.
REACH = timedelta(days=1)
SUBJECT = "alert"


@dataclass(frozen=True, slots=True)
class Sort:
    """How a kind of task is told, in words that may be seen. `switch`: by which choice of their own somebody
    is not told of it; a blank one is about safety, and comes. `at_once`: it waits for no other e-mail.
    """

    one: str
    many: str
    switch: str = ""
    at_once: bool = False


SORTS: Mapping[str, Sort] = {
    "harm_item": Sort("answer to look at today", "answers to look at today", at_once=True),
    escalation.KIND: Sort("follow-up past its time", "follow-ups past their time"),
    "message_in_doubt": Sort(
        "message of which nobody knows whether it was sent",
        "messages of which nobody knows whether they were sent",
        mails.MESSAGES,
    ),
    "message_failed": Sort("message that failed", "messages that failed", mails.MESSAGES),
    alarms.KIND: Sort("fault of the messages", "faults of the messages", mails.MESSAGES),
}


def sources() -> dict[str, Source]:
    """Who answers for this kind of message."""
    return {Kind.STAFF_ALERT: facts}


def plan(*, now: datetime) -> int:
    """Queue what is new to somebody; returns how many were told. Any number may run at once."""
    told = 0
    for practice in Practice.objects.order_by("pk"):
        with transaction.atomic():
            # Two that look at once would raise the same alarm twice.
            rows = Practice.objects.select_for_update(no_key=True, skip_locked=True)
            if rows.filter(pk=practice.pk).first() is not None:
                alarms.look(practice=practice, now=now)
        items = list(_urgent(practice, now))
        if not items:
            continue
        for staff_id, theirs in sorted(_responsible(practice, items, now).items()):
            told += _tell(practice, staff_id, theirs, now)
    return told


def facts(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """What of it is still to be done, and still wanted."""
    if message.staff_id is None:
        return Silence("no_recipient")
    open_items = StaffAlert.objects.filter(message=message, item__done_at=None)
    counted = Counter(open_items.values_list("item__kind", flat=True))
    off = {sort for sort in mails.SORTS if mails.unwilling(staff_ids=[message.staff_id], sort=sort)}
    matters = [
        f"{counted[kind]} {sort.one if counted[kind] == 1 else sort.many}"
        for kind, sort in SORTS.items()
        if counted[kind] and sort.switch not in off
    ]
    if not matters:
        return Silence("nothing_open")
    count = sum(counted[kind] for kind, sort in SORTS.items() if sort.switch not in off)
    return Facts(count=count, matters=tuple(matters))


def _urgent(practice: Practice, now: datetime) -> QuerySet[WorkItem]:
    """Open tasks of these kinds. That an e-mail to staff failed is not told by another one."""
    to_staff = Message.objects.filter(practice=practice, staff__isnull=False, due_at__gt=now - 2 * REACH)
    found = WorkItem.objects.filter(
        practice=practice, kind__in=SORTS, done_at=None, due_at__gt=now - REACH, due_at__lte=now
    )
    return found.exclude(subject_id__in=to_staff.values("pk")).order_by("due_at", "pk")


def _responsible(
    practice: Practice, items: Sequence[WorkItem], now: datetime
) -> Mapping[UUID, list[WorkItem]]:
    """Whose each task is. Where nobody who is asked can be written to, it is the lead's, then the
    administrators'."""
    staff = StaffMember.objects.filter(practice=practice, is_active=True).exclude(email="")
    reached = dict(staff.values_list("pk", "roles"))
    everybody = StaffMember.objects.filter(practice=practice, is_active=True)
    roles = dict(everybody.values_list("pk", "roles"))
    instead = delegates.instead_of(staff_ids=list(roles), now=now)
    off = {sort: mails.unwilling(staff_ids=list(reached), sort=sort) for sort in mails.SORTS}
    owners = _owners([one.subject_id for one in items if one.kind == escalation.KIND])
    theirs: dict[UUID, list[WorkItem]] = defaultdict(list)
    for item in items:
        of_role = [one for one, held in roles.items() if item.role in held]
        whom: tuple[UUID | None, ...] = (owners.get(item.subject_id), *of_role)
        asked = [one for one in ((item.assignee_id,) if item.assignee_id else whom) if one is not None]
        fallbacks = ([one for one, held in roles.items() if role in held] for role in _LAST)
        unwilling = off.get(SORTS[item.kind].switch, frozenset())
        for people in (asked, *fallbacks):
            acting = {other for one in people for other in instead.get(one, ())}
            if found := (acting & reached.keys()):
                for one in found - unwilling:
                    theirs[one].append(item)
                break
    return theirs


_LAST = (Role.CLINICAL_LEAD, Role.PRACTICE_ADMIN)


def _owners(gap_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    """Who has each unit: whoever took it, else whose it is by the rule, else who answers for the course."""
    rows = FollowUpGap.objects.filter(pk__in=gap_ids).values_list(
        "pk", "assignee_id", "owner_id", "course__responsible_clinician_id"
    )
    return {pk: assignee or owner or clinician for pk, assignee, owner, clinician in rows}


def _tell(practice: Practice, staff_id: UUID, items: Sequence[WorkItem], now: datetime) -> int:
    """1 when something of it is new to this person. One at a time for each: their row is locked."""
    known = StaffAlert.objects.filter(staff_id=staff_id, item__in=items)
    if known.count() == len(items):
        return 0
    with transaction.atomic():
        StaffMember.objects.select_for_update(no_key=True).get(pk=staff_id)
        told = set(known.values_list("item_id", flat=True))
        new = [one for one in items if one.pk not in told]
        if not new:
            return 0
        message = _letter(practice, staff_id, any(SORTS[one.kind].at_once for one in new), now)
        StaffAlert.objects.bulk_create(
            StaffAlert(message=message, staff_id=staff_id, item=one) for one in new
        )
    return 1


def _letter(practice: Practice, staff_id: UUID, at_once: bool, now: datetime) -> Message:
    """The e-mail that waits, or another one. One that a worker has taken up may have been written already."""
    before = Message.objects.filter(staff_id=staff_id, kind=Kind.STAFF_ALERT, practice=practice)
    waits = before.filter(state=State.PLANNED).select_for_update(skip_locked=True).first()
    if waits is not None:
        if at_once and waits.due_at > now:
            Message.objects.filter(pk=waits.pk).update(due_at=now)
        return waits
    pause = timedelta(seconds=settings.STAFF_ALERT_PAUSE_SECONDS)
    last = before.order_by("-due_at").values_list("due_at", flat=True).first()
    due = now if at_once or last is None else max(now, last + pause)
    draft = Draft(
        practice_id=practice.pk,
        staff_id=staff_id,
        kind=Kind.STAFF_ALERT,
        channel="email",
        category="alert",
        subject_kind=SUBJECT,
        subject_id=new_id(),
        due_at=due,
        useful_until=due + REACH,
    )
    outbox.queue(messages=[draft], now=now)
    return before.get(dedupe_key=draft.dedupe_key)
