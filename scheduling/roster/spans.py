"""Arithmetic on stretches of time. Pure; every function takes spans in any order and gives them sorted and
disjoint.
"""

from collections.abc import Iterable
from datetime import datetime

from scheduling.planning.values import Span


def merge(*, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union; spans that touch become one."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if merged and span.start <= merged[-1].end:
            if span.end > merged[-1].end:
                merged[-1] = Span(merged[-1].start, span.end)
        elif span.start < span.end:
            merged.append(span)
    return tuple(merged)


def subtract(*, spans: Iterable[Span], minus: Iterable[Span]) -> tuple[Span, ...]:
    """What of `spans` none of `minus` covers."""
    holes = merge(spans=minus)
    left: list[Span] = []
    first = 0
    for span in merge(spans=spans):
        start: datetime = span.start
        while first < len(holes) and holes[first].end <= start:
            first += 1
        at = first
        while at < len(holes) and holes[at].start < span.end:
            if holes[at].start > start:
                left.append(Span(start, holes[at].start))
            start = max(start, holes[at].end)
            at += 1
        if start < span.end:
            left.append(Span(start, span.end))
    return tuple(left)


def intersect(*, spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What both cover."""
    ours, theirs = merge(spans=spans), merge(spans=others)
    both: list[Span] = []
    left = right = 0
    while left < len(ours) and right < len(theirs):
        start = max(ours[left].start, theirs[right].start)
        end = min(ours[left].end, theirs[right].end)
        if start < end:
            both.append(Span(start, end))
        if ours[left].end < theirs[right].end:
            left += 1
        else:
            right += 1
    return tuple(both)
