"""Events reach their receiver: signed, in order, at least once with one id, and none is lost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.webhooks import events, schedule, serving, subscriptions
from scheduling import states
from scheduling.booking.visit import single
from scheduling.models.followup import GapStatus
from tests import factories
from tests.notifications.webhooks import receiver as receivers
from tests.notifications.webhooks.receiver import Receiver
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """The true time, moved forward: stamps are the database's."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead


@pytest.fixture(autouse=True)
def inner(settings: Any) -> None:
    settings.WEBHOOKS_TO_INNER_ADDRESSES = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receivers.receiver() as found:
        yield found


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def subscribe(clinic: factories.Clinic, receiver: Receiver, *types: str) -> WebhookSubscription:
    return subscriptions.create(
        actor=clinic.admin, url=receiver.url, event_types=types or events.TYPES, now=timezone.now()
    )


def serve(clock: Clock | None = None) -> int:
    return serving.run(clock=clock or Clock(), worker="test")


def told(receiver: Receiver) -> list[tuple[str, str]]:
    bodies = [json.loads(call.body) for call in receiver.calls]
    return [(body["type"], body["data"]["id"]) for body in bodies]


def test_a_booked_course_is_told_in_order_with_ids_alone(
    clinic: factories.Clinic, receiver: Receiver
) -> None:
    webhook = subscribe(clinic, receiver, "course.booked", "appointment.booked")
    course = booked.book(clinic)
    serve()
    lines = TrailEntry.objects.filter(verb__in=("course.booked", "appointment.booked")).order_by("id")
    assert told(receiver) == [(line.verb, str(line.subject_id)) for line in lines]
    verifier = standardwebhooks.Webhook(subscriptions.secret_of(webhook=webhook))
    for call in receiver.calls:
        body = verifier.verify(call.body, dict(call.headers))
        assert body["id"] == call.headers["webhook-id"]
        assert set(body) == {"id", "type", "timestamp", "api_version", "data"}
        assert set(body["data"]) <= {"object", "id", "course", "patient"}
        assert body["data"]["course"] == str(course.pk)
        forged = dict(call.headers) | {"webhook-id": "evt_other"}
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verifier.verify(call.body, forged)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == len(receiver.calls)
    assert serve() == 0, "what was accepted is not told again"


def test_only_what_was_asked_for_of_one_s_own_practice(clinic: factories.Clinic, receiver: Receiver) -> None:
    booked.book(clinic)
    subscribe(clinic, receiver, "course.cancelled")
    booked.book(factories.small_clinic())
    assert serve() == 0


def test_a_change_of_secrets_signs_with_both_for_a_day(clinic: factories.Clinic, receiver: Receiver) -> None:
    webhook = subscribe(clinic, receiver, "course.booked")
    old = subscriptions.secret_of(webhook=webhook)
    renewed = subscriptions.renew_secret(actor=clinic.admin, webhook_id=webhook.pk, now=timezone.now())
    new = subscriptions.secret_of(webhook=renewed)
    assert old != new
    booked.book(clinic)
    serve()
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(receiver.calls[0].body, dict(receiver.calls[0].headers))
    later = Clock()
    later.ahead = subscriptions.BOTH_SECRETS + timedelta(minutes=1)
    delivery = WebhookDelivery.objects.get()
    subscriptions.replay(actor=clinic.admin, webhook_id=webhook.pk, delivery_id=delivery.pk, now=later())
    serve(later)
    assert receiver.calls[1].headers["webhook-id"] == receiver.calls[0].headers["webhook-id"]
    assert len(receiver.calls[0].headers["webhook-signature"].split()) == 2
    assert len(receiver.calls[1].headers["webhook-signature"].split()) == 1


def test_the_secret_is_sealed_to_its_row(clinic: factories.Clinic, receiver: Receiver, settings: Any) -> None:
    webhook = subscribe(clinic, receiver, "course.booked")
    secret = subscriptions.secret_of(webhook=webhook)
    assert secret.encode() not in bytes(webhook.secret)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key " * 6
    assert subscriptions.secret_of(webhook=webhook) == secret
    other = subscribe(clinic, receiver, "course.booked")
    WebhookSubscription.objects.filter(pk=other.pk).update(secret=webhook.secret)
    booked.book(clinic)
    serve()
    states_by = {row.subscription_id: row.last_error for row in WebhookDelivery.objects.all()}
    assert states_by == {webhook.pk: "", other.pk: "secret_unreadable"}


def test_a_failure_is_tried_again_later_and_stands_in_nobody_s_way(
    clinic: factories.Clinic, receiver: Receiver
) -> None:
    subscribe(clinic, receiver, "course.booked", "appointment.booked")
    booked.book(clinic)
    receiver.statuses = [500]
    clock = Clock()
    serve(clock)
    failed = WebhookDelivery.objects.get(state="pending")
    assert (failed.attempts, failed.last_status) == (1, 500)
    assert WebhookDelivery.objects.filter(state="delivered").count() == len(receiver.calls) - 1 > 0
    clock.ahead += timedelta(seconds=10)
    serve(clock)
    assert receiver.calls[-1].headers["webhook-id"] == receiver.calls[0].headers["webhook-id"]
    assert not WebhookDelivery.objects.filter(state="pending").exists()


def test_tries_end_and_a_replay_begins_them_anew(clinic: factories.Clinic, receiver: Receiver) -> None:
    webhook = subscribe(clinic, receiver, "course.booked")
    booked.book(clinic)
    clock = Clock()
    receiver.statuses = [503] * (len(schedule.AGAIN) + 1)
    serve(clock)
    while (delivery := WebhookDelivery.objects.get()).next_attempt_at is not None:
        clock.ahead = delivery.next_attempt_at - timezone.now() + timedelta(seconds=1)
        serve(clock)
    assert (delivery.state, delivery.attempts) == ("failed", len(schedule.AGAIN) + 1)
    assert clock.ahead > timedelta(days=2)
    subscriptions.replay(actor=clinic.admin, webhook_id=webhook.pk, delivery_id=delivery.pk, now=clock())
    serve(clock)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_a_receiver_that_fails_for_days_is_switched_off_and_a_person_is_told(
    clinic: factories.Clinic, receiver: Receiver
) -> None:
    webhook = subscribe(clinic, receiver, "course.booked")
    booked.book(clinic)
    clock = Clock()
    receiver.statuses = [503] * 100
    for _ in range(2):
        serve(clock)
        webhook.refresh_from_db()
        assert webhook.is_active
        clock.ahead += schedule.GIVEN_UP_AFTER / 2
    serve(clock)
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_reason) == (False, "failing")
    assert WorkItem.objects.get().kind == "webhook_disabled"
    clock.ahead += timedelta(days=1)
    assert serve(clock) == 0
    receiver.statuses = []
    subscriptions.update(actor=clinic.admin, webhook_id=webhook.pk, changes={"is_active": True}, now=clock())
    assert serve(clock) == 1
    assert WebhookDelivery.objects.get().state == "delivered"
    assert WorkItem.objects.get().done_at is not None


def test_gone_is_for_ever(clinic: factories.Clinic, receiver: Receiver) -> None:
    webhook = subscribe(clinic, receiver, "course.booked", "appointment.booked")
    receiver.statuses = [410]
    booked.book(clinic)
    serve()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.disabled_reason, len(receiver.calls)) == (False, "gone", 1)


def test_a_dead_receiver_costs_one_call_a_turn_and_no_one_else_s(
    clinic: factories.Clinic, receiver: Receiver
) -> None:
    with receivers.receiver() as dead:
        pass
    subscribe(clinic, dead, "course.booked", "appointment.booked")
    subscribe(clinic, receiver, "course.booked")
    booked.book(clinic)
    assert serve() == 2
    assert len(receiver.calls) == 1


def test_a_worker_that_dies_is_followed_by_another(clinic: factories.Clinic, receiver: Receiver) -> None:
    webhook = subscribe(clinic, receiver, "course.booked")
    booked.book(clinic)
    clock = Clock()
    assert serving.lease(worker="died", now=clock(), before=clock() + timedelta(seconds=1)) == webhook.pk
    assert serve(clock) == 0, "one worker at a time"
    clock.ahead = serving.LEASE + timedelta(seconds=1)
    assert serve(clock) == 1


def test_a_line_that_commits_late_is_told(clinic: factories.Clinic, receiver: Receiver) -> None:
    """The trail is read by stamp, up to the horizon; by id alone the late one would be passed over."""
    from_races = pytest.importorskip("tests.races.test_updated_since")
    subscribe(clinic, receiver, "appointment.booked")
    other = factories.patient(clinic.site, consents=False)
    wanted = single.Visit(
        patient_id=other.pk, kind="therapy", start=booked.NOW + timedelta(days=7), mode="video"
    )

    def late() -> None:
        TrailEntry.objects.create(
            practice=clinic.practice,
            at=timezone.now(),
            actor_ref="system",
            verb="appointment.booked",
            subject_kind="appointment",
            subject_id=other.pk,
        )

    with from_races.unfinished(late) as finish:
        early = single.book(actor=clinic.admin, now=booked.NOW, visit=wanted)
        serve()
        finish()
    serve()
    assert {found for _, found in told(receiver)} == {str(early), str(other.pk)}


def test_a_span_is_told_again_with_the_ids_that_it_had(clinic: factories.Clinic, receiver: Receiver) -> None:
    booked.book(clinic)
    webhook = subscribe(clinic, receiver, "course.booked", "appointment.booked")
    day = timedelta(days=1)
    span = {"since": datetime.now(UTC) - day, "until": datetime.now(UTC) + day}
    count = subscriptions.replay_span(actor=clinic.admin, webhook_id=webhook.pk, now=timezone.now(), **span)
    serve()
    first = [call.headers["webhook-id"] for call in receiver.calls]
    assert count == len(first) > 1, "of a time before it was made, too"
    subscriptions.replay_span(actor=clinic.admin, webhook_id=webhook.pk, now=timezone.now(), **span)
    serve()
    assert [call.headers["webhook-id"] for call in receiver.calls] == first * 2


def test_nobody_subscribed_costs_a_booking_no_statement_and_a_tick_one(clinic: factories.Clinic) -> None:
    with CaptureQueriesContext(connection) as seen:
        booked.book(clinic)
    assert not [query for query in seen.captured_queries if "webhook" in query["sql"]]
    with CaptureQueriesContext(connection) as seen:
        assert serve() == 0
    assert len([query for query in seen.captured_queries if "SELECT" in query["sql"]]) == 1


@pytest.mark.parametrize("machine", [states.APPOINTMENT, states.COURSE])
def test_every_move_is_an_event(machine: states.Machine) -> None:
    for move in machine.moves:
        assert events.type_of(verb=f"{machine.name}.{move.verb}", subject_kind=machine.name), move.verb


def test_every_state_of_a_follow_up_is_an_event() -> None:
    for state in GapStatus.values:
        assert events.type_of(verb=f"follow_up.{state}", subject_kind="gap") == f"follow_up.{state}"
