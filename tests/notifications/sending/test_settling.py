"""What a person says of a message in doubt is evidence: it goes again, or never."""

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice import idempotency
from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.models import WorkItem
from notifications.models import Attempt, Message
from notifications.planning import ledger
from notifications.sending import settling
from tests import factories
from tests.notifications import making
from tests.notifications.making import Clock, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def doubted(sms_provider: SmsProvider) -> Message:
    """A reminder of which the provider took nothing, and said nothing."""
    sms_provider.fault(times=1, to=None, drop=True, accept=False)
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    making.deliver()
    row.refresh_from_db()
    assert row.state == "in_doubt"
    return row


def settled(row: Message, *, sent: bool, clock: Clock, **changes: object) -> None:
    given = {
        "actor": factories.actor(row.practice, "front_desk"),
        "message_id": row.pk,
        "attempt_id": row.current_attempt,
        "reason": "Looked it up.",
        "now": clock(),
    }
    settling.resolve(sent=sent, **{**given, **changes})  # type: ignore[arg-type]


def test_what_was_not_sent_goes_once_more_and_only_once(doubted: Message, sms_provider: SmsProvider) -> None:
    clock = Clock()
    clock.forward(minutes=20)
    settled(doubted, sent=False, clock=clock)
    assert state(doubted) == ("planned", "said_not_sent")
    making.deliver(clock)
    making.deliver(clock)
    assert state(doubted)[0] == "accepted"
    assert len(sms_provider.inbox()) == 1
    assert Attempt.objects.filter(message=doubted).count() == 2
    assert not WorkItem.objects.filter(done_at=None).exists()


def test_what_was_sent_says_what_it_covers_and_stays(doubted: Message, sms_provider: SmsProvider) -> None:
    other = making.reminder(making.visit(doubted.patient, making.tomorrow(18)), kind="reminder_72h")
    Attempt.objects.filter(pk=doubted.current_attempt).update(covers=[other.pk])
    settled(doubted, sent=True, clock=Clock())
    making.deliver()
    assert (state(doubted), state(other)) == (("accepted", ""), ("cancelled", "merged"))
    assert sms_provider.inbox() == []


def test_too_late_is_not_sent_again(doubted: Message, sms_provider: SmsProvider) -> None:
    clock = Clock()
    clock.forward(days=2)
    settled(doubted, sent=False, clock=clock)
    making.deliver(clock)
    assert state(doubted) == ("suppressed", "skipped_stale")
    assert sms_provider.inbox() == []


def test_it_needs_a_reason_the_right_and_the_doubt_that_was_looked_into(doubted: Message) -> None:
    clock = Clock()
    with pytest.raises(Invalid):
        settled(doubted, sent=True, clock=clock, reason=" ")
    with pytest.raises(NotAllowed):
        settled(doubted, sent=True, clock=clock, actor=factories.actor(doubted.practice, "monitor"))
    with pytest.raises(NotFound):
        settled(doubted, sent=True, clock=clock, actor=factories.admin(factories.practice()))
    with pytest.raises(Stale):
        settled(doubted, sent=True, clock=clock, attempt_id=doubted.pk)
    assert state(doubted)[0] == "in_doubt"


def test_one_key_has_one_effect(doubted: Message) -> None:
    clock = Clock()
    key = idempotency.Key(scope="x", value="k", fingerprint="f")
    settled(doubted, sent=True, clock=clock, key=key)
    settled(doubted, sent=True, clock=clock, key=key)
    with pytest.raises(ledger.InvalidMove):
        settled(doubted, sent=True, clock=clock)


def test_a_planned_one_is_withdrawn_and_does_not_go(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    desk = factories.actor(row.practice, "front_desk")
    settling.withdraw(actor=desk, message_id=row.pk, reason="Told by phone.", now=making.NOW)
    making.deliver()
    assert state(row) == ("cancelled", "withdrawn")
    assert sms_provider.inbox() == []
    with pytest.raises(ledger.InvalidMove):
        settling.withdraw(actor=desk, message_id=row.pk, reason="Again.", now=making.NOW)
