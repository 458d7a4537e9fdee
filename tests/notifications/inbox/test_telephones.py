"""The whole way by HTTP, as a developer tries it in the demo."""

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from clinic.local.providers import SmsProvider, TelnyxProvider
from notifications.models import Message, Suppression
from tests.notifications import making
from tests.notifications.inbox import texting
from tests.notifications.inbox.texting import number_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_telephone_at_the_local_provider_answers(
    sms_provider: SmsProvider, live_server: LiveServer, settings: Settings
) -> None:
    """As a developer tries it in the demo: signed, by HTTP."""
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    patient = making.patient()
    told = sms_provider.reply(
        sender=number_of(patient),
        to=settings.TWILIO_FROM,
        body="STOP",
        url=f"{settings.PUBLIC_URL}{texting.PATH}",
    )
    assert (told["status"], told["body"]) == (200, "<Response/>")
    assert Suppression.objects.get().value == number_of(patient)
    assert not Message.objects.exists()


def test_a_telephone_at_the_local_telnyx_answers(
    telnyx_provider: TelnyxProvider, live_server: LiveServer
) -> None:
    patient = making.patient()
    url = live_server.url.replace("localhost", "127.0.0.1") + "/hooks/telnyx/messages/"
    told = {"from": number_of(patient), "to": "+15005550006", "body": "alto", "url": url}
    assert telnyx_provider.post("/control/inbound", told)["status"] == 204
    assert Suppression.objects.get().value == number_of(patient)
