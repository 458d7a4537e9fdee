"""Consents, eligibility and measures: dated decisions, of which the latest holds."""

from datetime import UTC, date, datetime, timedelta

import pytest

from clinic.practice.errors import Invalid, NotAllowed, NotFound
from patients import decisions, queries, records
from patients.models import Measure
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR = timedelta(hours=1)
KEY = factories.IV


@pytest.fixture
def patient():
    return factories.patient(factories.site(factories.practice()), consents=False)


@pytest.fixture
def desk(patient):
    return factories.actor(patient.practice, "front_desk")


@pytest.fixture
def prescriber(patient):
    return factories.actor(patient.practice, "prescriber")


def refused_fields(call, **asked) -> set[str]:
    with pytest.raises(Invalid) as refused:
        call(now=NOW, **asked)
    return set(refused.value.fields)


# --- messages -------------------------------------------------------------------------------------------
def messaging(desk, patient, decision, at=NOW, **fields):
    given = {"channel": "sms", "warning_version": "1"}
    return decisions.decide_messaging(
        actor=desk, patient_id=patient.pk, decision=decision, now=at, **{**given, **fields}
    )


def may(patient) -> set[str]:
    return {channel for _, channel in queries.may_message(patient_ids=[patient.pk])}


def test_without_a_consent_there_are_no_messages(patient):
    assert may(patient) == set()


def test_the_latest_decision_of_a_channel_and_category_holds(patient, desk):
    messaging(desk, patient, "granted")
    messaging(desk, patient, "granted", channel="email")
    assert may(patient) == {"sms", "email"}
    messaging(desk, patient, "revoked", at=NOW + HOUR, warning_version="")
    messaging(desk, patient, "revoked", at=NOW + HOUR, channel="email", category="billing")
    assert may(patient) == {"email"}
    messaging(desk, patient, "granted", at=NOW + 2 * HOUR)
    assert may(patient) == {"sms", "email"}


def test_a_request_for_no_messages_outranks_every_consent(patient, desk):
    messaging(desk, patient, "granted")
    records.update_patient(actor=desk, patient_id=patient.pk, changes={"no_messages": True}, now=NOW)
    assert may(patient) == set()


def test_a_grant_names_the_warning_that_was_shown(patient, desk):
    asked = {"actor": desk, "patient_id": patient.pk, "channel": "sms", "decision": "granted"}
    assert refused_fields(decisions.decide_messaging, **asked) == {"warning_version"}


def test_a_bad_decision_points_at_its_fields(patient, desk):
    asked = {"actor": desk, "patient_id": patient.pk, "channel": "fax", "decision": "perhaps"}
    asked |= {"category": "gossip", "at": NOW + HOUR}
    wrong = {"channel", "decision", "category", "at"}
    assert refused_fields(decisions.decide_messaging, **asked) == wrong


# --- eligibility ----------------------------------------------------------------------------------------
def eligible(patient, at: datetime) -> bool:
    papers = queries.papers(patient_ids=[patient.pk], protocol_keys=[KEY], now=at)
    return not papers.why_not_eligible(patient_id=patient.pk, protocol_key=KEY, at=at)


def test_eligibility_expires_at_the_end_of_a_local_day(patient, prescriber):
    asked = {"actor": prescriber, "patient_id": patient.pk, "protocol_key": KEY, "now": NOW}
    assert not eligible(patient, NOW)
    decisions.decide_eligibility(**asked, decision="eligible", expires_on=date(2026, 5, 10))
    # New York is UTC-4: the tenth ends at 04:00 UTC of the eleventh.
    assert eligible(patient, datetime(2026, 5, 11, 3, 59, tzinfo=UTC))
    assert not eligible(patient, datetime(2026, 5, 11, 4, tzinfo=UTC))


def test_a_later_no_outranks_a_yes(patient, prescriber):
    asked = {"actor": prescriber, "patient_id": patient.pk, "protocol_key": KEY}
    decisions.decide_eligibility(**asked, decision="eligible", now=NOW)
    decisions.decide_eligibility(**asked, decision="deferred", reason="blood pressure", now=NOW + HOUR)
    assert eligible(patient, NOW)
    assert not eligible(patient, NOW + HOUR)


def test_only_the_licensed_decide_on_eligibility(patient, desk):
    with pytest.raises(NotAllowed):
        decisions.decide_eligibility(
            actor=desk, patient_id=patient.pk, protocol_key=KEY, decision="eligible", now=NOW
        )


def test_a_bad_eligibility_points_at_its_fields(patient, prescriber):
    asked = {"actor": prescriber, "patient_id": patient.pk, "protocol_key": ""}
    asked |= {"decision": "not_eligible", "expires_on": date(2026, 5, 1)}
    wrong = {"protocol", "reason", "expires_on"}
    assert refused_fields(decisions.decide_eligibility, **asked) == wrong


# --- treatment consent ----------------------------------------------------------------------------------
def test_a_consent_is_to_one_version_and_can_be_withdrawn(patient, desk):
    asked = {"actor": desk, "patient_id": patient.pk, "now": NOW}
    given = decisions.record_consent(**asked, protocol_key=KEY, protocol_version=1)

    def consented(version: int) -> bool:
        papers = queries.papers(patient_ids=[patient.pk], protocol_keys=[KEY], now=NOW)
        return papers.has_consent(patient_id=patient.pk, protocol_key=KEY, protocol_version=version)

    assert consented(1)
    assert not consented(2)
    decisions.withdraw_consent(**asked, consent_id=given.pk)
    decisions.withdraw_consent(**asked, consent_id=given.pk)
    assert not consented(1)


def test_a_consent_of_another_patient_cannot_be_withdrawn(patient, desk):
    given = decisions.record_consent(
        actor=desk, patient_id=patient.pk, protocol_key=KEY, protocol_version=1, now=NOW
    )
    other = factories.patient(patient.site)
    with pytest.raises(NotFound):
        decisions.withdraw_consent(actor=desk, patient_id=other.pk, consent_id=given.pk, now=NOW)


# --- measures -------------------------------------------------------------------------------------------
def test_a_measure_is_kept_within_its_scale(patient, desk):
    asked = {"actor": desk, "patient_id": patient.pk, "code": "PHQ-9"}
    assert decisions.record_measure(**asked, score=27, now=NOW).score == 27
    for score in (28, -1, "x", "NaN", "Infinity", True, None, "1.234", [1]):
        assert refused_fields(decisions.record_measure, **asked, score=score) == {"score"}
    assert refused_fields(decisions.record_measure, **asked, score=1, at=NOW + HOUR) == {"at"}
    assert Measure.objects.count() == 1


def test_another_practice_records_nothing(patient):
    other = factories.admin(factories.practice())
    about = {"actor": other, "patient_id": patient.pk, "now": NOW}
    with pytest.raises(NotFound):
        decisions.record_measure(**about, code="PHQ-9", score=3)
    with pytest.raises(NotFound):
        decisions.decide_messaging(**about, channel="sms", decision="revoked")
    with pytest.raises(NotFound):
        decisions.record_consent(**about, protocol_key=KEY, protocol_version=1)
    with pytest.raises(NotFound):
        decisions.decide_eligibility(**about, protocol_key=KEY, decision="eligible")
