"""Who is heard about a kind of message, and what may be said of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.models import term as rows
from notifications.planning import kinds, terms
from notifications.planning.kinds import Kind
from notifications.planning.terms import CHOICES, Level, Term

HOURED = {kind: hours for kind, hours in CHOICES.items() if hours}
said = st.builds(
    Term, on=st.sampled_from([None, True, False]), hours=st.none() | st.integers(12, 336), reason=st.just("x")
)
levels = st.dictionaries(st.sampled_from(list(CHOICES)), said)


@given(kind=st.sampled_from(list(CHOICES)), refused=st.booleans(), protocol=levels, practice=levels)
def test_the_first_who_says_something_is_heard(
    kind: str, refused: bool, protocol: dict[str, Term], practice: dict[str, Term]
) -> None:
    found = terms.settle(kind=kind, refused=refused, protocol=protocol, practice=practice)
    theirs, ours = protocol.get(kind, Term()), practice.get(kind, Term())
    heard = {
        Level.PATIENT: False if refused else None,
        Level.PROTOCOL: theirs.on,
        Level.PRACTICE: ours.on,
        Level.BUILT_IN: True,
    }
    before = list(Level)[: list(Level).index(found.by)]
    assert found.on is heard[found.by]
    assert all(heard[one] is None for one in before)
    hours = {Level.PROTOCOL: theirs.hours, Level.PRACTICE: ours.hours, Level.BUILT_IN: kinds.hours(kind)}
    assert found.hours == hours[found.hours_by]
    assert found.hours_by is Level.PROTOCOL or theirs.hours is None
    assert found.hours_by is not Level.BUILT_IN or ours.hours is None


@given(kind=st.sampled_from(list(CHOICES)), protocol=levels, practice=levels)
def test_what_a_patient_wants_none_of_does_not_go_whoever_wants_it(
    kind: str, protocol: dict[str, Term], practice: dict[str, Term]
) -> None:
    assert not terms.settle(kind=kind, refused=True, protocol=protocol, practice=practice).on


@given(kind=st.sampled_from(list(CHOICES)), other=st.sampled_from(list(CHOICES)), practice=levels)
def test_what_is_said_of_one_kind_changes_no_other(kind: str, other: str, practice: dict[str, Term]) -> None:
    practice = {name: term for name, term in practice.items() if name in (kind, other)}
    alone = {name: term for name, term in practice.items() if name == kind}
    both = terms.settle(kind=kind, protocol={}, practice=practice)
    assert both == terms.settle(kind=kind, protocol={}, practice=alone)


@pytest.mark.parametrize("kind", list(HOURED))
def test_what_is_built_in_may_be_said(kind: str) -> None:
    assert not terms.problems(kind=kind, term=Term(on=True, hours=int(kinds.hours(kind))))


@pytest.mark.parametrize("kind", list(HOURED))
def test_hours_have_ends(kind: str) -> None:
    least, most = HOURED[kind].least, HOURED[kind].most
    for hours, wrong in ((least - 1, True), (least, False), (most, False), (most + 1, True)):
        assert bool(terms.problems(kind=kind, term=Term(hours=hours))) is wrong


def test_the_early_reminder_is_always_before_the_last_one() -> None:
    assert HOURED[Kind.REMINDER_72H].least > HOURED[Kind.REMINDER_24H].most


def test_the_database_has_the_same_ends() -> None:
    assert {str(kind): (one.least, one.most) if one else None for kind, one in CHOICES.items()} == rows.HOURS
    assert tuple(map(str, terms.NEEDS_REASON)) == rows.NEEDS_REASON
    assert terms.LONGEST_REASON == rows.LONGEST_REASON


@pytest.mark.parametrize("kind", terms.NEEDS_REASON)
def test_the_last_word_before_a_dose_is_not_taken_away_without_a_reason(kind: str) -> None:
    assert set(terms.problems(kind=kind, term=Term(on=False, reason="  "))) == {"reason"}
    assert not terms.problems(kind=kind, term=Term(on=False, reason="We telephone all of them."))


@pytest.mark.parametrize("kind", [Kind.COURSE_BOOKED, Kind.VISIT_MOVED, Kind.VISIT_CANCELLED, Kind.HELP, "x"])
def test_news_and_answers_always_go(kind: str) -> None:
    assert set(terms.problems(kind=kind, term=Term(on=False))) == {""}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ([], {""}),
        ({"check_in": False}, {"check_in"}),
        ({"check_in": {"on": "no"}}, {"check_in.on"}),
        ({"check_in": {"hours": 24.5}}, {"check_in.hours"}),
        ({"check_in": {"hours": True}}, {"check_in.hours"}),
        ({"check_in": {"hours": 49}}, {"check_in.hours"}),
        ({"check_in": {"minutes": 5}}, {"check_in.minutes"}),
        ({"reminder_24h": {"on": False}}, {"reminder_24h.reason"}),
        ({"reminder_24h": {"on": False, "reason": 5}}, {"reminder_24h.reason"}),
        ({"no_show": {"hours": 24}}, {"no_show.hours"}),
        ({"visit_moved": {"on": False}}, {"visit_moved"}),
        ({"check_in": {"on": False}, "no_show": {"hours": 1}}, {"no_show.hours"}),
    ],
)
def test_what_a_protocol_may_not_say_is_named(value: Any, wrong: set[str]) -> None:
    read, found = terms.read(value)
    assert set(found) == wrong
    assert not {name.partition(".")[0] for name in wrong} & set(read)


def test_what_a_protocol_says_is_read() -> None:
    document = {"reminder_72h": {"on": False}, "preparation": {"hours": 240}, "check_in": {}}
    assert terms.read(document) == (
        {"reminder_72h": Term(on=False), "preparation": Term(hours=240), "check_in": Term()},
        {},
    )
    assert terms.read(None) == ({}, {})
