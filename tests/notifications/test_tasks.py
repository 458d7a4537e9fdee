"""The timetable, and what its ticks do when they come twice, late or at once."""

import inspect
from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.utils import timezone
from pytest_django import Settings

from clinic.config.celery import app
from clinic.local.providers import SmtpCatcher
from clinic.practice import directory, work
from clinic.practice.models import Site, StaffMember
from notifications import neutral, tasks
from notifications.models import Message
from scheduling.followups import digest
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock

DAY = 86400
# Tuesday, 08:00 in New York.
MORNING = datetime(2026, 5, 5, 12, tzinfo=UTC)


def test_every_tick_rings_a_task_that_exists_and_takes_no_argument() -> None:
    app.loader.import_default_modules()
    for tick in app.conf.beat_schedule.values():
        task = app.tasks[tick["task"]]
        assert not inspect.signature(task.run).parameters
        assert task.time_limit
        assert task.time_limit < app.conf.broker_transport_options["visibility_timeout"]
        if isinstance(tick["schedule"], crontab):
            assert tick["options"]["expires"] < DAY
        else:
            assert tick["options"]["expires"] == tick["schedule"]


def test_a_worker_serves_the_queue_that_hints_go_to() -> None:
    served = {queue.name for queue in app.conf.task_queues}
    for name in ("notifications.send_due", "scheduling.sweep_gaps"):
        assert app.amqp.router.route({}, name)["queue"].name in served


@pytest.mark.django_db
def test_the_tick_sends_what_is_due_by_the_real_clock(settings: Settings, smtp_catcher: SmtpCatcher) -> None:
    now = timezone.now()
    someone = making.patient()
    visit = making.visit(someone, now + timedelta(days=3))
    row = making.reminder(
        visit, kind="course_booked", channel="email", due_at=now, useful_until=visit.start, subject_at=None
    )
    tasks.send_due()
    tasks.recover()
    tasks.send_due()
    row.refresh_from_db()
    assert row.state == "accepted"
    assert len(smtp_catcher.inbox()) == 1


def desk(site: Site, **fields: str) -> StaffMember:
    return factories.staff(site, "front_desk", email="desk@example.com", **fields)


def open_task(site: Site, key: str = "one") -> None:
    work.raise_item(
        practice_id=site.practice_id,
        kind="message_failed",
        dedupe_key=key,
        subject_kind="message",
        subject_id=site.pk,
        role="front_desk",
        due_at=NOW,
    )


@pytest.mark.django_db
def test_whoever_has_something_open_gets_one_neutral_digest_a_morning(smtp_catcher: SmtpCatcher) -> None:
    site = factories.site(factories.practice())
    desk(site)
    factories.staff(site, "therapist", email="idle@example.com")
    open_task(site)
    open_task(site, "two")
    assert digest.plan(now=MORNING) == 1
    assert digest.plan(now=MORNING + timedelta(minutes=5)) == 0
    making.deliver(Clock(MORNING + timedelta(minutes=6)))
    [email] = smtp_catcher.inbox()
    assert email["to"] == "desk@example.com"
    assert "2 open items" in email["body"]
    assert neutral.problems(email["subject"] + email["body"], "en") == []
    assert digest.plan(now=MORNING + timedelta(days=1)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 5, 5, 11, tzinfo=UTC),  # 07:00: before it
        datetime(2026, 5, 5, 18, tzinfo=UTC),  # 14:00: too late to be a morning's
        datetime(2026, 5, 9, 12, tzinfo=UTC),  # Saturday
    ],
)
def test_no_digest_but_on_a_working_morning_of_the_site(now: datetime) -> None:
    site = factories.site(factories.practice())
    desk(site)
    open_task(site)
    assert digest.plan(now=now) == 0


@pytest.mark.django_db
def test_each_site_has_its_own_morning_and_its_own_closed_days() -> None:
    practice = factories.practice()
    west = factories.site(practice, time_zone="America/Los_Angeles")
    east = factories.site(practice)
    desk(west)
    desk(east)
    open_task(west)
    assert digest.plan(now=MORNING) == 1
    assert Message.objects.get().staff.home_site_id == east.pk  # type: ignore[union-attr]
    directory.create_closure(
        actor=factories.admin(practice),
        site_id=west.pk,
        starts_at=datetime(2026, 5, 5, 4, tzinfo=UTC),
        ends_at=datetime(2026, 5, 6, 4, tzinfo=UTC),
        now=NOW,
    )
    assert digest.plan(now=MORNING + timedelta(hours=3)) == 0


@pytest.mark.django_db
def test_a_digest_is_silent_when_it_was_all_done_meanwhile(smtp_catcher: SmtpCatcher) -> None:
    site = factories.site(factories.practice())
    desk(site)
    open_task(site)
    digest.plan(now=MORNING)
    work.finish(practice_id=site.practice_id, dedupe_key="one", by="test", now=MORNING)
    making.deliver(Clock(MORNING + timedelta(minutes=1)))
    row = Message.objects.get()
    assert (row.state, row.state_reason) == ("suppressed", "nothing_open")


@pytest.mark.django_db
def test_a_flagged_gap_is_open_for_the_desk_of_its_site_until_somebody_has_it() -> None:
    someone = making.patient()
    here = desk(someone.site)
    elsewhere = factories.staff(factories.site(someone.practice), "front_desk", email="other@example.com")
    dose = making.visit(someone, NOW - timedelta(days=1), kind="dosing", course=making.course(someone))
    gap = making.gap(dose)
    digest.plan(now=MORNING)
    assert list(Message.objects.values_list("staff_id", flat=True)) == [here.pk]
    gap.assignee = elsewhere
    gap.save(update_fields=["assignee"])
    digest.plan(now=MORNING)
    assert set(Message.objects.values_list("staff_id", flat=True)) == {here.pk, elsewhere.pk}
