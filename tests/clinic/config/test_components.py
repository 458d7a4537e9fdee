"""`{% url %}` of our templates says what Django's own says, whatever it is given."""

from typing import Any
from uuid import uuid4

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, reverse, set_script_prefix

A, B = uuid4(), uuid4()


def drawn(asked: str, **context: Any) -> str:
    return Template(asked).render(Context(context))


@pytest.mark.parametrize("one", [A, B])
def test_each_id_has_its_own_address(one: Any) -> None:
    found = drawn(
        "{% url 'visit' one %} {% url 'follow-up' gap_id=one %} {% url 'visit-move' one verb %}",
        one=one,
        verb="check_in",
    )
    wanted = (
        reverse("visit", args=[one]),
        reverse("follow-up", kwargs={"gap_id": one}),
        reverse("visit-move", args=[one, "check_in"]),
    )
    assert found == " ".join(wanted)


def test_an_id_as_text_and_no_id_at_all_are_addresses_too() -> None:
    assert drawn("{% url 'visit' one %}{% url 'day' %}", one=str(A)) == reverse("visit", args=[A]) + reverse(
        "day"
    )


def test_an_address_can_be_kept_under_a_name() -> None:
    assert drawn("{% url 'visit' one as at %}<{{ at }}>", one=A) == f"<{reverse('visit', args=[A])}>"


def test_no_address_is_an_error_unless_it_is_asked_for_by_a_name() -> None:
    with pytest.raises(NoReverseMatch):
        drawn("{% url 'visit' one %}", one="")
    assert drawn("{% url 'no-such-page' as at %}<{{ at }}>") == "<>"


def test_the_prefix_that_the_server_stands_under_is_kept() -> None:
    before = drawn("{% url 'visit' one %}", one=A)
    set_script_prefix("/clinic 100%/")
    try:
        assert drawn("{% url 'visit' one %}", one=A) == f"/clinic%20100%25{before}"
    finally:
        set_script_prefix("/")
