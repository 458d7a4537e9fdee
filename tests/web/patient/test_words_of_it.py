"""The patient's page says the same in both languages, and never what a visit is for."""

import re

import pytest

from notifications import neutral
from scheduling import reasons
from scheduling.web.patient import words

FIELD = re.compile(r"{\w+}")


def test_both_languages_say_the_same_things() -> None:
    assert set(words.WORDS) == set(words.LANGUAGES) == set(words.DAYS) == set(words.MONTHS) == set(words.DATE)
    english, spanish = words.WORDS["en"], words.WORDS["es"]
    assert set(english) == set(spanish)
    for key, text in english.items():
        assert sorted(FIELD.findall(text)) == sorted(FIELD.findall(spanish[key])), key
        assert text != spanish[key] or key in ("visit_of",), key


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_word_tells_what_a_visit_is_for(language: str) -> None:
    for key, text in words.WORDS[language].items():
        assert neutral.denied_words(text, language) == [], key


def test_every_reason_that_patients_choose_from_has_its_words() -> None:
    assert set(reasons.BY_PATIENTS) <= set(reasons.CHOICES)
    told = {key.removeprefix("reason_") for key in words.WORDS["en"] if key.startswith("reason_")}
    assert told == set(reasons.BY_PATIENTS)
