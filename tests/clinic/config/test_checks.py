"""R-16: nothing is given to a provider before there is an agreement with it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from clinic.config import checks
from notifications import channels
from tests.notifications import making
from tests.notifications.making import deliver, state

TWILIO, SMTP = "https://api.twilio.com", "smtp.example.com"


@pytest.fixture
def public(settings: Settings) -> Settings:
    """An installation that serves patients, with real providers that nothing here reaches."""
    settings.PUBLIC_URL = "https://clinic.example.org"
    settings.TWILIO_API_BASE = TWILIO
    settings.EMAIL_HOST = SMTP
    settings.MESSAGE_BAA_SIGNED = []
    return settings


def test_r_16_the_deploy_check_names_each_provider_without_an_agreement(public: Settings) -> None:
    with pytest.raises(SystemCheckError, match=r"(?s)smtp.*twilio"):
        call_command("check", "--deploy")
    public.MESSAGE_BAA_SIGNED = ["smtp"]
    assert ["twilio" in one.msg for one in checks.agreements()] == [True]
    public.MESSAGE_BAA_SIGNED = ["smtp", "twilio"]
    assert checks.agreements() == []


def test_r_16_no_worker_starts_without_one(public: Settings) -> None:
    with pytest.raises(ImproperlyConfigured, match="twilio"):
        checks.HasAgreements(worker=None)
    public.MESSAGE_BAA_SIGNED = ["smtp", "twilio"]
    checks.HasAgreements(worker=None)


@pytest.mark.django_db(transaction=True)
def test_r_16_nothing_is_sent_and_the_next_channel_takes_over(public: Settings) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    deliver()
    assert state(row) == ("suppressed", "no_agreement")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PUBLIC_URL", "http://127.0.0.1:8000"), ("TWILIO_API_BASE", "http://127.0.0.1:9999")],
)
def test_r_16_a_stand_in_on_this_machine_needs_none(public: Settings, name: str, value: str) -> None:
    setattr(public, name, value)
    assert channels.agreed("sms")


def test_r_16_a_console_is_no_provider_where_we_are_public(public: Settings) -> None:
    public.SMS_PROVIDER = "console"
    provider = channels.of("sms")
    assert provider is not None
    assert not provider.configured()
