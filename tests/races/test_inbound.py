"""One text that is told five times at the same moment."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Inbound, Message
from tests.notifications import making
from tests.notifications.inbox.texting import asked, number_of, text
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("word", ["C", "R", "STOP", "hello"])
def test_five_tellings_at_once_are_one_text(word: str) -> None:
    patient = making.patient()
    visit = making.visit(patient, timezone.now() + timedelta(days=1))
    asked(visit)
    number = number_of(patient)
    outcome = race.run([lambda: text(Client(), number, word, sid="SM1").status_code] * 5)
    assert outcome.results == [200] * 5
    assert Inbound.objects.count() == 1
    assert WorkItem.objects.count() == {"C": 0, "STOP": 0}.get(word, 1)
    assert Message.objects.filter(state="planned").count() == {"C": 1, "R": 1}.get(word, 0)
    assert TrailEntry.objects.filter(verb__in=("appointment.confirm", "text.opted_out")).count() == {
        "C": 1,
        "STOP": 1,
    }.get(word, 0)
