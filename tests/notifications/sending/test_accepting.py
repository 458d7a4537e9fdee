"""That a provider took a message is told alike, by whichever way it becomes known."""

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice.models import TrailEntry
from notifications.channels.base import Outcome, Result
from notifications.models import Attempt, Message
from notifications.sending import delivery
from tests.notifications import making
from tests.notifications.making import NOW

pytestmark = pytest.mark.django_db

OWN = ("id", "message_id", "subject_id", "patient_id", "request_id", "recorded_at", "begun_at")


def _taken(*, doubtful: bool) -> tuple[dict[str, object], dict[str, object]]:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    assert delivery.claim(worker="one", now=NOW) == row.pk
    begun = delivery.begin(message_id=row.pk, worker="one", now=NOW)
    assert begun is not None
    if doubtful:
        Message.objects.filter(pk=row.pk).update(state="in_doubt")
    result = Result(Outcome.ACCEPTED, provider_id="SM1")
    assert delivery.record(message_id=row.pk, attempt_id=begun.attempt_id, result=result, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.provider_id, row.lease_until) == ("accepted", "SM1", None)
    told = TrailEntry.objects.filter(subject_id=row.pk, verb="message.sent").values().get()
    tried = Attempt.objects.filter(message=row).values().get()
    assert (told["patient_id"], told["practice_id"]) == (row.patient_id, row.practice_id)
    return _common(told), _common(tried)


def _common(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in (*OWN, "practice_id")}


def test_a_message_in_doubt_that_was_taken_ends_as_any_other(sms_provider: SmsProvider) -> None:
    assert _taken(doubtful=True) == _taken(doubtful=False)
