"""A practice's own words: only lawful, neutral ones are kept or sent, and every message goes all the same."""

from datetime import timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotAllowed, Stale, Throttled
from clinic.practice.models import Practice, TrailEntry, WorkItem
from notifications import neutral
from notifications.models import Message, Suppression, Trial, Wording
from notifications.wording import checking, texts, trials, wordings
from notifications.wording.texts import Which, Words
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state

SMS = Which("reminder_24h", "en", "sms")
EMAIL = Which("reminder_24h", "en", "email")
OWN = Words("", "{clinic}: we look forward to {times}.[ More: {link}][ Call {phone}.] {stop}")
LETTER = Words(
    "Soon", "Dear visitor,\n\n{clinic} sees you:\n\n{list}\n\n[{link}]\n\n[Call {phone}]\n\n{stop}"
)


def problems(body: str, which: Which = SMS, subject: str = "", clinic: str = "Harbor") -> list[str]:
    found = checking.check(which=which, words=Words(subject, body), clinic=clinic, phone="+12025550100")
    return [text for told in found.problems.values() for text in told]


@pytest.mark.parametrize(
    "which", list(texts.every()), ids=lambda which: "-".join((which.kind, which.language, which.channel))
)
def test_every_built_in_text_passes_as_a_practices_own_would(which: Which) -> None:
    found = checking.check(which=which, words=texts.builtin(which), clinic="Harbor", phone="+12025550100")
    assert found.problems == {}
    assert all(one.segments == 1 for one in found.previews if which.channel == "sms")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{clinic}: your ketamine visit {times}.[ {phone}] {stop}", "“ketamine” tells what"),
        # A Spanish word in an English text is read as well.
        ("{clinic}: terapia {times}.[ {phone}] {stop}", "“terapia” tells what"),
        # Also in a wording that no sample chooses.
        ("{clinic}: {times}[ {phone}|your infusion] {stop}", "“infusion” tells what"),
        ("{clinic}: {times}.[ {phone}]", "{stop} is missing: it says how"),
        ("{clinic}: {times}. {stop}", "{phone} is missing"),
        ("{clinic}:[ {phone}] {stop}", "{times} or {first} is missing"),
        ("{times}[ {phone}] {stop}", "{clinic} is missing"),
        ("{clinic}: {times}[ {phone}][ {place} {stop}]", "{stop} is missing when there is no {place}"),
        ("{clinic}: {time}[ {phone}] {stop}", "Did you mean {times}?"),
        ("{clinic}: {list}[ {phone}] {stop}", "{list} cannot stand here"),
        ("{clinic}: {patient.birth_date} {times}[ {phone}] {stop}", "{patient.birth_date} cannot stand"),
        ("{clinic}: {% load x %}{times}[ {phone}] {stop}", "cannot stand here"),
        ("{clinic}: {{ settings.SECRET_KEY }} {times}[ {phone}] {stop}", "belongs to no placeholder"),
        ("{clinic}: {times}[ {phone}] {stop} https://a.example/?id=1", "may hold no ?"),
        ("{clinic}: {times}[ {phone}] {stop}" + " very long indeed" * 9, "a text message may have 160"),
        ("", "Must not be empty."),
    ],
)
def test_what_may_not_be_said_is_refused_with_the_reason(body: str, told: str) -> None:
    assert any(told in one for one in problems(body)), problems(body)


@pytest.mark.parametrize(
    "subject", ["", "Your ketamine", "{times}", "[{several}Visits]", "Visit {clinic}" * 12]
)
def test_a_subject_is_neutral_short_and_always_there(subject: str) -> None:
    assert problems(LETTER.body, EMAIL, "Your visit") == []
    assert problems(LETTER.body, EMAIL, subject) != []


def test_what_a_character_costs_is_told() -> None:
    plain = "{clinic}: adi\u00f3s {times}.[ {phone}] {stop}"
    found = checking.check(which=SMS, words=Words("", plain), clinic="Harbor", phone="+12025550100")
    assert found.plainer == (("ó", "o"),)
    assert found.previews[0].segments == 1
    dear = checking.check(which=SMS, words=Words("", f"🙂 {plain}"), clinic="Harbor", phone="+12025550100")
    assert dear.passes
    assert dear.previews[0].wide == ("🙂",)
    assert [one.segments for one in dear.previews] == [1, 1, 1, 2]
    assert checking.told("🙂") == "“🙂” slightly smiling face"
    assert checking.told("\u200b") == "zero width space"


def test_what_is_far_too_long_is_refused_and_not_remembered() -> None:
    before = checking._tried.cache_info().currsize
    assert "at most 600" in problems("x" * 100_000)[0]
    assert checking._tried.cache_info().currsize == before


# --- with a database --------------------------------------------------------------------------------------
@pytest.fixture
def admin(db: None) -> Actor:
    return factories.as_actor(factories.staff(factories.site(factories.practice()), "practice_admin"))


def save(admin: Actor, words: Words = OWN, which: Which = SMS, **given: Any) -> None:
    wordings.save(actor=admin, which=which, words=words, now=NOW, **given)


def reminder(admin: Actor, **fields: Any) -> Message:
    site = Practice.objects.get(pk=admin.practice_id).sites.get()
    return making.reminder(making.visit(factories.patient(site), making.tomorrow()), **fields)


def test_own_words_are_sent_until_they_are_taken_back(admin: Actor, sms_provider: SmsProvider) -> None:
    save(admin)
    reminder(admin)
    making.deliver()
    assert "we look forward to Tue 5 May 10:00" in sms_provider.inbox()[-1]["body"]
    assert sms_provider.inbox()[-1]["body"].endswith("STOP to opt out.")
    wordings.revert(actor=admin, which=SMS, now=NOW, version=1)
    reminder(admin)
    making.deliver()
    assert "see you Tue 5 May 10:00" in sms_provider.inbox()[-1]["body"]
    verbs = TrailEntry.objects.filter(subject_kind="wording").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["update", "revert"]
    told = [one.words for one in wordings.former(actor=admin, which=SMS)]
    assert told == [None, OWN]


def test_own_words_are_those_of_one_practice_language_and_channel(
    admin: Actor, sms_provider: SmsProvider
) -> None:
    save(admin)
    making.reminder(making.visit(making.patient(), making.tomorrow()))
    making.deliver()
    assert "look forward" not in sms_provider.inbox()[0]["body"]
    found = {one.which: one.own for one in wordings.listing(actor=admin)}
    assert [which for which, own in found.items() if own] == [SMS]


def test_two_who_write_at_once_are_told(admin: Actor) -> None:
    save(admin, version=0)
    with pytest.raises(Stale):
        save(admin, Words("", OWN.body + "!"), version=0)
    # What stands already is no change: a second click is harmless.
    save(admin, version=0)
    assert Wording.objects.get().version == 1
    save(admin, texts.builtin(SMS), version=1)
    assert not Wording.objects.get().in_use


def test_refused_words_are_not_kept(admin: Actor) -> None:
    with pytest.raises(Invalid) as refused:
        save(admin, Words("", "{clinic}: your infusion {times}.[ {phone}] {stop}"))
    assert "infusion" in refused.value.fields["body"][0]
    assert not Wording.objects.exists()
    site = Practice.objects.get(pk=admin.practice_id).sites.get()
    with pytest.raises(NotAllowed):
        save(factories.as_actor(factories.staff(site, "front_desk")))


def test_words_that_a_stricter_rule_refuses_fall_back_and_staff_are_told(
    admin: Actor, sms_provider: SmsProvider
) -> None:
    save(admin)
    Wording.objects.update(body="{clinic}: your infusion {times}.[ {phone}] {stop}")
    for _ in range(2):
        row = reminder(admin)
        making.deliver()
        assert state(row) == ("accepted", "")
    assert "see you Tue 5 May 10:00" in sms_provider.inbox()[0]["body"]
    task = WorkItem.objects.get(kind=wordings.REFUSED_ITEM)
    assert (task.role, task.patient_id, task.subject_id) == ("practice_admin", None, Wording.objects.get().pk)
    assert [one.which for one in wordings.listing(actor=admin) if one.refused] == [SMS]
    save(admin, Words("", OWN.body + " Bye."), version=1)
    task.refresh_from_db()
    assert task.done_at is not None


def test_words_that_only_a_patients_own_values_make_unfit_fall_back_too(
    admin: Actor, sms_provider: SmsProvider
) -> None:
    save(admin, Words("", f"{OWN.body} https://a.example/lindqvist"))
    row = reminder(admin)
    type(row.patient).objects.filter(pk=row.patient_id).update(family_name="Lindqvist")
    making.deliver()
    assert "see you" in sms_provider.inbox()[0]["body"]


# --- tests of a wording -----------------------------------------------------------------------------------
def send(admin: Actor, to: str = "+13035550123", which: Which = SMS, words: Words = OWN) -> Trial:
    return trials.send(actor=admin, which=which, words=words, to=to, now=NOW)


def test_a_test_goes_by_the_real_way_and_says_that_it_is_one(
    admin: Actor, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    send(admin, "(303) 555-0123")
    send(admin, "me@clinic.example", EMAIL, LETTER)
    assert [one.state for one in trials.recent(actor=admin, which=SMS)] == ["planned"]
    making.deliver()
    [text], [mail] = sms_provider.inbox(), smtp_catcher.inbox()
    assert text["to"] == "+13035550123"
    assert text["body"].startswith("TEST: ") and neutral.segments(text["body"]) == 1
    assert mail["subject"] == "TEST: Soon"
    assert "made up" in mail["body"]
    [tried] = trials.recent(actor=admin, which=SMS)
    assert (tried.state, tried.settled) == ("accepted", True)
    assert not Wording.objects.exists()


def test_words_that_just_fit_can_be_tried(admin: Actor, sms_provider: SmsProvider) -> None:
    """What is counted is what patients get: the mark of a test is not theirs."""
    missed = Which("no_show", "en", "sms")

    def with_more(count: int) -> Words:
        return Words("", "{clinic}: please call.[ {phone}.] {stop} " + "x" * count)

    def longest(words: Words) -> int:
        found = wordings.check(actor=admin, which=missed, words=words)
        return max(one.characters for one in found.previews) if found.passes else 161

    room = max(count for count in range(1, 160) if longest(with_more(count)) <= 160)
    assert longest(with_more(room)) == 160
    send(admin, which=missed, words=with_more(room))
    making.deliver()
    [text] = sms_provider.inbox()
    assert text["body"].startswith("TEST: ")
    assert len(text["body"]) == 160 + len("TEST: ")
    [tried] = trials.recent(actor=admin, which=missed)
    assert (tried.state, tried.reason) == ("accepted", "")


def test_a_test_never_goes_to_a_patient(admin: Actor, sms_provider: SmsProvider) -> None:
    send(admin)
    site = Practice.objects.get(pk=admin.practice_id).sites.get()
    factories.patient(site).contact_points.create(channel="sms", value="+13035550123")
    making.deliver()
    assert sms_provider.inbox() == []
    [tried] = trials.recent(actor=admin, which=SMS)
    assert (tried.state, tried.reason) == ("suppressed", "address_of_a_patient")
    with pytest.raises(Invalid, match="cannot be accepted"):
        send(admin)


@pytest.mark.parametrize("to", ["", "me@clinic.example", "911", "+1202555"])
def test_a_test_needs_an_address_and_lawful_words(admin: Actor, sms_provider: SmsProvider, to: str) -> None:
    with pytest.raises(Invalid):
        send(admin, to)
    with pytest.raises(Invalid):
        send(admin, words=Words("", "ketamine"))
    assert not Message.objects.exists()


def test_tests_are_few_an_hour(admin: Actor, sms_provider: SmsProvider) -> None:
    for _ in range(trials.AN_HOUR):
        send(admin)
    with pytest.raises(Throttled) as refused:
        send(admin)
    assert 0 < refused.value.retry_after <= 3600
    later = NOW + timedelta(minutes=61)
    trials.send(actor=admin, which=SMS, words=OWN, to="+13035550123", now=later)
    assert Message.objects.count() == trials.AN_HOUR + 1


def test_a_test_that_fails_is_seen_where_it_was_asked_for_and_nowhere_else(
    admin: Actor, sms_provider: SmsProvider
) -> None:
    sms_provider.fault(status=400, code=21211)
    send(admin)
    making.deliver()
    assert not WorkItem.objects.exists()


def test_a_mailbox_that_asked_for_nothing_is_the_same_in_capitals(
    admin: Actor, smtp_catcher: SmtpCatcher
) -> None:
    held = {"channel": "email", "value": "me@clinic.example", "reason": "opted_out", "since": NOW}
    Suppression.objects.create(practice_id=admin.practice_id, **held)
    with pytest.raises(Invalid):
        send(admin, "Me@clinic.example", EMAIL, LETTER)


def test_the_address_of_a_test_is_forgotten_after_thirty_days(
    admin: Actor, sms_provider: SmsProvider
) -> None:
    gone = [send(admin) for _ in range(2)]
    making.deliver()
    waits = send(admin, "+12025550124")
    later = NOW + trials.KEPT
    fresh = trials.send(actor=admin, which=SMS, words=OWN, to="+12025550125", now=later)
    assert trials.forget(now=later) == 0
    assert trials.forget(now=later + timedelta(minutes=1), batch=1) == len(gone)
    # One that never went is still told why; then it is forgotten as well.
    assert set(Trial.objects.values_list("pk", flat=True)) == {waits.pk, fresh.pk}
    told = Message.objects.filter(subject_id__in=[one.pk for one in gone])
    assert {(one.state, one.sent_to) for one in told} == {("accepted", "")}
    making.deliver(Clock(later + timedelta(minutes=1)))
    assert trials.forget(now=later + timedelta(minutes=2)) == 1
