"""The law of messages, rule by rule: each test's name carries the rule that it holds. Rules that other files
hold are named there; `docs/reference/messaging-rules.md` lists them all.
"""

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.errors import Invalid
from clinic.practice.models import Practice
from notifications.inbox import replies
from notifications.inbox.replies import Meaning
from notifications.management.commands import lint_templates
from notifications.models import Attempt, Message
from notifications.planning import kinds, ledger, policy, preferences, recipients
from notifications.planning.kinds import Kind
from notifications.planning.policy import SendWindow
from notifications.wording import checking, rendering, samples, texts
from notifications.wording.texts import Which, Words
from patients import decisions, records
from patients.models import MessagingConsent, TreatmentConsent
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making
from tests.notifications.making import deliver, state

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("clinic", "patients", "notifications", "scheduling")
PATIENTS = [
    Which(each.kind, each.language, each.channel)
    for each in texts.every()
    if each.kind not in (Kind.DIGEST, Kind.STAFF_ALERT)
]


def check(which: Which, words: Words) -> checking.Check:
    return checking.check(which=which, words=words, clinic="Harbor Street", phone=samples.PHONE)


@pytest.mark.django_db(transaction=True)
class TestWhatIsSent:
    def test_r_01_a_reminder_needs_no_authorisation_beyond_the_consent_to_messages(
        self, sms_provider: SmsProvider
    ) -> None:
        someone = making.patient()
        row = making.reminder(making.visit(someone, making.tomorrow()))
        deliver()
        assert state(row)[0] == "accepted"
        assert not TreatmentConsent.objects.filter(patient=someone).exists()

    @pytest.mark.parametrize("channel", ["sms", "email"])
    def test_r_02_what_would_tell_is_held_back_when_it_is_handed_over(
        self, channel: str, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
    ) -> None:
        """The practice's name became a telling one after everything was planned."""
        row = making.reminder(making.visit(making.patient(), making.tomorrow()), channel=channel)
        Practice.objects.filter(pk=row.practice_id).update(message_name="Harbor Ketamine")
        deliver()
        assert state(row) == ("failed_final", "not_neutral:denied_word")
        assert (sms_provider.inbox(), smtp_catcher.inbox()) == ([], [])

    def test_r_04_somebody_who_wants_no_messages_gets_none_and_a_channel_is_a_choice(
        self, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
    ) -> None:
        someone = making.patient(no_messages=True)
        row = making.reminder(making.visit(someone, making.tomorrow()))
        deliver()
        assert state(row) == ("suppressed", "no_messages")
        other = making.patient()
        MessagingConsent.objects.filter(patient=other, channel="sms").update(decision="revoked")
        text = making.reminder(making.visit(other, making.tomorrow()))
        mail = making.reminder(making.visit(other, making.tomorrow(16)), channel="email")
        deliver()
        assert (state(text)[0], state(mail)[0]) == ("suppressed", "accepted")

    def test_r_07_a_revocation_holds_for_what_was_planned_long_before(
        self, sms_provider: SmsProvider
    ) -> None:
        someone = making.patient()
        row = making.reminder(making.visit(someone, making.tomorrow()), useful_until=making.tomorrow(9))
        decisions.decide_messaging(
            actor=factories.actor(someone.practice, "front_desk"),
            patient_id=someone.pk,
            channel="sms",
            decision="revoked",
            source="by telephone",
            now=making.NOW,
        )
        deliver()
        assert state(row) == ("suppressed", "consent_revoked")
        assert sms_provider.inbox() == []

    def test_r_19_what_was_sent_stays_on_file_with_where_and_when(self, sms_provider: SmsProvider) -> None:
        row = making.reminder(making.visit(making.patient(), making.tomorrow()))
        deliver()
        row.refresh_from_db()
        [sms] = sms_provider.inbox()
        assert (row.sent_to, row.provider_id) == (sms["to"], sms["sid"])
        assert row.sent_body.startswith(sms["body"].partition("http")[0])
        assert Attempt.objects.get(message=row).begun_at == making.NOW

    def test_r_23_each_patient_reads_their_own_language(self, sms_provider: SmsProvider) -> None:
        for language in ("en", "es"):
            making.reminder(making.visit(making.patient(language=language), making.tomorrow()))
        deliver()
        said = [one["body"] for one in sms_provider.inbox()]
        assert all(any(words in each for each in said) for words in ("to opt out", "darse de baja"))

    def test_r_14_a_report_without_the_providers_signature_has_no_effect(
        self, sms_provider: SmsProvider, client: Client
    ) -> None:
        row = making.reminder(making.visit(making.patient(), making.tomorrow()))
        deliver()
        attempt = Attempt.objects.get(message=row).pk
        told = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "21610"}
        assert client.post(f"/hooks/twilio/reports/{attempt}/", told).status_code == 403
        assert state(row)[0] == "accepted"

    def test_r_05_a_number_that_was_not_given_for_messages_gets_none_until_it_is(
        self, sms_provider: SmsProvider
    ) -> None:
        """The consent is to texts; the new number came from elsewhere."""
        someone = making.patient()
        row = making.reminder(making.visit(someone, making.tomorrow()))
        desk = factories.actor(someone.practice, "front_desk")
        with transaction.atomic():
            changed = {"phone": "+13035550177"}
            records.amend(actor=desk, patient=someone, values=changed, now=making.NOW, may_message=False)
        deliver()
        assert state(row) == ("suppressed", "only_for_calls")
        assert sms_provider.inbox() == []
        decisions.decide_messaging(
            actor=desk,
            patient_id=someone.pk,
            channel="sms",
            decision="granted",
            warning_version="desk-2",
            now=making.NOW,
        )
        assert someone.contact_points.get(value="+13035550177").purpose == "visits"
        assert "sms" in recipients.usable_channels(patient_ids=[someone.pk])[someone.pk]


@pytest.mark.django_db
class TestConsent:
    def test_r_03_a_grant_keeps_which_warning_was_shown_by_whom_and_when(self) -> None:
        someone = making.patient()
        desk = factories.actor(someone.practice, "front_desk")
        asked = {"actor": desk, "patient_id": someone.pk, "channel": "email", "decision": "granted"}
        with pytest.raises(Invalid):
            decisions.decide_messaging(**asked, now=making.NOW)  # type: ignore[arg-type]
        row = decisions.decide_messaging(**asked, warning_version="desk-2", now=making.NOW)  # type: ignore[arg-type]
        assert (row.warning_version, row.decided_at, row.decided_by) == ("desk-2", making.NOW, desk.ref)

    def test_r_05_a_number_is_kept_with_what_it_was_given_for(self) -> None:
        site = factories.site(factories.practice())
        made = records.create_patient(
            actor=factories.actor(site.practice, "front_desk"),
            given_name="Robin",
            family_name="Vale",
            birth_date=date(1980, 1, 1),
            phone="+13035550123",
            site_id=site.pk,
            now=making.NOW,
        )
        row = MessagingConsent.objects.get(patient=made)
        assert (row.channel, row.category, row.decision) == ("sms", "reminders", "granted")
        assert row.source
        assert made.contact_points.get().purpose == "visits"


def test_r_02_no_built_in_text_tells_what_a_visit_is_for() -> None:
    assert lint_templates.problems() == []


@pytest.mark.parametrize("which", PATIENTS, ids=str)
def test_r_02_r_18_whoever_writes_a_telling_word_is_told_at_once(which: Which) -> None:
    said = texts.builtin(which)
    assert check(which, said).passes
    assert not check(which, Words(said.subject, f"{said.body} Ketamine.")).passes
    if which.channel == "email":
        assert not check(which, Words("Your ketamine visit", said.body)).passes


@pytest.mark.parametrize("which", [one for one in PATIENTS if one.channel == "email"], ids=str)
@pytest.mark.parametrize("private", ["{first}", "{times}", "{link}", "{place}", "{list}"])
def test_r_18_no_subject_holds_a_time_a_place_or_a_link(which: Which, private: str) -> None:
    said = texts.builtin(which)
    assert not check(which, Words(f"Visit {private}", said.body)).passes


def test_r_06_a_text_has_160_characters_and_the_exemption_its_caps() -> None:
    which = Which(Kind.REMINDER_24H, "en", "sms")
    said = texts.builtin(which)
    assert not check(which, Words("", said.body + " Please bring this with you." * 5)).passes
    relying = Practice(settings={"messages": {"relies_on_exemption": True}})
    caps = preferences.of(relying).caps
    assert (caps.per_day, caps.per_week) == (1, 3)


@pytest.mark.parametrize("which", [one for one in PATIENTS if one.channel == "sms"], ids=str)
def test_r_06_r_11_each_text_says_who_writes_and_how_it_stops(which: Which) -> None:
    said = texts.builtin(which)
    # Whoever has opted out has nothing left to stop.
    for name in ("{clinic}", "{ended}" if which.kind == Kind.OPT_OUT_CONFIRMED else "{stop}"):
        assert not check(which, Words("", said.body.replace(name, ""))).passes


@pytest.mark.parametrize(
    "word", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe", "  Stop!! ", "OPT-OUT"]
)
def test_r_07_the_words_that_the_fcc_names_stop_by_themselves(word: str) -> None:
    assert replies.read_reply(text=word).meaning is Meaning.STOP


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("STOP STOPALL UNSUBSCRIBE END QUIT REVOKE OPTOUT CANCEL", Meaning.STOP),
        ("ARRET OPT-OUT REMOVE TD", Meaning.STOP),
        ("START UNSTOP", Meaning.START),
        ("HELP INFO", Meaning.HELP),
    ],
)
def test_r_13_the_keywords_of_the_providers_mean_the_same_here(words: str, meaning: Meaning) -> None:
    for word in words.split():
        assert replies.read_reply(text=word).meaning is meaning


def test_r_08_r_11_answers_to_keywords_go_at_once_and_outside_every_cap() -> None:
    for kind in (Kind.OPT_OUT_CONFIRMED, Kind.OPT_IN_CONFIRMED, Kind.HELP):
        assert kinds.rule(kind).reply


ENGLISH = {"frequency": "Frequency varies", "rates": "data rates may apply", "help": "HELP", "stop": "STOP"}
SPANISH = {"frequency": "frecuencia", "rates": "aplicarse tarifas", "help": "AYUDA", "stop": "STOP"}
ENDED = {"en": {"ended": "no further messages"}, "es": {"ended": "no recibira mas mensajes"}}
OPTING_IN = ("frequency", "rates", "help", "stop")


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (Kind.CONSENT_CONFIRMED, OPTING_IN),
        (Kind.OPT_IN_CONFIRMED, OPTING_IN),
        (Kind.OPT_OUT_CONFIRMED, ("ended",)),
        (Kind.HELP, ("phone", "rates", "stop")),
    ],
)
def test_r_11_r_12_opt_in_help_and_stop_hold_what_carriers_ask_for_in_any_words(
    kind: str, parts: tuple[str, ...], language: str
) -> None:
    which = Which(kind, language, "sms")
    body = texts.builtin(which).body
    found = check(which, Words("", body))
    assert found.passes
    said = {"en": ENGLISH, "es": SPANISH}[language] | ENDED[language] | {"phone": samples.PHONE}
    assert "Harbor Street" in found.previews[0].text
    for part in parts:
        assert said[part] in found.previews[0].text
        assert not check(which, Words("", body.replace(f"{{{part}}}", ""))).passes


@pytest.mark.parametrize("zone", ["America/New_York", "America/Los_Angeles", "Pacific/Honolulu"])
def test_r_10_nothing_is_due_in_the_quiet_hours_of_whoever_reads_it(zone: str) -> None:
    window = SendWindow()
    first = datetime(2026, 3, 7, tzinfo=UTC)
    for hour in range(24 * 3):
        instant = first + timedelta(hours=hour)
        found = policy.next_allowed(instant=instant, zone=zone, window=window)
        assert found >= instant
        assert policy.allowed(instant=found, zone=zone, window=window)


def test_r_15_reports_in_any_order_end_the_same() -> None:
    for order in itertools.permutations(["queued", "sent", "undelivered", "delivered"]):
        known = ""
        for reported in order:
            known = ledger.merge_status(known=known, reported=reported)
        assert known == "delivered"


def test_r_21_nothing_deletes_what_was_sent_or_decided() -> None:
    deletes = re.compile(r"\b(Message|Attempt|MessagingConsent|Inbound)\b[\w.()=,\s]*\.delete\(")
    found = [
        path.relative_to(ROOT).as_posix()
        for app in PRODUCT
        for path in (ROOT / app).rglob("*.py")
        if deletes.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert deletes.search("Message.objects.filter(pk=1).delete()")


def test_r_22_a_visit_has_no_field_for_what_was_said_in_it() -> None:
    names = {field.name for field in Appointment._meta.get_fields()}
    assert not names & {"notes", "note", "content", "summary", "transcript", "text"}
    assert {field.name for field in Message._meta.get_fields()} >= {"sent_body", "sent_subject"}


def test_r_23_every_text_to_patients_is_there_in_each_language() -> None:
    for which in PATIENTS:
        assert texts.builtin(which).body
    for language in texts.LANGUAGES:
        assert {one.kind for one in PATIENTS if one.language == language} == {one.kind for one in PATIENTS}
    made = rendering.render(
        kind=Kind.NO_SHOW,
        channel="sms",
        reader=rendering.Reader("fr", "UTC", "Harbor"),
        facts=samples.longest()[0].facts,
    )
    assert made.text
