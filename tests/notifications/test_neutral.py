"""Nothing that leaves in the open may tell what the visit is for (R-02, R-06)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import neutral

TEMPLATES = Path(neutral.__file__).parent / "templates"


def codes(text: str, language: str = "en", **arguments: object) -> list[str]:
    return [problem.code for problem in neutral.problems(text, language, **arguments)]


@pytest.mark.parametrize(
    "text",
    [
        "Harbor Clinic: visit Tue 3 Mar 10:00 is booked. Reply C to confirm, R to change. STOP to opt out.",
        "Harbor Clinic: see you tomorrow 10:00. Please open your visit instructions.",
        "Harbor Clinic: please confirm who will take you home after tomorrow's visit.",
        "Harbor Clinic: your next visit is not booked yet. Choose a time or call 555-0100.",
        "Harbor Clinic: we missed you today. Pick a new time when ready. Emergency: 911.",
        "We were doing fine, an activity of native divers etc.",
    ],
)
def test_neutral_texts_pass(text):
    assert neutral.problems(text, "en", sms=True) == []


@pytest.mark.parametrize(
    "word",
    [
        "ketamine",
        "Esketamine",
        "SPRAVATO",
        "TMS",
        "infusion",
        "dosing",
        "psychotherapy",
        "therapy",
        "integration",
        "psychedelic",
        "depression",
        "PTSD",
        "suicide",
        "addiction",
        "psychiatrist",
        "sertraline",
        "Prozac",
        "neurologist",
        "self-harm",
        "substance  use",
        "overdose",
    ],
)
def test_every_denied_word_is_found_in_any_dress(word):
    for dressed in (word, word.upper(), f"your {word}.", f"({word})", f"{word}\nvisit", f"«{word}»"):
        assert codes(dressed) == ["denied_word"], dressed


@pytest.mark.parametrize(
    "word",
    [
        "ketamina",
        "infusión",
        "dosis",
        "terapia",
        "psicoterapia",
        "integración",
        "psicodélico",
        "depresión",
        "suicidio",
        "adicción",
        "psiquiatra",
        "tratamiento",
        "TEPT",
        "PSICÓLOGA",
        "adiccion",
    ],
)
def test_spanish_has_its_own_list(word):
    assert codes(f"Su {word} es mañana", "es") == ["denied_word"]


@pytest.mark.parametrize(
    "disguised",
    ["kéta\u0301mine", "keta\u200bmine", "keta-mine", "ｋｅｔａｍｉｎｅ", "KETAMINES", "ketamine-assisted"],
)
def test_a_disguise_does_not_help(disguised):
    assert "denied_word" in codes(f"your {disguised} visit")


def test_words_are_whole_words():
    assert codes("a subtle, perfect, iterative selection of directives") == []
    assert codes("the iv visit") == ["denied_word"]


def test_a_long_word_is_not_taken_for_a_token():
    assert codes("your ketamine-assisted-psychotherapy-visit") != []


def test_a_region_is_ignored_and_an_unknown_language_is_held_to_every_list():
    assert codes("su dosis", "es-MX") == ["denied_word"]
    assert codes("su dosis", "en") == []
    assert codes("su dosis", "fr") == ["denied_word"]
    assert codes("your dose", "fr") == ["denied_word"]


def test_drugs_tell_the_same_in_every_language():
    for language in (*neutral.LANGUAGES, "fr"):
        assert codes("Spravato 10:00", language) == ["denied_word"]


def test_a_word_is_named_once():
    assert [problem.detail for problem in neutral.problems("dose Dose DOSES", "en")] == ["dose", "doses"]
    assert str(neutral.Problem("denied_word", "dose")) == "denied_word: dose"


class TestLinks:
    def test_a_token_behind_a_neutral_host_is_fine(self):
        link = "https://visits.example/p/dGhlcmFweS1kb3Nl-TMS-9_aZ"
        assert neutral.problems(f"Open {link}. Thanks", "en", private=["Ana Gil"]) == []

    @pytest.mark.parametrize(
        "token", ["anxiB7cD9eF2gH4jK6mN8p", "PHQ9aB3dE6gH9jK2mN5pQ8", "GarciaE6gH9jK2mN5pQ8rS"]
    )
    def test_what_chance_writes_into_our_own_link_keeps_no_message_back(self, token):
        assert codes(f"https://visits.example/v/{token}", private=["Ana", "Garcia"]) == []
        assert codes(f"https://visits.example/x/{token}", private=["Ana", "Garcia"]) != []
        assert codes(f"https://visits.example/v/{token}-more", private=["Ana", "more"]) != []

    @pytest.mark.parametrize("path", ["p?name=1", "p/x#y", "p/a@b.example", "p/%61na"])
    def test_no_place_for_data_beside_the_token(self, path):
        assert codes(f"https://visits.example/{path}") == ["private_link"]

    def test_a_name_of_two_letters_is_no_reason_to_refuse_a_link(self):
        assert codes("https://visits.example/p/always", private=["Al", ""]) == []

    @pytest.mark.parametrize("path", ["ana-gil", "AnaGil/x", "a/1980-02-03", "15550100123"])
    def test_nothing_of_the_patients(self, path):
        private = ["Ana Gil", "1980-02-03", "+1 555 010 0123"]
        assert codes(f"https://visits.example/{path}", private=private) == ["private_link"]

    @pytest.mark.parametrize(
        "link",
        [
            "https://ketamine.example/p/aB3dE6gH9jK2mN5p",
            "www.x.example/ketamine-therapy-visits-2026",
            "http://x.example/tms",
        ],
    )
    def test_no_treatment_word_in_it(self, link):
        assert "denied_word" in codes(link)


class TestLength:
    def test_160_characters_in_gsm7(self):
        assert codes("a" * 160, sms=True) == []
        assert codes("a" * 161, sms=True) == ["too_long"]
        assert codes("a" * 500) == [], "an e-mail may be longer"

    def test_escaped_characters_count_twice(self):
        assert neutral.length("€") == 2
        assert codes("€" * 81, sms=True) == ["too_long"]

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("", 1),
            ("a" * 160, 1),
            ("a" * 161, 2),
            ("a" * 306, 2),
            ("a" * 307, 3),
            ("é" * 160, 1),
            ("á" * 70, 1),
            ("á" * 71, 2),
            ("á" * 134, 2),
            ("á" * 135, 3),
            ("😀" * 35, 1),
            ("😀" * 36, 2),
            ("a" * 152 + "€" + "a" * 10, 2),
            ("a" * 152 + "€" + "a" * 152, 3),
        ],
    )
    def test_segments(self, text, parts):
        assert neutral.segments(text) == parts

    @pytest.mark.parametrize("char", "áíóúÁÍÓÚ")
    def test_these_accents_are_not_in_gsm7(self, char):
        assert not neutral.is_gsm7(char)
        assert neutral.is_gsm7(neutral.to_gsm7(char))

    @pytest.mark.parametrize("char", "éñüàÑÉ¿¡")
    def test_these_are_and_stay(self, char):
        assert neutral.to_gsm7(char) == char

    def test_plainer_signs(self):
        assert neutral.to_gsm7("“sábado” – mañana…\u00a0ok") == '"sabado" - mañana... ok'
        assert neutral.to_gsm7("日本 😀") == "日本 😀"


@given(st.text(max_size=400))
def test_it_answers_for_every_text(text):
    assert neutral.segments(text) >= 1
    assert neutral.length(text) >= len(text)
    assert isinstance(neutral.problems(text, "en", sms=True), list)
    plainer = neutral.to_gsm7(text)
    assert neutral.to_gsm7(plainer) == plainer


@pytest.mark.parametrize(
    "file", sorted(TEMPLATES.rglob("*.txt")), ids=lambda file: f"{file.parent.name}-{file.name}"
)
def test_every_template_is_neutral(file):
    assert neutral.problems(file.read_text(), file.parent.name) == []
