"""What messages did, in numbers that can be counted by hand."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from clinic.practice.ids import new_id
from notifications.models import Attempt, Message
from scheduling.models import Appointment
from scheduling.web.messages import reach
from tests import factories
from tests.web.conftest import ROLES, World, signed_in
from tests.web.messages.test_listing import said


def over(world: World, status: str, **values: Any) -> Appointment:
    """A visit of yesterday that is over."""
    start = timezone.now() - timedelta(days=1)
    fact = "completed" if status == "fulfilled" else status
    told = {f"{fact}_at": start, f"{fact}_by": "test"}
    return Appointment.objects.create(
        practice=world.clinic.practice,
        patient=world.clinic.patient,
        site=world.clinic.site,
        kind="therapy",
        status=status,
        start=start,
        end=start + timedelta(hours=1),
        local_date=start.date(),
        local_time=start.time(),
        time_zone=world.clinic.site.time_zone,
        created_at=start,
        created_by="test",
        **{**told, **values},
    )


def reminded(world: World, visit: Appointment, state: str, **values: Any) -> Message:
    """A reminder of it that was handed over two days ago, in one part."""
    due = timezone.now() - timedelta(days=2)
    row = said(
        world, state=state, subject_id=visit.pk, due_at=due, current_attempt=(pk := new_id()), **values
    )
    Attempt.objects.create(
        id=pk, message=row, number=1, begun_at=due, outcome="accepted", segments=1, covers=[]
    )
    return row


def table(client: Client, **query: str) -> dict[tuple[str, str, str, str], int]:
    answer = client.get("/messages/report/", {"as": "csv", **query})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    rows = csv.DictReader(StringIO(answer.content.decode()))
    return {(one["counted"], one["channel"], one["state"], one["reason"]): int(one["count"]) for one in rows}


def test_visits_are_counted_by_how_a_reminder_reached_them(world: World, desk: Client) -> None:
    Message.objects.all().delete()
    now = timezone.now()
    confirmed = {"confirmed_at": now - timedelta(days=1, hours=12), "confirmed_by": "patient"}
    came, missed, mailed = (
        over(world, "fulfilled", **confirmed),
        over(world, "no_show"),
        over(world, "fulfilled"),
    )
    over(world, "no_show")
    over(world, "cancelled")
    carrier = reminded(world, came, "delivered")
    covered = said(world, state="cancelled", state_reason="merged", subject_id=missed.pk)
    Attempt.objects.filter(message=carrier).update(covers=[covered.pk], segments=2)
    reminded(world, mailed, "accepted", channel="email")
    told = table(desk)
    reached = {one: told["visits", "", f"reminder {one}", ""] for one in ("delivered", "sent", "none")}
    assert reached == {"delivered": 2, "sent": 1, "none": 1}
    assert told["no_show", "", "reminder delivered", ""] == 1
    assert told["no_show", "", "reminder none", ""] == 1
    assert told["confirmed", "", "reminder delivered", ""] == 1
    page = desk.get("/messages/report/").content.decode()
    assert "few: read no share into it" in page
    assert "does not show what reminders do" in page


def test_messages_are_counted_by_kind_channel_state_and_reason(world: World, desk: Client) -> None:
    Message.objects.all().delete()
    for state, reason in (
        ("delivered", ""),
        ("suppressed", "no_consent"),
        ("suppressed", "no_consent"),
        ("failed_final", "permanent:30007"),
    ):
        said(world, state=state, state_reason=reason)
    told = table(desk)
    assert told["messages", "sms", "delivered", ""] == 1
    assert told["messages by reason", "sms", "suppressed", "no_consent"] == 2
    assert told["messages by reason", "sms", "failed_final", "permanent"] == 1
    assert "2 no consent for this channel" in desk.get("/messages/report/").content.decode()
    assert (
        table(desk, **{"from": "2026-01-01", "to": "2026-01-31"}).keys()
        & {("messages", "sms", "delivered", "")}
        == set()
    )


def test_the_parts_of_a_month_are_summed(world: World, desk: Client) -> None:
    for _ in range(3):
        reminded(world, over(world, "fulfilled"), "accepted")
    refused = reminded(world, over(world, "fulfilled"), "failed_final")
    Attempt.objects.filter(message=refused).update(outcome="permanent")
    month = f"{timezone.now() - timedelta(days=2):%Y-%m}"
    assert table(desk)["parts of text messages", "sms", month, ""] == 3


def test_another_practice_counts_nothing_of_it(world: World) -> None:
    reminded(world, over(world, "fulfilled"), "delivered")
    outsider = signed_in(factories.staff(factories.site(factories.practice()), *ROLES))
    assert set(table(outsider).values()) <= {0}


def test_a_span_is_at_most_a_year(desk: Client) -> None:
    assert desk.get("/messages/report/?from=2025-01-01&to=2026-05-01").status_code == 404
    assert desk.get("/messages/report/?from=2026-05-02&to=2026-05-01").status_code == 404
    assert desk.get("/messages/report/?as=pdf").status_code == 404


def test_the_counts_go_by_an_index(world: World) -> None:
    """Not by reading every message there is."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        given: dict[str, Any] = {
            "practice": world.clinic.practice.pk,
            "since": world.now - timedelta(days=28),
            "before": world.now,
            "zone": "UTC",
            "kinds": [*reach.REMINDERS],
            "lead": reach.LEAD,
            "sites": [world.clinic.site.pk],
            "first": world.now.date(),
            "last": world.now.date(),
        }
        for statement in (reach.MESSAGES, reach.PARTS, reach.VISITS):
            cursor.execute(f"EXPLAIN {statement}", given)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
