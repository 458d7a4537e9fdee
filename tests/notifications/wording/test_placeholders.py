"""The language of the texts: it fills, it chooses, and it can do nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.wording import placeholders
from notifications.wording.placeholders import Unreadable

VALUES = {"clinic": "Harbor", "phone": "1", "link": None, "several": "", "total": "2"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{clinic}: hello", "Harbor: hello"),
        ("{ clinic }", "Harbor"),
        ("a {link} b", "a  b"),
        ("[at {link} or {phone}|at {link}|call {phone}]", "call 1"),
        ("[at {link}]", ""),
        ("[{several}{total} visits|a visit]", "2 visits"),
        ("[{link}many|one]", "one"),
        ("a | b", "a | b"),
    ],
)
def test_of_several_wordings_the_first_that_is_known_stands(text: str, filled: str) -> None:
    assert placeholders.parse(text).fill(VALUES) == filled


def test_a_value_is_never_read_as_language() -> None:
    values = {**VALUES, "clinic": "{phone} [x|y] {{ phone }} {% now 'Y' %}"}
    assert placeholders.parse("{clinic}").fill(values) == values["clinic"]


@pytest.mark.parametrize("text", ["{", "}", "{{clinic}}", "[a", "a]", "[a [b]]", "{a|b}", "{[}"])
def test_what_is_no_text_of_this_language_is_said(text: str) -> None:
    with pytest.raises(Unreadable):
        placeholders.parse(text)


@given(st.text(alphabet="ab{}[]|% \n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = placeholders.parse(text)
    except Unreadable:
        return
    filled = found.fill(dict.fromkeys(found.names, "v"))
    assert not set(filled) & set("{}[]")
