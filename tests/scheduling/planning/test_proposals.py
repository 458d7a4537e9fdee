"""Several proposals: they differ, keep the rules, and say what they trade."""

from dataclasses import replace

import pytest

from scheduling.planning import course, proposals, rules
from scheduling.planning.values import Plan
from tests.scheduling.planning.clinic import DOCUMENTS, clinic, document, plans, request, short


def _three(key: str) -> tuple[Plan, ...]:
    return plans(course.plan_course(request=request(DOCUMENTS[key], proposals=3), availability=clinic()))


@pytest.mark.parametrize("key", ["iv_ketamine_3x_2wk", "kap_sublingual_im", "roots_to_thrive_group"])
def test_three_proposals_differ_in_something_that_matters(key: str) -> None:
    asked = request(DOCUMENTS[key], proposals=3)
    found = _three(key)
    assert len(found) == 3
    assert len({proposals.traits(asked, plan) for plan in found}) == 3


def test_the_first_proposal_is_the_cheapest_and_the_others_follow() -> None:
    costs = [plan.cost for plan in _three("kap_sublingual_im")]
    assert costs == sorted(costs)
    alone = plans(course.plan_course(request=request(document("kap_sublingual_im")), availability=clinic()))
    assert alone[0].cost == costs[0]


def test_every_proposal_keeps_the_hard_rules() -> None:
    asked, place = request(document(), proposals=3), clinic()
    for plan in plans(course.plan_course(request=asked, availability=place)):
        assert rules.check_visits(request=asked, availability=place, visits=plan.visits) == ()


def test_as_many_proposals_as_were_asked_for() -> None:
    for wanted in (1, 2):
        asked = request(short(3), proposals=wanted)
        assert len(plans(course.plan_course(request=asked, availability=clinic()))) == wanted


def test_the_best_proposal_says_when_it_ends_with_whom_and_at_what_hours() -> None:
    best = _three("iv_ketamine_2x_3wk_cbt")[0]
    assert best.trades[0] == "last dose Thu 18 Jun 2026, 1 day after the earliest possible"
    assert best.trades[1] == "all follow-ups with T1"
    assert best.trades[2] == "every dose at 08:00"


def test_other_proposals_say_what_they_trade_against_the_best() -> None:
    asked = request(document("roots_to_thrive_group"), proposals=3)
    others = plans(course.plan_course(request=asked, availability=clinic()))[1:]
    words = [word for plan in others for word in plan.trades]
    assert any("later" in word for word in words)


def test_a_series_that_does_not_fit_is_said_and_stops_nothing() -> None:
    place = clinic()
    ends = max(span.end for span in place.practitioners[0].on_shift)
    short_shifts = tuple(
        replace(
            person,
            on_shift=tuple(span for span in person.on_shift if (ends - span.end).days > 130),
        )
        for person in place.practitioners
    )
    asked = request(document())
    best = plans(course.plan_course(request=asked, availability=replace(place, practitioners=short_shifts)))[
        0
    ]
    assert any("of 16 therapy visits fit" in word for word in best.trades)
