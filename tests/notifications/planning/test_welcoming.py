"""The text that confirms an opt-in: once a number and consent, and never to patients of a file (R-11)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice import actor as actors
from clinic.practice.models.place import Site
from notifications.models import Message
from patients import decisions, importing, own, records
from patients.models import Patient
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(minutes=5)
NUMBER, OTHER = "+13035550111", "+13035550112"


@pytest.fixture
def site() -> Site:
    return factories.site(factories.practice())


def newcomer(site: Site, **fields: Any) -> Patient:
    given = {"given_name": "Ann", "family_name": "New", "birth_date": date(1980, 1, 1)}
    given |= {"phone": NUMBER, "site_id": site.pk, "actor": factories.admin(site.practice), "now": NOW}
    return records.create_patient(**{**given, **fields})  # type: ignore[arg-type]


def arrived(provider: SmsProvider, now: datetime = SOON) -> list[tuple[str, str]]:
    making.deliver(Clock(now))
    return sorted((sms["to"], sms["body"]) for sms in provider.inbox())


def test_r_11_who_gives_their_number_to_staff_is_told_what_they_agreed_to_once(
    site: Site, sms_provider: SmsProvider
) -> None:
    patient = newcomer(site)
    assert arrived(sms_provider, NOW) == [], "a number that was mistyped can be mended"
    [(to, text)] = arrived(sms_provider)
    assert to == NUMBER
    assert text == (
        f"{site.practice.message_name}: you will get texts about your visits. Frequency varies. "
        "Msg&data rates may apply. HELP for help. STOP to opt out."
    )
    admin = factories.admin(site.practice)
    again = {"given_name": "Anna", "phone": NUMBER}
    records.update_patient(actor=admin, patient_id=patient.pk, changes=again, now=SOON)
    assert len(arrived(sms_provider, SOON + timedelta(hours=1))) == 1


def test_a_number_that_was_mended_in_time_is_the_only_one_that_gets_it(
    site: Site, sms_provider: SmsProvider
) -> None:
    patient = newcomer(site)
    admin = factories.admin(site.practice)
    records.update_patient(actor=admin, patient_id=patient.pk, changes={"phone": OTHER}, now=NOW)
    assert [to for to, _ in arrived(sms_provider)] == [OTHER]


def test_another_number_is_told_too(site: Site, sms_provider: SmsProvider) -> None:
    patient = newcomer(site)
    arrived(sms_provider)
    admin = factories.admin(site.practice)
    records.update_patient(actor=admin, patient_id=patient.pk, changes={"phone": OTHER}, now=SOON)
    later = SOON + timedelta(minutes=5)
    assert [to for to, _ in arrived(sms_provider, later)] == [NUMBER, OTHER]


def test_nobody_is_told_who_did_not_agree_to_a_person(site: Site) -> None:
    newcomer(site, may_message=False)
    newcomer(site, no_messages=True)
    newcomer(site, actor=factories.program(site.practice))
    file = "external_system,external_value,given_name,family_name,birth_date,phone,may_message\n"
    file += "".join(f"x,{n},A,B,1980-01-01,+1303555012{n},yes\n" for n in range(5))
    report = importing.run(actor=factories.admin(site.practice), now=NOW, file=file, mode="apply")
    assert Patient.objects.count() == 8, report
    assert not Message.objects.exists()


def test_who_chooses_texts_by_the_link_is_told_each_time_they_choose_them_anew(
    site: Site, sms_provider: SmsProvider
) -> None:
    patient = factories.patient(site, consents=False)
    link = actors.patient(practice_id=site.practice_id, patient_id=patient.pk)

    def choose(*wanted: str, now: datetime) -> None:
        own.choose_channels(actor=link, wanted=frozenset(wanted), warning_version="page", now=now)

    choose("sms", now=NOW)
    choose("sms", "email", now=NOW)
    assert len(arrived(sms_provider)) == 1
    choose(now=SOON)
    choose("sms", now=SOON + timedelta(minutes=1))
    assert len(arrived(sms_provider, SOON + timedelta(minutes=9))) == 2


def test_r_10_it_waits_for_the_morning(site: Site, sms_provider: SmsProvider) -> None:
    night = datetime(2026, 5, 5, 2, tzinfo=UTC)
    newcomer(site, now=night)
    assert arrived(sms_provider, night + timedelta(hours=1)) == []
    assert len(arrived(sms_provider, datetime(2026, 5, 5, 13, 1, tzinfo=UTC))) == 1


def test_who_shares_a_telephone_reads_it_once(site: Site, sms_provider: SmsProvider) -> None:
    newcomer(site)
    newcomer(site, given_name="Ben")
    assert len(arrived(sms_provider)) == 1
    assert making.state(Message.objects.get(state="suppressed")) == ("suppressed", "shared_number_told")


def test_a_consent_that_staff_record_is_confirmed(site: Site, sms_provider: SmsProvider) -> None:
    patient = factories.patient(site, consents=False, phone=NUMBER)
    decisions.decide_messaging(
        actor=factories.admin(site.practice),
        patient_id=patient.pk,
        channel="sms",
        decision="granted",
        warning_version="1",
        now=NOW,
    )
    assert [to for to, _ in arrived(sms_provider)] == [NUMBER]
