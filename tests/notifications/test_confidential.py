"""R-04 (45 CFR 164.522): a patient says at which address alone they are written to, and no message goes
elsewhere, whatever comes to be on file."""

from datetime import timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotAllowed
from clinic.practice.models import WorkItem
from notifications.models import Message, Suppression
from notifications.planning import recipients
from notifications.planning.kinds import Kind
from notifications.sending.decision import Send
from patients import addresses, importing, own, queries, records
from patients.models import AddressRequest, MessagingConsent, Patient
from scheduling.booking.own import own_messages
from scheduling.booking.writing.drafts import People
from tests import factories
from tests.notifications import making
from tests.notifications.making import deliver, state

pytestmark = pytest.mark.django_db(transaction=True)
OWN = "+13035550141"
HOME = "+13035550142"


def desk(someone: Patient) -> Any:
    return factories.actor(someone.practice, "front_desk")


def asks(someone: Patient, *values: str, about: tuple[str, ...] = ("reminders",), **fields: Any) -> None:
    """The patient asks to be written to at these addresses alone; at none: at any again."""
    addresses.ask(
        actor=desk(someone),
        patient_id=someone.pk,
        categories=about,
        addresses=values or None,
        said="By telephone: not at home.",
        **{"now": making.NOW, **fields},
    )


def also(someone: Patient, value: str, **fields: Any) -> None:
    """One more address on file."""
    channel = "email" if "@" in value else "sms"
    addresses.add(
        actor=desk(someone), patient_id=someone.pk, channel=channel, value=value, now=making.NOW, **fields
    )


@pytest.fixture
def someone() -> Patient:
    made = making.patient(phone=HOME, email="home@example.com")
    also(made, OWN, rank=2)
    return made


def test_r_04_a_text_goes_to_the_number_that_was_asked_for(
    someone: Patient, sms_provider: SmsProvider
) -> None:
    asks(someone, OWN)
    row = making.reminder(making.visit(someone, making.tomorrow()))
    deliver()
    assert state(row)[0] == "accepted"
    assert [one["to"] for one in sms_provider.inbox()] == [OWN]


def test_r_04_it_never_falls_back_to_another_number(someone: Patient, sms_provider: SmsProvider) -> None:
    """The number that was asked for does not exist: the others are no way out."""
    asks(someone, OWN)
    Suppression.objects.create(
        practice=someone.practice, channel="sms", value=OWN, reason="no_such_address", since=making.NOW
    )
    row = making.reminder(making.visit(someone, making.tomorrow()))
    deliver()
    assert state(row) == ("suppressed", "no_such_address")
    assert sms_provider.inbox() == []


def test_r_04_nor_to_another_channel_and_the_front_desk_is_asked_to_call(
    someone: Patient, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    asks(someone, OWN)
    point = someone.contact_points.get(value=OWN)
    addresses.remove(actor=desk(someone), patient_id=someone.pk, point_id=point.pk, now=making.NOW)
    row = making.reminder(making.visit(someone, making.tomorrow()))
    deliver()
    deliver()
    mail = Message.objects.get(subject_id=row.subject_id, channel="email")
    assert state(row) == state(mail) == ("suppressed", "other_address_asked")
    assert (sms_provider.inbox(), smtp_catcher.inbox()) == ([], [])
    assert WorkItem.objects.get(kind="patient_unreachable").patient_id == someone.pk


def test_r_04_each_sort_of_message_has_the_addresses_that_were_asked_for_it(
    someone: Patient, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    asks(someone, "home@example.com", about=("check_ins", "forms"))
    asks(someone, OWN)
    visit = making.visit(someone, making.tomorrow())
    making.reminder(visit)
    people = People({someone.pk: someone})
    # Planned where it may go at once: no text is tried before.
    assert people.every(someone.pk, Kind.CHECK_IN) == ("email",)
    assert people.every(someone.pk, Kind.MEASURE_DUE) == ("email",)
    assert people.every(someone.pk, Kind.REMINDER_24H) == ("sms",)
    deliver()
    assert [one["to"] for one in sms_provider.inbox()] == [OWN]
    assert smtp_catcher.inbox() == []


def test_r_04_the_latest_request_holds_and_its_end_is_one_too(someone: Patient) -> None:
    asks(someone, OWN)
    asks(someone, HOME, now=making.NOW + timedelta(minutes=1))
    asked = queries.asked_addresses(patient_ids=[someone.pk], category="reminders")
    assert asked == {someone.pk: [HOME]}
    asks(someone, now=making.NOW + timedelta(minutes=2))
    assert queries.asked_addresses(patient_ids=[someone.pk], category="reminders") == {}
    assert AddressRequest.objects.filter(patient=someone).count() == 3


def test_r_04_it_is_kept_who_wrote_it_down_when_and_what_was_said(someone: Patient) -> None:
    asks(someone, OWN, at=making.NOW - timedelta(days=1))
    row = AddressRequest.objects.get(patient=someone)
    assert row.decided_at == making.NOW - timedelta(days=1)
    assert row.decided_by == desk(someone).ref
    assert row.said == "By telephone: not at home."
    with pytest.raises(NotAllowed):
        addresses.ask(
            actor=factories.program(someone.practice, "read:patients"),
            patient_id=someone.pk,
            categories=["reminders"],
            addresses=[OWN],
            said="x",
            now=making.NOW,
        )


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"addresses": []}, "addresses"),
        ({"addresses": ["+13035550199"]}, "addresses"),
        ({"categories": []}, "categories"),
        ({"categories": ["adverts"]}, "categories"),
        ({"said": " "}, "said"),
    ],
)
def test_r_04_a_request_names_addresses_on_file_and_what_was_said(
    someone: Patient, asked: dict[str, Any], wrong: str
) -> None:
    given: dict[str, Any] = {"categories": ["reminders"], "addresses": [OWN], "said": "By telephone."}
    with pytest.raises(Invalid) as refused:
        addresses.ask(actor=desk(someone), patient_id=someone.pk, now=making.NOW, **{**given, **asked})
    assert set(refused.value.fields) == {wrong}


def test_r_04_a_file_takes_the_asked_address_from_nobody(someone: Patient, sms_provider: SmsProvider) -> None:
    """Another system knows another number: it is kept, and nothing goes there."""
    records.update_patient(
        actor=desk(someone),
        patient_id=someone.pk,
        changes={"external_ids": [{"system": "ehr", "value": "7"}], "phone": OWN},
        now=making.NOW,
    )
    asks(someone, OWN)
    head = "external_system,external_value,given_name,family_name,birth_date,phone,may_message\n"
    file = f"{head}ehr,7,{someone.given_name},{someone.family_name},1980-01-01,+13035550155,yes\n"
    for outcome in ("updated", "unchanged"):
        report = importing.run(actor=desk(someone), now=making.NOW, file=file, mode="apply")
        assert [one.outcome for one in report.results] == [outcome]
    row = making.reminder(making.visit(someone, making.tomorrow()))
    deliver()
    assert state(row)[0] == "accepted"
    assert [one["to"] for one in sms_provider.inbox()] == [OWN]


def test_r_04_what_is_foreseen_is_what_goes(someone: Patient) -> None:
    asks(someone, OWN)
    making.reminder(making.visit(someone, making.tomorrow()))
    seen = own_messages.of_patient(actor=desk(someone), patient_id=someone.pk, now=making.NOW)
    assert seen
    assert {one.outcome.to for one in seen if isinstance(one.outcome, Send)} == {OWN}


def test_r_04_a_thread_with_a_number_that_was_left_out_is_not_written_to(someone: Patient) -> None:
    asks(someone, OWN)
    assert recipients.unwanted(practice_id=someone.practice_id, number=HOME) == "other_address_asked"
    assert recipients.unwanted(practice_id=someone.practice_id, number=OWN) == ""


def test_r_04_what_patients_choose_themselves_leaves_the_request_as_it_is(someone: Patient) -> None:
    asks(someone, "home@example.com", about=("reminders", "check_ins", "forms"))
    assert own.channels(patient=someone) == ("email",)
    me = Actor(someone.practice_id, "patient", id=someone.pk)
    own.choose_channels(actor=me, wanted=frozenset({"email"}), warning_version="page-1", now=making.NOW)
    assert not MessagingConsent.objects.filter(patient=someone, decision="revoked").exists()
    own.choose_channels(actor=me, wanted=frozenset(), warning_version="page-1", now=making.NOW)
    assert MessagingConsent.objects.filter(patient=someone, decision="revoked").count() == 2


def test_r_04_it_costs_a_message_no_further_question(
    someone: Patient, django_assert_num_queries: Any
) -> None:
    row = making.reminder(making.visit(someone, making.tomorrow()))
    asks(someone, OWN)
    with django_assert_num_queries(1):
        assert recipients.address(row) == recipients.Address(OWN)
