"""What patients read: neutral, short, in their language and with a time that cannot be misread."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from notifications import neutral
from notifications.planning.kinds import Kind
from notifications.planning.ports import Facts
from notifications.wording import rendering, samples, texts
from notifications.wording.rendering import Reader

PATIENT_KINDS = (
    Kind.COURSE_BOOKED,
    Kind.VISIT_MOVED,
    Kind.REMINDER_72H,
    Kind.REMINDER_24H,
    Kind.FOLLOW_UP_MISSING,
    Kind.NO_SHOW,
)
ONE, MANY = (sample.facts for sample in samples.longest()[:2])


def render(kind: str, channel: str, *, language: str = "en", facts: Facts = ONE, **fields: Any) -> str:
    reader = Reader(**{"language": language, "zone": "America/New_York", "clinic": "Harbor", **fields})
    return rendering.render(kind=kind, channel=channel, reader=reader, facts=facts).text


def test_every_template_passes_the_linter(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("lint_templates")
    assert "neutral" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "language", "channel"),
    list(itertools.product(PATIENT_KINDS, texts.LANGUAGES, ("sms", "email"))),
)
def test_every_kind_has_a_text_in_every_language_and_channel(kind: str, language: str, channel: str) -> None:
    text = render(kind, channel, language=language)
    assert "Harbor" in text
    if channel == "sms":
        assert neutral.segments(text) == 1
        assert "STOP" in text


@pytest.mark.parametrize(
    "planted",
    [
        "{clinic}: your ketamine visit. STOP to opt out.",
        "{clinic}: your ke-tamine visit.",
        "{clinic}: your integration visit.",
        "{clinic}: see {link}?patient=1",
        "{clinic}: " + "a very long text " * 12,
    ],
)
def test_a_planted_template_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "planted.sms.txt").write_text(planted)
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    monkeypatch.setitem(texts.KINDS, "planted", texts.KINDS[Kind.REMINDER_24H])
    with pytest.raises(CommandError, match=r"planted\.sms\.txt"):
        call_command("lint_templates")
    texts.builtin.cache_clear()


def test_the_zone_is_named_only_when_the_patients_clock_differs() -> None:
    assert "Wed 30 Sep 10:00." in render(Kind.REMINDER_24H, "sms")
    assert "Wed 30 Sep 10:00." in render(Kind.REMINDER_24H, "sms", zone="America/Toronto")
    assert "Wed 30 Sep 10:00 (EDT)" in render(Kind.REMINDER_24H, "sms", zone="America/Los_Angeles")


def test_a_zone_without_letters_is_named_by_its_offset() -> None:
    visit = rendering.Visit(
        uid=ONE.visits[0].uid,
        sequence=1,
        start=ONE.visits[0].start,
        end=ONE.visits[0].end,
        zone="America/Santiago",
    )
    assert "11:00 (UTC-03:00)" in render(Kind.REMINDER_24H, "sms", facts=Facts(visits=(visit,)))


def test_as_many_visits_as_fit_into_one_sms_and_all_in_the_email() -> None:
    sms = render(Kind.REMINDER_72H, "sms", facts=MANY)
    assert "(+" in sms
    assert neutral.segments(sms) == 1
    assert render(Kind.COURSE_BOOKED, "email", facts=MANY).count("\n- ") == 12


def test_spanish_sms_stay_within_gsm7_and_names_lose_only_what_it_lacks() -> None:
    text = render(Kind.REMINDER_24H, "sms", language="es", clinic="Río Ñandú")
    assert neutral.is_gsm7(text)
    assert text.startswith("Rio Ñandu: le esperamos el mie 30 sep 10:00")


def test_a_practice_name_is_escaped_in_html_and_not_in_text() -> None:
    reader = Reader(language="en", zone="America/New_York", clinic="Harbor & <b>Co</b>")
    made = rendering.render(kind=Kind.REMINDER_24H, channel="email", reader=reader, facts=ONE)
    assert "Harbor & <b>Co</b>" in made.text
    assert "Harbor &amp; &lt;b&gt;Co&lt;/b&gt;" in made.html


def test_the_digest_counts_and_names_nobody(settings: Settings) -> None:
    assert "1 open item at Harbor" in render(Kind.DIGEST, "email", facts=Facts(count=1))
    assert settings.PUBLIC_URL in render(Kind.DIGEST, "email", facts=Facts(count=2))


class TestAskingForAReply:
    """R-06: within one part. It is asked for where one letter is clear and where somebody reads it."""

    def test_one_visit(self) -> None:
        text = render(Kind.REMINDER_24H, "sms", heard=True)
        assert "Reply C to confirm." in text
        assert ONE.link in text

    def test_in_spanish(self) -> None:
        assert "Confirme con C" in render(Kind.REMINDER_72H, "sms", language="es", heard=True)

    @pytest.mark.parametrize("heard", [False, True])
    def test_several_visits_need_the_link(self, heard: bool) -> None:
        text = render(Kind.REMINDER_72H, "sms", facts=MANY, heard=heard)
        assert "Reply" not in text
        assert MANY.link in text

    def test_nobody_who_reads_it(self) -> None:
        assert "Reply" not in render(Kind.REMINDER_24H, "sms")

    def test_not_by_e_mail(self) -> None:
        assert "Reply" not in render(Kind.REMINDER_24H, "email", heard=True)

    def test_the_link_goes_before_the_reply_and_whom_to_call_never(self) -> None:
        kept = render(Kind.REMINDER_24H, "sms", heard=True, clinic="Fairhaven Riverside Group")
        assert "Reply" not in kept
        assert ONE.link in kept
        last = render(Kind.REMINDER_24H, "sms", heard=True, clinic=samples.CLINIC)
        assert "Reply C to confirm, R to change, or call +12025550100." in last
        assert max(neutral.segments(text) for text in (kept, last)) == 1
