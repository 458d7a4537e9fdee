"""What a patient's reply means (R-07, R-13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.inbox import replies
from notifications.inbox.replies import Meaning


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop. ",
        "STOP!!!",
        "StopAll",
        "stop all",
        "UNSUBSCRIBE",
        "End",
        "quit",
        "REVOKE",
        "opt out",
        "OPT-OUT",
        "optout",
        "ARRET",
        "Arrêt",
        "remove",
        "td",
        "ALTO",
        "Baja",
        "parar",
        '"stop"',
    ],
)
def test_the_stop_family_opts_out_at_once(text):
    assert replies.read_reply(text=text) == replies.Reading(Meaning.STOP)


@pytest.mark.parametrize("text", ["CANCEL", "cancel.", "Cancelar"])
def test_cancel_opts_out_and_asks_staff_about_the_visit(text):
    reading = replies.read_reply(text=text)
    assert (reading.meaning, reading.ask_staff) == (Meaning.STOP, True)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("START", Meaning.START),
        ("unstop", Meaning.START),
        ("help?", Meaning.HELP),
        ("Info", Meaning.HELP),
        ("ayuda", Meaning.HELP),
        ("C", Meaning.CONFIRM),
        ("c.", Meaning.CONFIRM),
        ("Confirmo", Meaning.CONFIRM),
    ],
)
def test_keywords(text, meaning):
    assert replies.read_reply(text=text) == replies.Reading(meaning)


@pytest.mark.parametrize("text", ["YES", "Sí", "si!", "y"])
def test_r_13_a_yes_confirms_and_opts_in_again_who_had_opted_out(text):
    assert replies.read_reply(text=text) == replies.Reading(Meaning.CONFIRM, start_if_out=True)


@pytest.mark.parametrize("text", ["R", "r!", "change", "reschedule", "cambiar"])
def test_a_wish_for_another_time_goes_to_staff(text):
    assert replies.read_reply(text=text) == replies.Reading(Meaning.CHANGE, ask_staff=True)


@pytest.mark.parametrize(
    "text",
    [
        "please stop texting me",
        "Don't text me again",
        "Don’t contact me",
        "no more messages please",
        "I want to opt out of this",
        "no me escriban más",
        "leave me alone",
    ],
)
def test_a_sentence_that_may_revoke_goes_to_a_person_marked(text):
    reading = replies.read_reply(text=text)
    assert (reading.meaning, reading.ask_staff, reading.may_mean_stop) == (Meaning.UNCLEAR, True, True)


@pytest.mark.parametrize("text", ["", "👍", "ok see you then", "can I come at 11?", "C u", "R u open?"])
def test_anything_else_goes_to_a_person(text):
    assert replies.read_reply(text=text) == replies.Reading(Meaning.UNCLEAR, ask_staff=True)


@given(st.text(max_size=200))
def test_every_text_has_an_answer(text):
    reading = replies.read_reply(text=text)
    assert reading.meaning in Meaning
    assert reading.ask_staff or reading.meaning is not Meaning.UNCLEAR
