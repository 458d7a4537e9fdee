"""The states of a message: total, reachable, never a second hand-over; and provider reports in any order."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.models.message import State
from notifications.planning import ledger

reports = st.sampled_from([*ledger.PROVIDER_STATUSES, "receiving", "brand_new", ""])


def test_the_table_and_the_database_know_the_same_states():
    assert set(ledger.STATES) == set(State.values)


def test_every_state_and_verb_has_an_answer():
    for state in ledger.STATES:
        allowed = ledger.allowed(state=state)
        assert len(allowed) == len(set(allowed)), "no verb means two things in one state"
        for verb in {row.verb for row in ledger.MOVES} | {"dance"}:
            if verb in allowed:
                assert ledger.move(state=state, verb=verb) in ledger.STATES
            else:
                with pytest.raises(ledger.InvalidMove) as refused:
                    ledger.move(state=state, verb=verb)
                assert refused.value.allowed == allowed


def test_every_state_is_reachable():
    reached = set(ledger.INITIAL)
    while more := {row.target for row in ledger.MOVES if row.sources & reached} - reached:
        reached |= more
    assert reached == set(ledger.STATES)


def test_a_way_leads_from_every_state_to_a_final_one():
    ends = set(ledger.FINAL)
    while more := {source for row in ledger.MOVES if row.target in ends for source in row.sources} - ends:
        ends |= more
    assert ends == set(ledger.STATES)


def test_what_a_provider_has_is_never_handed_over_again_without_evidence():
    back = {
        row.verb for row in ledger.MOVES if row.target in ledger.UNSENT and row.sources & ledger.HANDED_OVER
    }
    assert back == {"retry", "resolve_not_sent"}
    assert ledger.allowed(state="accepted") == ("deliver", "undeliver")


def test_only_what_was_not_handed_over_can_be_withdrawn():
    for verb in ("cancel", "suppress"):
        sources = next(row.sources for row in ledger.MOVES if row.verb == verb)
        assert sources == ledger.UNSENT == {"planned", "leased"}


def test_a_hand_over_is_finished_only_by_its_own_attempt():
    fenced = {row.verb for row in ledger.MOVES if row.fenced}
    assert fenced == {"accept", "retry", "refuse"}
    assert all(row.sources == {"handing_over"} for row in ledger.MOVES if row.fenced)


def test_final_states_stay_but_for_a_late_delivery():
    for state in ledger.FINAL - {"undelivered"}:
        assert ledger.allowed(state=state) == ()
    assert ledger.allowed(state="undelivered") == ("deliver",)


def test_the_diagram_shows_every_arrow():
    drawn = ledger.as_mermaid()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> planned\n")
    for row in ledger.MOVES:
        for source in row.sources:
            arrow = next(line for line in drawn.splitlines() if f"    {source} --> {row.target}:" in line)
            assert row.verb in arrow.split(": ")[1].split(", ")


class TestProviderReports:
    @given(st.lists(reports, max_size=6), st.randoms(use_true_random=False))
    def test_any_order_and_any_repetition_ends_the_same(self, some, chance):
        def merged(statuses):
            known = ""
            for status in statuses:
                known = ledger.merge_status(known=known, reported=status)
            return known

        shuffled = [*some, *some]
        chance.shuffle(shuffled)
        assert merged(some) == merged(shuffled)

    def test_a_late_sent_does_not_undo_delivered(self):
        assert ledger.merge_status(known="delivered", reported="sent") == "delivered"

    def test_an_unknown_status_changes_nothing(self):
        assert ledger.merge_status(known="queued", reported="brand_new") == "queued"
        assert ledger.merge_status(known="", reported="brand_new") == ""

    @pytest.mark.parametrize("start", ["accepted", "in_doubt", "handing_over"])
    def test_the_state_ends_the_same_in_any_order(self, start):
        for order in permutations(["queued", "sent", "undelivered", "delivered"]):
            state = start
            for status in order:
                state = ledger.after_report(state=state, status=status)
            assert state == "delivered"

    def test_any_report_at_all_ends_the_doubt(self):
        assert ledger.after_report(state="in_doubt", status="queued") == "accepted"
        assert ledger.after_report(state="in_doubt", status="failed") == "undelivered"
        assert ledger.after_report(state="in_doubt", status="brand_new") == "in_doubt"

    def test_a_report_leaves_alone_what_is_not_to_go(self):
        for state in ("cancelled", "suppressed", "failed_final"):
            assert ledger.after_report(state=state, status="delivered") == state
