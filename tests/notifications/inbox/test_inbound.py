"""Texts that come: who is believed, and that each has one effect; out, in again, and help by one word."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from twilio.request_validator import RequestValidator

from clinic.local.providers import SmsProvider
from clinic.practice import work
from clinic.practice.models import TrailEntry, WorkItem
from notifications.inbox import desk, inbound
from notifications.inbox.inbound import Text
from notifications.models import Inbound, Message, Suppression, Thread
from patients.models import Patient
from tests import factories
from tests.notifications import making
from tests.notifications.inbox import texting
from tests.notifications.inbox.texting import number_of, telnyx, text
from tests.notifications.making import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient() -> Patient:
    return making.patient()


@pytest.fixture
def we_answer(settings: Settings) -> None:
    settings.SMS_PROVIDER_ANSWERS_STOP = False


def sharing(patient: Patient) -> Patient:
    """Somebody else of the practice with the same telephone."""
    other = factories.patient(patient.site)
    other.contact_points.filter(channel="sms").update(value=number_of(patient))
    return other


def tasks() -> list[str]:
    return sorted(WorkItem.objects.filter(done_at=None).values_list("kind", flat=True))


def answers() -> list[str]:
    return sorted(Message.objects.filter(subject_kind="reply").values_list("kind", flat=True))


# --- who is believed ----------------------------------------------------------------------------------------
def test_r_14_a_text_is_kept_and_answered_with_empty_twiml(client: Client, patient: Patient) -> None:
    answer = text(client, number_of(patient), "Can I bring my dog?")
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "text/xml", b"<Response/>")
    kept = Inbound.objects.get()
    assert (kept.patient, kept.body, kept.meaning) == (patient, "Can I bring my dog?", "unclear")
    assert kept.thread is not None and kept.thread.number == number_of(patient)
    assert tasks() == ["patient_text"]


def test_r_14_the_provider_s_own_library_signs_as_we_verify(client: Client, patient: Patient) -> None:
    """Over every parameter, also those that nobody knows yet, and over the public address."""
    form = {"MessageSid": "SM1", "From": number_of(patient), "Body": "hi", "Future": "x", "ToCity": ""}
    url = django_settings.PUBLIC_URL + texting.PATH
    sign = RequestValidator(django_settings.TWILIO_AUTH_TOKEN).compute_signature(url, form)
    sent = client.post(
        texting.PATH,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": sign, "Host": "127.0.0.1:9", "X-Forwarded-Proto": "http"},
    )
    assert sent.status_code == 200


@pytest.mark.parametrize("change", [{"Body": "STOP"}, {"Extra": "1"}, {"From": "+13035550199"}])
def test_r_14_what_was_changed_on_the_way_is_refused(
    client: Client, patient: Patient, change: dict[str, str]
) -> None:
    form = {"MessageSid": "SM1", "From": number_of(patient), "Body": "hi"}
    url = django_settings.PUBLIC_URL + texting.PATH
    sign = RequestValidator(django_settings.TWILIO_AUTH_TOKEN).compute_signature(url, form)
    headers = {"X-Twilio-Signature": sign}
    kind = "application/x-www-form-urlencoded"
    assert (
        client.post(texting.PATH, urlencode(form | change), content_type=kind, headers=headers).status_code
        == 403
    )
    assert client.post(texting.PATH, urlencode(form), content_type=kind).status_code == 403
    assert client.post("/hooks/telnyx/messages/", "{}", content_type="application/json").status_code == 403
    assert not Inbound.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"MessageSid": ""}, {"From": ""}, {"From": "x" * 41}, {"MessageSid": "x" * 81}, {"From": "\x00"}],
)
def test_a_signed_text_of_a_strange_shape_changes_nothing(client: Client, fields: dict[str, str]) -> None:
    assert text(client, "+13035550101", "hi", **fields).status_code == 400
    assert not Inbound.objects.exists()


@pytest.mark.parametrize("payload", [{"id": None}, {"from": []}, {"from": {"phone_number": 5 * "1" * 20}}])
def test_telnyx_too(client: Client, payload: dict[str, object]) -> None:
    assert telnyx(client, "+13035550101", "hi", **payload).status_code == 400
    assert telnyx(client, "+13035550101", "hi", direction="outbound").status_code == 204
    assert not Inbound.objects.exists()


def test_a_text_by_telnyx_is_read_the_same(client: Client, patient: Patient) -> None:
    sent = telnyx(client, number_of(patient), "stop", id="abc", media=[{}, {}])
    again = telnyx(client, number_of(patient), "stop", id="abc")
    assert (sent.status_code, again.status_code) == (204, 204)
    assert (Inbound.objects.get().meaning, Inbound.objects.get().media) == ("stop", 2)
    assert Suppression.objects.get().value == number_of(patient)


@pytest.mark.parametrize("body", ["", "\x00STOP\x00", "👍" * 900, "a" * 5000, "<script>", "{{7*7}}"])
def test_whatever_was_written_is_kept(client: Client, patient: Patient, body: str) -> None:
    assert text(client, number_of(patient), body).status_code == 200
    assert Inbound.objects.get().body == body.replace("\x00", "")[: inbound.LONGEST]


def test_every_task_of_a_text_ends_with_its_thread() -> None:
    assert set(desk.REASONS) == set(work.FROM_TEXTS)


# --- one effect ---------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("we_answer")
def test_told_again_and_in_any_order_it_has_one_effect(client: Client, patient: Patient) -> None:
    for _ in range(3):
        text(client, number_of(patient), "what?", sid="SM1")
        text(client, number_of(patient), "HELP", sid="SM2")
    assert Inbound.objects.count() == 2
    assert (tasks(), answers()) == (["patient_text"], ["help"])
    assert Thread.objects.get().version == 2


def test_the_same_id_at_two_providers_is_two_texts(client: Client, patient: Patient) -> None:
    text(client, number_of(patient), "one", sid="abc")
    telnyx(client, number_of(patient), "two", id="abc")
    assert Inbound.objects.count() == 2


# --- out ----------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("we_answer")
@pytest.mark.parametrize("word", ["STOP", "arrêt", "Opt-out", "parar", "REVOKE"])
def test_r_07_r_13_stop_suppresses_the_number_for_everybody_who_has_it(
    client: Client, patient: Patient, sms_provider: SmsProvider, word: str
) -> None:
    other = sharing(patient)
    planned = [making.reminder(making.visit(one, making.tomorrow())) for one in (patient, other)]
    text(client, number_of(patient), word)
    assert Suppression.objects.get().reason == "opted_out"
    making.deliver()
    for row in planned:
        assert making.state(row) == ("suppressed", "opted_out")
        assert Message.objects.get(channel="email", subject_id=row.subject_id).kind == row.kind
    assert {one.patient_id for one in TrailEntry.objects.filter(verb="text.opted_out")} == {
        patient.pk,
        other.pk,
    }


@pytest.mark.usefixtures("we_answer")
def test_r_08_one_confirmation_goes_at_any_hour_and_none_after_five_minutes(
    client: Client, patient: Patient, sms_provider: SmsProvider
) -> None:
    for _ in range(3):
        text(client, number_of(patient), "STOP")
    row = Message.objects.get(kind="opt_out_confirmed")
    assert row.useful_until - row.due_at == timedelta(minutes=5)
    assert row.patient == patient
    making.deliver(Clock(timezone.now()))
    told = sms_provider.inbox(to=number_of(patient))
    assert len(told) == 1
    assert "you are opted out" in told[0]["body"] and "START" in told[0]["body"]
    late = making.patient()
    text(client, number_of(late), "STOP")
    making.deliver(Clock(timezone.now() + timedelta(minutes=6)))
    assert not sms_provider.inbox(to=number_of(late))


@pytest.mark.parametrize(
    ("answers_itself", "word", "flag", "ours"),
    [
        (True, "STOP", "", []),
        (True, " Stop ", "", []),
        (True, "ALTO", "", ["opt_out_confirmed"]),
        (True, "stop.", "", ["opt_out_confirmed"]),
        (False, "STOP", "", ["opt_out_confirmed"]),
        (False, "STOP", "STOP", []),
        (False, "BASTA", "STOP", []),
        (True, "HELP", "", []),
        (False, "INFO", "", ["help"]),
        (False, "INFO", "HELP", []),
    ],
)
def test_r_08_what_the_provider_answered_is_not_answered_twice(
    client: Client,
    settings: Settings,
    patient: Patient,
    answers_itself: bool,
    word: str,
    flag: str,
    ours: list[str],
) -> None:
    settings.SMS_PROVIDER_ANSWERS_STOP = answers_itself
    text(client, number_of(patient), word, **({"OptOutType": flag} if flag else {}))
    assert answers() == ours
    assert Suppression.objects.exists() is (word not in ("HELP", "INFO"))


def test_a_confirmation_that_the_provider_refuses_troubles_nobody(
    client: Client, settings: Settings, patient: Patient, sms_provider: SmsProvider
) -> None:
    settings.SMS_PROVIDER_ANSWERS_STOP = False
    sms_provider.opt_out(number=number_of(patient))
    text(client, number_of(patient), "STOP")
    making.deliver(Clock(timezone.now()))
    assert making.state(Message.objects.get(kind="opt_out_confirmed"))[0] == "failed_final"
    assert tasks() == []


# The instants at which R-09 begins, a minute before and at it.
BEFORE, AFTER = datetime(2027, 1, 31, 4, 59, tzinfo=UTC), datetime(2027, 1, 31, 5, tzinfo=UTC)


def send(sender: str, body: str, at: datetime, *, keyword: str = "") -> None:
    known = Inbound.objects.count()
    inbound.take(
        text=Text(
            provider="twilio",
            provider_id=f"SM{known}",
            sender=sender,
            receiver="+15005550006",
            body=body,
            keyword=keyword,
        ),
        now=at,
    )


@pytest.mark.parametrize(
    ("at", "word", "keyword", "ends"),
    [
        (BEFORE, "STOP", "", "check_ins"),
        (AFTER, "STOP", "", ""),
        (BEFORE, "STOPALL", "", ""),
        (BEFORE, "STOP", "STOP", ""),
    ],
)
def test_r_09_stop_ends_what_it_answers_and_from_31_january_2027_everything(
    patient: Patient, at: datetime, word: str, keyword: str, ends: str
) -> None:
    visit = making.visit(patient, at + timedelta(days=1))
    texting.asked(visit, category="check_ins", due_at=at - timedelta(hours=1))
    send(number_of(patient), word, at, keyword=keyword)
    assert Suppression.objects.get().category == ends
    reminder = making.reminder(visit, due_at=at, useful_until=visit.start)
    making.deliver(Clock(at.replace(hour=16)))
    assert (making.state(reminder)[1] == "opted_out") is (ends == "")


def test_r_09_a_second_sort_that_is_ended_ends_all(patient: Patient) -> None:
    visit = making.visit(patient, BEFORE + timedelta(days=1))
    for minutes, category in ((3, "check_ins"), (1, "reminders")):
        texting.asked(visit, category=category, due_at=BEFORE - timedelta(minutes=minutes))
        send(number_of(patient), "STOP", BEFORE - timedelta(minutes=minutes - 1))
    assert Suppression.objects.get().category == ""


def test_r_07_cancel_opts_out_and_asks_staff_about_the_visit(client: Client, patient: Patient) -> None:
    visit = making.visit(patient, timezone.now() + timedelta(days=1))
    texting.asked(visit)
    text(client, number_of(patient), "Cancel")
    assert Suppression.objects.get().value == number_of(patient)
    assert tasks() == ["patient_cancel_text"]
    assert Inbound.objects.get().visit_id == visit.pk
    visit.refresh_from_db()
    assert visit.status == "booked"


def test_r_07_a_sentence_that_may_revoke_goes_to_a_person(client: Client, patient: Patient) -> None:
    text(client, number_of(patient), "please don't text me any more")
    assert tasks() == ["patient_may_stop"]
    assert not Suppression.objects.exists()


@pytest.mark.usefixtures("we_answer")
def test_stop_holds_in_every_practice_that_writes_to_the_number(client: Client, patient: Patient) -> None:
    there = making.patient()
    there.contact_points.filter(channel="sms").update(value=number_of(patient))
    making.patient()
    texting.asked(making.visit(there, timezone.now() + timedelta(days=1)))
    text(client, number_of(patient), "STOP")
    held = set(Suppression.objects.values_list("practice_id", flat=True))
    assert held == {patient.practice_id, there.practice_id}
    assert Message.objects.get(kind="opt_out_confirmed").practice_id == there.practice_id


# --- in again, and help -------------------------------------------------------------------------------------
@pytest.mark.usefixtures("we_answer")
@pytest.mark.parametrize("word", ["START", "unstop", "YES", "sí"])
def test_r_13_start_lifts_it(client: Client, patient: Patient, sms_provider: SmsProvider, word: str) -> None:
    text(client, number_of(patient), "STOP")
    text(client, number_of(patient), word)
    assert not Suppression.objects.exists()
    assert answers() == ["opt_in_confirmed", "opt_out_confirmed"]
    making.deliver(Clock(timezone.now()))
    told = sms_provider.inbox(to=number_of(patient))[-1]["body"]
    assert "Msg&data rates may apply" in told and "STOP" in told


def test_start_brings_back_no_consent_and_no_number_that_is_none(client: Client, patient: Patient) -> None:
    Suppression.objects.create(
        practice=patient.practice,
        channel="sms",
        value=number_of(patient),
        reason="no_such_address",
        since=timezone.now(),
    )
    text(client, number_of(patient), "START")
    assert Suppression.objects.get().reason == "no_such_address"
    assert answers() == []


@pytest.mark.usefixtures("we_answer")
@pytest.mark.parametrize(("language", "word"), [("en", "Help"), ("es", "ayuda")])
def test_r_11_help_says_who_writes_whom_to_call_and_how_to_stop(
    client: Client, sms_provider: SmsProvider, language: str, word: str
) -> None:
    patient = making.patient(language=language)
    patient.site.phone = "+12025550142"
    patient.site.save()
    text(client, number_of(patient), word)
    making.deliver(Clock(timezone.now()))
    told = sms_provider.inbox(to=number_of(patient))[0]["body"]
    assert patient.practice.message_name in told and "+12025550142" in told and "STOP" in told
    assert ("rates may apply" if language == "en" else "tarifas") in told
    assert tasks() == []


# --- whose it is --------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("we_answer")
def test_a_number_that_nobody_has_is_kept_and_its_stop_honoured(
    client: Client, sms_provider: SmsProvider
) -> None:
    """With one practice it is that one's; with two, nobody's inbox shows what may be the other's patient."""
    only = factories.practice()
    text(client, "+13035550150", "hello?")
    assert (Inbound.objects.get().practice, tasks()) == (only, ["patient_text"])
    factories.practice()
    text(client, "+13035550151", "who is this?")
    text(client, "+13035550151", "STOP")
    assert Inbound.objects.filter(practice=None).count() == 2
    assert Suppression.objects.filter(value="+13035550151").count() == 2
    assert tasks() == ["patient_text"]


@pytest.mark.usefixtures("we_answer")
def test_a_shared_telephone_is_answered_as_a_number(
    client: Client, patient: Patient, sms_provider: SmsProvider
) -> None:
    sharing(patient)
    text(client, number_of(patient), "STOP")
    row = Message.objects.get()
    assert (row.patient, row.staff) == (None, None)
    making.deliver(Clock(timezone.now()))
    assert len(sms_provider.inbox(to=number_of(patient))) == 1
