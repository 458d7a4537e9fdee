"""The arithmetic of spans, against the slow and obvious way: sets of minutes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduling.planning.values import Span
from scheduling.roster import spans

ZERO = datetime(2026, 1, 1, tzinfo=UTC)


def span(first: int, last: int) -> Span:
    return Span(ZERO + timedelta(minutes=first), ZERO + timedelta(minutes=last))


def minutes(found) -> set[int]:
    return {
        minute
        for one in found
        for minute in range((one.start - ZERO).seconds // 60, (one.start - ZERO).seconds // 60 + length(one))
    }


def length(one: Span) -> int:
    return int((one.end - one.start).total_seconds()) // 60


some = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: span(pair[0], pair[0] + pair[1])),
    max_size=8,
)


def assert_tidy(found) -> None:
    assert all(one.start < one.end for one in found)
    assert all(left.end < right.start for left, right in zip(found, found[1:], strict=False))


@given(some)
def test_merging_covers_the_same_minutes(given_spans):
    found = spans.merge(spans=given_spans)
    assert minutes(found) == minutes(given_spans)
    assert_tidy(found)


@given(some, some)
def test_subtracting_leaves_what_is_not_covered(given_spans, minus):
    found = spans.subtract(spans=given_spans, minus=minus)
    assert minutes(found) == minutes(given_spans) - minutes(minus)
    assert_tidy(found)


@given(some, some)
def test_intersecting_leaves_what_both_cover(given_spans, others):
    found = spans.intersect(spans=given_spans, others=others)
    assert minutes(found) == minutes(given_spans) & minutes(others)
    assert_tidy(found)
