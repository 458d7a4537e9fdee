"""The two channels against servers that speak the real protocols."""

import email
import email.policy
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from icalendar import Calendar
from pytest_django import Settings

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.ids import new_id
from notifications.channels import email as email_channel
from notifications.channels import twilio
from notifications.channels.base import Outcome, Outgoing, Sent
from notifications.planning.ports import Visit
from notifications.wording import invitation

START = datetime(2026, 10, 30, 14, tzinfo=UTC)


def outgoing(to: str, **fields: object) -> Outgoing:
    values: dict[str, object] = {"sender_name": "Harbor, Clinic", "subject": "Your upcoming visit"}
    values |= {"text": "See you.\n", "html": "<p>See you.</p>"}
    return Outgoing(attempt_id=new_id(), to=to, **{**values, **fields})  # type: ignore[arg-type]


def visits(number: int) -> list[Visit]:
    return [
        Visit(
            uid=new_id(),
            sequence=3,
            start=START + timedelta(days=7 * week),
            end=START + timedelta(days=7 * week, hours=1),
            zone="America/New_York",
            place="1 Harbor Street",
        )
        for week in range(number)
    ]


def received(catcher: SmtpCatcher) -> EmailMessage:
    [entry] = catcher.inbox()
    message = email.message_from_bytes(catcher.raw(entry), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


class TestEmail:
    def test_text_html_and_an_invitation_in_one_message(self, smtp_catcher: SmtpCatcher) -> None:
        one = visits(1)
        calendar, method = invitation.build(
            visits=one, clinic="Harbor, Clinic", attendee="p@example.com", language="en", now=START
        )
        sent = outgoing("p@example.com", calendar=calendar, calendar_method=method)
        assert email_channel.send(outgoing=sent).outcome is Outcome.ACCEPTED
        message = received(smtp_catcher)
        assert message["subject"] == "Your upcoming visit"
        assert message["from"].addresses[0].display_name == "Harbor, Clinic"
        assert str(sent.attempt_id) in message["message-id"]
        kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
        assert kinds == ["text/plain", "text/html", "text/calendar"]
        part = next(part for part in message.walk() if part.get_content_type() == "text/calendar")
        assert part.get_param("method") == "REQUEST"
        event = Calendar.from_ical(part.get_payload(decode=True)).events[0]
        assert str(event["uid"]).startswith(str(one[0].uid))
        assert (event["sequence"], str(event["summary"])) == (3, "Harbor, Clinic: visit")
        assert event["dtstart"].dt == START
        assert str(event["attendee"]) == "mailto:p@example.com"

    def test_a_course_is_published_with_every_visit_at_its_wall_time(self) -> None:
        """Over the end of daylight saving the wall time changes by what the instants say."""
        raw, method = invitation.build(
            visits=visits(3), clinic="Harbor", attendee="p@example.com", language="es", now=START
        )
        calendar = Calendar.from_ical(raw)
        assert method == "PUBLISH"
        assert [f"{event['dtstart'].dt:%H:%M}" for event in calendar.events] == ["10:00", "09:00", "09:00"]
        assert len({str(event["uid"]) for event in calendar.events}) == 3
        assert [zone["tzid"] for zone in calendar.timezones] == ["America/New_York"]

    @pytest.mark.parametrize(
        ("stage", "reply", "outcome", "suppress"),
        [
            ("rcpt", "550 5.1.1 no such user", Outcome.PERMANENT, "no_such_address"),
            ("rcpt", "550 5.1.10 takes no mail", Outcome.PERMANENT, "no_such_address"),
            ("rcpt", "550 5.2.1 disabled", Outcome.PERMANENT, "no_such_address"),
            ("rcpt", "550 5.1.11 looks like another code", Outcome.PERMANENT, ""),
            ("rcpt", "550 no such user, by a server without codes", Outcome.PERMANENT, ""),
            ("rcpt", "550 5.7.1 policy", Outcome.PERMANENT, ""),
            ("rcpt", "552 5.2.2 full", Outcome.TRANSIENT, ""),
            ("rcpt", "552 full, by a server without codes", Outcome.TRANSIENT, ""),
            ("rcpt", "552 5.3.4 too big", Outcome.PERMANENT, ""),
            ("rcpt", "451 4.3.0 later", Outcome.TRANSIENT, ""),
            ("data", "554 5.6.0 refused", Outcome.PERMANENT, ""),
            ("data", "452 4.3.1 full", Outcome.TRANSIENT, ""),
        ],
    )
    def test_5xx_is_permanent_and_4xx_transient(
        self, smtp_catcher: SmtpCatcher, stage: str, reply: str, outcome: Outcome, suppress: str
    ) -> None:
        smtp_catcher.fault(times=1, to=None, stage=stage, reply=reply)
        result = email_channel.send(outgoing=outgoing("p@example.com"))
        assert (result.outcome, result.suppress) == (outcome, suppress)
        assert smtp_catcher.inbox() == []

    def test_a_connection_lost_after_the_text_is_a_doubt(self, smtp_catcher: SmtpCatcher) -> None:
        smtp_catcher.fault(times=1, to=None, stage="data", drop=True, accept=True)
        assert email_channel.send(outgoing=outgoing("p@example.com")).outcome is Outcome.IN_DOUBT

    @pytest.mark.parametrize(("seconds", "outcome"), [(0.5, Outcome.IN_DOUBT), (10, Outcome.ACCEPTED)])
    def test_a_server_that_is_slow_in_each_step_is_not_waited_for_longer_than_a_call(
        self, smtp_catcher: SmtpCatcher, settings: Settings, seconds: float, outcome: Outcome
    ) -> None:
        """Each step alone is in its time; the second is the control."""
        settings.MESSAGE_CALL_SECONDS = seconds
        for stage in ("rcpt", "data"):
            smtp_catcher.fault(times=1, to=None, stage=stage, seconds=0.4)
        assert email_channel.send(outgoing=outgoing("p@example.com")).outcome is outcome

    def test_a_server_that_is_down_has_taken_nothing(
        self, smtp_catcher: SmtpCatcher, settings: Settings
    ) -> None:
        settings.EMAIL_PORT = 1
        assert email_channel.send(outgoing=outgoing("p@example.com")).outcome is Outcome.TRANSIENT

    def test_a_name_with_a_line_break_cannot_add_a_header(self, smtp_catcher: SmtpCatcher) -> None:
        bad = outgoing("p@example.com", subject="Visit\r\nBcc: everyone@example.com")
        assert email_channel.send(outgoing=bad).outcome is Outcome.PERMANENT
        assert smtp_catcher.inbox() == []


class TestSms:
    def test_the_real_client_talks_to_the_base_address(self, sms_provider: SmsProvider) -> None:
        result = twilio.send(outgoing=outgoing("+12025550123", text="Harbor: see you."))
        assert result.outcome is Outcome.ACCEPTED
        assert result.provider_id.startswith("SM")
        [sms] = sms_provider.inbox()
        assert (sms["to"], sms["body"]) == ("+12025550123", "Harbor: see you.")

    @pytest.mark.parametrize(
        ("number", "code", "suppress"),
        [
            ("+15005550001", "21211", "no_such_address"),
            ("+15005550009", "21614", "no_such_address"),
            ("+15005550004", "21610", "opted_out"),
            ("+15005550003", "21408", ""),
        ],
    )
    def test_refusals_are_permanent(
        self, sms_provider: SmsProvider, number: str, code: str, suppress: str
    ) -> None:
        result = twilio.send(outgoing=outgoing(number))
        assert (result.outcome, result.code, result.suppress) == (Outcome.PERMANENT, code, suppress)

    @pytest.mark.parametrize(
        ("code", "outcome", "suppress"),
        [
            (21635, Outcome.PERMANENT, "no_such_address"),
            (21610, Outcome.PERMANENT, "opted_out"),
            (21612, Outcome.PERMANENT, ""),
            (21611, Outcome.TRANSIENT, ""),
            (99999, Outcome.PERMANENT, ""),
        ],
    )
    def test_a_code_says_more_than_the_status(
        self, sms_provider: SmsProvider, code: int, outcome: Outcome, suppress: str
    ) -> None:
        sms_provider.fault(times=1, to=None, status=400, code=code)
        result = twilio.send(outgoing=outgoing("+12025550123"))
        assert (result.outcome, result.code, result.suppress) == (outcome, str(code), suppress)

    @pytest.mark.parametrize(
        ("code", "suppress"),
        [
            ("30005", "no_such_address"),
            ("30006", "no_such_address"),
            ("30003", ""),
            ("30007", ""),
            ("30008", ""),
            ("30034", ""),
            ("63016", ""),
            ("", ""),
        ],
    )
    def test_a_report_gives_an_address_up_only_where_nobody_is_there(self, code: str, suppress: str) -> None:
        assert twilio.suppresses(code) == suppress

    def test_a_messaging_service_and_a_number_of_ours_are_said_differently(
        self, sms_provider: SmsProvider, settings: Settings
    ) -> None:
        for sender in ("+12025550199", "MG" + "0" * 32):
            settings.TWILIO_FROM = sender
            assert twilio.send(outgoing=outgoing("+12025550123")).outcome is Outcome.ACCEPTED
        assert [one["from"] for one in sms_provider.inbox()] == ["+12025550199", "MG" + "0" * 32]

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_an_error_of_the_provider_is_a_doubt(self, sms_provider: SmsProvider, status: int) -> None:
        sms_provider.fault(times=1, to=None, status=status, accept=True)
        result = twilio.send(outgoing=outgoing("+12025550123"))
        assert (result.outcome, result.code) == (Outcome.IN_DOUBT, f"http_{status}")
        assert len(sms_provider.inbox()) == 1

    @pytest.mark.parametrize("status", [429, 503])
    def test_slow_down_and_not_now_are_transient(self, sms_provider: SmsProvider, status: int) -> None:
        sms_provider.fault(times=1, to=None, status=status)
        assert twilio.send(outgoing=outgoing("+12025550123")).outcome is Outcome.TRANSIENT

    def test_our_own_wrong_password_is_nobody_elses_fault(
        self, sms_provider: SmsProvider, settings: Settings
    ) -> None:
        settings.TWILIO_AUTH_TOKEN = "wrong"
        assert twilio.send(outgoing=outgoing("+12025550123")).outcome is Outcome.TRANSIENT

    def test_a_provider_that_is_down_has_taken_nothing(self, settings: Settings) -> None:
        settings.TWILIO_API_BASE = "http://127.0.0.1:1"
        assert twilio.send(outgoing=outgoing("+12025550123")).outcome is Outcome.TRANSIENT

    def test_a_time_out_is_a_doubt(self, sms_provider: SmsProvider, settings: Settings) -> None:
        settings.PROVIDER_READ_SECONDS = 0.2
        sms_provider.fault(times=1, to=None, seconds=3, accept=True)
        assert twilio.send(outgoing=outgoing("+12025550123")).outcome is Outcome.IN_DOUBT

    def test_a_look_up_finds_what_was_taken_and_nothing_else(self, sms_provider: SmsProvider) -> None:
        taken = twilio.send(outgoing=outgoing("+12025550123", text="Harbor: see you."))
        begun = datetime.now(UTC)
        mine = Sent(to="+12025550123", text="Harbor: see you.", begun_at=begun, known_ids=frozenset())
        found = twilio.look_up(sent=mine)
        assert found is not None
        assert found.provider_id == taken.provider_id
        known = frozenset({taken.provider_id})
        for other in (
            Sent(to="+12025550123", text="Harbor: another.", begun_at=begun, known_ids=frozenset()),
            Sent(to="+12025550124", text="Harbor: see you.", begun_at=begun, known_ids=frozenset()),
            Sent(to="+12025550123", text="Harbor: see you.", begun_at=begun, known_ids=known),
            Sent(
                to="+12025550123",
                text="Harbor: see you.",
                begun_at=begun - timedelta(hours=2),
                known_ids=frozenset(),
            ),
        ):
            assert twilio.look_up(sent=other) is None

    def test_a_telephone_number_reaches_no_log(
        self, sms_provider: SmsProvider, caplog: pytest.LogCaptureFixture
    ) -> None:
        twilio.send(outgoing=outgoing("+12025550123"))
        twilio.look_up(
            sent=Sent(to="+12025550123", text="x", begun_at=datetime.now(UTC), known_ids=frozenset())
        )
        assert "2025550123" not in caplog.text
