"""What becomes urgent reaches whoever is responsible by e-mail: once, neutral, and only while it is true."""

from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from clinic.local.providers import SmtpCatcher
from clinic.practice import delegates, mails, work
from clinic.practice.models import StaffMember, WorkItem
from clinic.practice.models.place import Site
from notifications import neutral
from notifications.models import Message, StaffAlert
from notifications.sending import alarms, pulse
from scheduling.followups import alerts, escalation
from scheduling.models import FollowUpGap
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PAUSE = timedelta(minutes=15)


@pytest.fixture
def site() -> Site:
    return factories.site(factories.practice())


def person(site: Site, role: str, email: str) -> StaffMember:
    return factories.staff(site, role, email=email)


def ask(site: Site, kind: str = "harm_item", role: str = "prescriber", **given: object) -> WorkItem:
    key = str(uuid4())
    values = {"subject_kind": "course", "subject_id": uuid4(), "due_at": NOW, **given}
    work.raise_item(
        practice_id=site.practice_id, kind=kind, dedupe_key=key, role=role, reason="Secret.", **values
    )  # type: ignore[arg-type]
    return WorkItem.objects.get(dedupe_key=key)


def told(catcher: SmtpCatcher, now: object = NOW) -> list[tuple[str, str]]:
    """Hand over what is due; everything that has arrived: to whom, and the lines that say what."""
    making.deliver(Clock(now))  # type: ignore[arg-type]
    return sorted(
        (one["to"], ", ".join(line[2:] for line in one["body"].splitlines() if line.startswith("- ")))
        for one in catcher.inbox()
    )


def done(item: WorkItem) -> None:
    work.finish(practice_id=item.practice_id, dedupe_key=item.dedupe_key, by="test", now=NOW)


def test_whoever_is_asked_is_written_to_once_and_nothing_tells_whom_it_is_about(
    site: Site, smtp_catcher: SmtpCatcher
) -> None:
    person(site, "prescriber", "one@example.com")
    person(site, "prescriber", "two@example.com")
    person(site, "front_desk", "desk@example.com")
    ask(site)
    assert alerts.plan(now=NOW) == 2
    assert alerts.plan(now=NOW) == 0
    both = [
        ("one@example.com", "1 answer to look at today"),
        ("two@example.com", "1 answer to look at today"),
    ]
    assert told(smtp_catcher) == both
    for one in smtp_catcher.inbox():
        assert neutral.problems(one["subject"] + one["body"], "en") == []
        assert "Secret" not in one["body"]
    assert alerts.plan(now=NOW + 2 * PAUSE) == 0
    assert told(smtp_catcher, NOW + 2 * PAUSE) == both


def test_what_comes_up_meanwhile_is_one_e_mail_after_the_pause(site: Site, smtp_catcher: SmtpCatcher) -> None:
    person(site, "practice_admin", "admin@example.com")
    ask(site, "message_failed", "practice_admin")
    alerts.plan(now=NOW)
    assert [line for _, line in told(smtp_catcher)] == ["1 message that failed"]
    ask(site, "message_failed", "practice_admin")
    alerts.plan(now=NOW + MINUTE)
    ask(site, "message_failed", "practice_admin")
    ask(site, "message_in_doubt", "practice_admin")
    alerts.plan(now=NOW + 2 * MINUTE)
    assert len(told(smtp_catcher, NOW + 14 * MINUTE)) == 1
    second = "1 message of which nobody knows whether it was sent, 2 messages that failed"
    assert ("admin@example.com", second) in told(smtp_catcher, NOW + PAUSE)
    assert StaffAlert.objects.count() == 4


def test_an_answer_about_self_harm_waits_for_no_pause(site: Site, smtp_catcher: SmtpCatcher) -> None:
    person(site, "practice_admin", "admin@example.com")
    ask(site, "message_failed", "practice_admin")
    alerts.plan(now=NOW)
    told(smtp_catcher)
    ask(site, "message_failed", "practice_admin")
    alerts.plan(now=NOW + MINUTE)
    ask(site, role="practice_admin")
    alerts.plan(now=NOW + 2 * MINUTE)
    line = "1 answer to look at today, 1 message that failed"
    assert ("admin@example.com", line) in told(smtp_catcher, NOW + 2 * MINUTE)


def test_what_was_done_before_it_left_is_not_told(site: Site, smtp_catcher: SmtpCatcher) -> None:
    person(site, "prescriber", "one@example.com")
    first, second = ask(site), ask(site)
    alerts.plan(now=NOW)
    done(first)
    assert told(smtp_catcher) == [("one@example.com", "1 answer to look at today")]
    done(second)
    third = ask(site)
    alerts.plan(now=NOW + MINUTE)
    done(third)
    assert len(told(smtp_catcher, NOW + PAUSE)) == 1
    assert Message.objects.order_by("-due_at").first().state_reason == "nothing_open"  # type: ignore[union-attr]


def test_who_stands_in_is_told_instead(site: Site, smtp_catcher: SmtpCatcher) -> None:
    away = person(site, "prescriber", "away@example.com")
    there = person(site, "therapist", "there@example.com")
    delegates.create(
        actor=factories.as_actor(away),
        staff_id=away.pk,
        delegate_id=there.pk,
        starts_at=NOW,
        ends_at=NOW + timedelta(days=1),
        now=NOW,
    )
    ask(site)
    alerts.plan(now=NOW)
    assert [to for to, _ in told(smtp_catcher)] == ["there@example.com"]


def test_where_nobody_can_be_written_to_it_is_the_lead_s_then_the_administrator_s(
    site: Site, smtp_catcher: SmtpCatcher
) -> None:
    person(site, "prescriber", "")
    person(site, "practice_admin", "admin@example.com")
    ask(site)
    alerts.plan(now=NOW)
    assert [to for to, _ in told(smtp_catcher)] == ["admin@example.com"]
    person(site, "clinical_lead", "lead@example.com")
    ask(site)
    alerts.plan(now=NOW + PAUSE)
    assert ("lead@example.com", "2 answers to look at today") in told(smtp_catcher, NOW + PAUSE)


def test_a_unit_that_escalates_reaches_its_owner_and_the_lead(smtp_catcher: SmtpCatcher) -> None:
    someone = making.patient()
    person(someone.site, "clinical_lead", "lead@example.com")
    owner = person(someone.site, "therapist", "owner@example.com")
    person(someone.site, "therapist", "other@example.com")
    dose = making.visit(someone, NOW - timedelta(days=5), kind="dosing", course=making.course(someone))
    gap = making.gap(dose, status="open")
    FollowUpGap.objects.filter(pk=gap.pk).update(owner=owner)
    assert escalation.sweep(now=NOW) == 1
    alerts.plan(now=NOW)
    line = "1 follow-up past its time"
    assert told(smtp_catcher) == [("lead@example.com", line), ("owner@example.com", line)]


def test_trouble_with_messages_can_be_switched_off_and_safety_cannot(
    site: Site, smtp_catcher: SmtpCatcher
) -> None:
    admin = person(site, "practice_admin", "admin@example.com")
    mails.choose(actor=factories.as_actor(admin), wanted=[], now=NOW)
    ask(site, "message_failed", "practice_admin")
    assert alerts.plan(now=NOW) == 0
    ask(site, "escalated_follow_up", "practice_admin")
    assert alerts.plan(now=NOW) == 1
    assert told(smtp_catcher) == [("admin@example.com", "1 follow-up past its time")]


def test_switching_off_stops_what_waits_already(site: Site, smtp_catcher: SmtpCatcher) -> None:
    admin = person(site, "practice_admin", "admin@example.com")
    ask(site, "message_failed", "practice_admin")
    alerts.plan(now=NOW)
    mails.choose(actor=factories.as_actor(admin), wanted=[mails.DIGEST], now=NOW)
    assert told(smtp_catcher) == []


def test_an_e_mail_to_staff_that_fails_is_not_told_by_another_e_mail(site: Site) -> None:
    person(site, "prescriber", "one@example.com")
    person(site, "practice_admin", "admin@example.com")
    ask(site)
    alerts.plan(now=NOW)
    lost = Message.objects.get()
    ask(site, "message_failed", "practice_admin", subject_kind="message", subject_id=lost.pk)
    assert alerts.plan(now=NOW + MINUTE) == 0


def test_history_is_not_told(site: Site) -> None:
    person(site, "prescriber", "one@example.com")
    ask(site, due_at=NOW - alerts.REACH)
    ask(site, due_at=NOW + MINUTE)
    assert alerts.plan(now=NOW) == 0
    assert alerts.plan(now=NOW + MINUTE) == 1


def test_a_provider_that_takes_nothing_is_told_once_and_taken_back(site: Site, settings: Settings) -> None:
    admin = person(site, "practice_admin", "admin@example.com")
    someone = factories.patient(site)
    visit = making.visit(someone, making.tomorrow())

    def tried(outcome: str, minutes: int) -> None:
        row = making.reminder(visit, state="failed_final", due_at=NOW + minutes * MINUTE, sent_to="x")
        attempt = row.attempt_rows.create(number=1, begun_at=NOW + minutes * MINUTE, outcome=outcome)
        Message.objects.filter(pk=row.pk).update(current_attempt=attempt.pk)

    for _ in range(alarms.REFUSED_AT_LEAST - 1):
        tried("permanent", 0)
    assert alerts.plan(now=NOW + MINUTE) == 0
    tried("transient", 1)
    assert alerts.plan(now=NOW + MINUTE) == 1
    assert alerts.plan(now=NOW + 2 * MINUTE) == 0
    [item] = WorkItem.objects.filter(kind=alarms.KIND)
    assert (item.role, item.done_at) == ("practice_admin", None)
    assert StaffAlert.objects.get().staff_id == admin.pk
    tried("accepted", 3)
    alerts.plan(now=NOW + 3 * MINUTE)
    item.refresh_from_db()
    assert item.done_by == "system"


def test_a_silent_queue_is_told_and_taken_back(site: Site) -> None:
    person(site, "practice_admin", "admin@example.com")
    pulse.beat(queue="default", now=NOW)
    assert alerts.plan(now=NOW + MINUTE) == 0
    assert alerts.plan(now=NOW + 3 * MINUTE) == 1
    pulse.beat(queue="default", now=NOW + 4 * MINUTE)
    alerts.plan(now=NOW + 4 * MINUTE)
    assert not WorkItem.objects.filter(done_at=None).exists()
