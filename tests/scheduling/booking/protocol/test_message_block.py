"""What a protocol says of messages: checked when it is stored, heard before the practice."""

from typing import Any

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice.errors import Invalid
from notifications.models import Message
from notifications.planning import practice_terms
from notifications.planning.kinds import Kind
from notifications.planning.terms import Term
from scheduling.booking.protocol import protocols
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state
from tests.scheduling.booking.writing.test_ahead import DAY, due, series

pytestmark = pytest.mark.django_db


def store(messages: Any, key: str = factories.IV, **changes: Any) -> dict[str, Any]:
    document = {**factories.document(key), **changes, "messages": messages}
    actor = factories.admin(factories.practice())
    stored: dict[str, Any] = protocols.create(actor=actor, document=document, now=NOW).document
    return stored


def refused(messages: Any, key: str = factories.IV, **changes: Any) -> set[str]:
    with pytest.raises(Invalid) as error:
        store(messages, key, **changes)
    return set(error.value.fields)


def test_what_can_be_is_stored_as_it_came() -> None:
    said = {"reminder_72h": {"on": False}, "preparation": {"hours": 240}, "check_in": {"on": False}}
    assert store(said)["messages"] == said


@pytest.mark.parametrize(
    ("messages", "changes", "path"),
    [
        ([], {}, "messages"),
        ({"visit_moved": {"on": False}}, {}, "messages.visit_moved"),
        ({"preparation": {"hours": 12}}, {}, "messages.preparation.hours"),
        ({"reminder_24h": {"on": False}}, {}, "messages.reminder_24h.reason"),
        ({"ride_home": {"on": True}}, {"escort_required": False}, "messages.ride_home.on"),
        ({"measure_due": {"hours": 24}}, {"measures": {}}, "messages.measure_due.hours"),
    ],
)
def test_what_cannot_be_is_named(messages: Any, changes: dict[str, Any], path: str) -> None:
    assert refused(messages, **changes) == {path}


def test_what_only_monitored_doses_and_owed_follow_ups_have_is_not_promised_without_them() -> None:
    said = {kind: {"on": True} for kind in ("check_in", "follow_up_missing", "window_half")}
    assert refused(said, "tms_standard_36") == {f"messages.{kind}.on" for kind in said}
    # What would never go may be switched off.
    store({kind: {"on": False} for kind in said}, "tms_standard_36")


def test_a_word_about_the_follow_up_does_not_come_after_its_window() -> None:
    plan = factories.document()["plan"]
    window = {"min": 12, "ideal_from": 24, "ideal_to": 30, "max": 36, "grace": 168}
    short = {**plan, "follow_up": {**plan["follow_up"], "window_hours": window}}
    said = {"follow_up_missing": {"hours": 40}}
    assert refused(said, plan=short) == {"messages.follow_up_missing.hours"}
    store({"follow_up_missing": {"hours": 30}}, plan=short)


def test_the_protocol_is_heard_before_the_practice() -> None:
    [visit] = series(10, messages={"reminder_72h": {"on": False}, "preparation": {"hours": 120}})
    assert not due(Kind.REMINDER_72H)
    assert due(Kind.PREPARATION) == {visit.pk: ("email", visit.start - 5 * DAY)}
    assert due(Kind.REMINDER_24H)


def test_what_a_practice_switched_off_goes_for_a_protocol_that_wants_it(sms_provider: SmsProvider) -> None:
    [visit] = series(10, messages={"reminder_72h": {"on": True}})
    admin = factories.admin(visit.practice)
    practice_terms.save(actor=admin, said={"reminder_72h": Term(on=False)}, now=NOW)
    row = Message.objects.get(kind=Kind.REMINDER_72H)
    making.deliver(Clock(row.due_at))
    assert state(row)[0] == "accepted"


def test_what_a_protocol_switched_off_stays_silent_though_it_waits(sms_provider: SmsProvider) -> None:
    [visit] = series(10, messages={"check_in": {"on": False}})
    row = making.reminder(visit, kind=Kind.CHECK_IN, course_id=visit.course_id)
    making.deliver(Clock(row.due_at))
    assert state(row) == ("suppressed", "off_by_protocol")
