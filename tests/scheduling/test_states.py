"""The tables of moves: total, reachable, and as the public contract names them."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduling import states
from scheduling.states import APPOINTMENT, COURSE, Machine

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
MACHINES = pytest.mark.parametrize("machine", [COURSE, APPOINTMENT], ids=lambda machine: machine.name)


def walk(kind: str, *verbs: str, state: str = "booked") -> str:
    for verb in verbs:
        state = states.move(machine=APPOINTMENT, state=state, verb=verb, kind=kind)
    return state


@MACHINES
def test_every_state_verb_and_kind_has_an_answer(machine: Machine) -> None:
    verbs = {row.verb for row in machine.moves} | {"dance"}
    for state in machine.states:
        for kind in [*states.KINDS, None]:
            allowed = states.allowed(machine=machine, state=state, kind=kind)
            for verb in verbs:
                if verb in allowed:
                    assert states.move(machine=machine, state=state, verb=verb, kind=kind) in machine.states
                else:
                    with pytest.raises(states.InvalidTransition) as refused:
                        states.move(machine=machine, state=state, verb=verb, kind=kind)
                    assert refused.value.allowed == allowed


@MACHINES
def test_no_verb_means_two_things_in_one_state(machine: Machine) -> None:
    for state in machine.states:
        for kind in [*states.KINDS, None]:
            allowed = states.allowed(machine=machine, state=state, kind=kind)
            assert len(allowed) == len(set(allowed))


@MACHINES
def test_every_row_names_known_states_and_kinds(machine: Machine) -> None:
    for row in machine.moves:
        assert row.sources and row.sources <= set(machine.states)
        assert row.target in machine.states
        assert row.kinds is None or (row.kinds and row.kinds <= states.KINDS)


@MACHINES
def test_every_state_is_reachable(machine: Machine) -> None:
    reached = set(machine.initial)
    while True:
        more = {row.target for row in machine.moves if row.sources & reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(machine.states)


@pytest.mark.parametrize("kind", sorted(states.KINDS))
def test_every_kind_can_be_fulfilled_in_its_own_way(kind: str) -> None:
    ending = ("end_administration", "discharge") if kind == "dosing" else ("complete",)
    assert walk(kind, "confirm", "check_in", "start", *ending) == "fulfilled"


def test_a_dose_is_never_complete_without_a_discharge() -> None:
    for state in APPOINTMENT.states:
        assert "complete" not in states.allowed(machine=APPOINTMENT, state=state, kind="dosing")
        if state != "monitoring":
            assert "discharge" not in states.allowed(machine=APPOINTMENT, state=state, kind="dosing")


@pytest.mark.parametrize("kind", sorted(states.KINDS - {"dosing"}))
def test_only_a_dose_is_monitored_and_discharged(kind: str) -> None:
    for state in APPOINTMENT.states:
        allowed = states.allowed(machine=APPOINTMENT, state=state, kind=kind)
        assert not {"discharge", "end_administration"} & set(allowed)


def test_a_talk_may_be_completed_from_arrival_a_device_session_not() -> None:
    assert walk("integration", "check_in", "complete") == "fulfilled"
    with pytest.raises(states.InvalidTransition):
        walk("device", "check_in", "complete")


@pytest.mark.parametrize("state", ["in_progress", "monitoring", "fulfilled"])
@pytest.mark.parametrize("verb", ["cancel", "no_show", "displace", "move", "reinstate"])
def test_what_was_started_is_not_taken_back(state: str, verb: str) -> None:
    with pytest.raises(states.InvalidTransition) as refused:
        states.move(machine=APPOINTMENT, state=state, verb=verb, kind="dosing")
    assert refused.value.code == "invalid_transition"
    assert refused.value.data["state"] == state
    assert "enter_in_error" in refused.value.allowed


def test_someone_who_arrived_is_no_no_show() -> None:
    with pytest.raises(states.InvalidTransition):
        walk("dosing", "check_in", "no_show")


def test_a_moved_visit_is_not_confirmed() -> None:
    assert walk("dosing", "confirm", "move") == "booked"
    row = states.find(machine=APPOINTMENT, state="confirmed", verb="move", kind="dosing")
    assert row.clears == ("confirmed",)


@pytest.mark.parametrize("verb", ["cancel", "no_show", "displace"])
def test_what_was_lost_can_be_reinstated(verb: str) -> None:
    assert walk("integration", verb, "reinstate") == "booked"


def test_an_error_is_final() -> None:
    for machine in (COURSE, APPOINTMENT):
        for kind in states.KINDS:
            assert states.allowed(machine=machine, state="entered_in_error", kind=kind) == ()


def test_live_and_terminal_split_the_states() -> None:
    assert set(APPOINTMENT.states) == states.LIVE | states.TERMINAL
    assert not states.LIVE & states.TERMINAL
    assert {"held", "booked", "confirmed", "arrived", "in_progress", "monitoring"} == states.LIVE


def test_only_reinstating_moving_and_errors_lead_out_of_a_terminal_state() -> None:
    for state in states.TERMINAL:
        for kind in states.KINDS:
            allowed = states.allowed(machine=APPOINTMENT, state=state, kind=kind)
            assert set(allowed) <= {"reinstate", "move", "enter_in_error"}


def test_a_hold_is_live_until_the_moment_it_expires() -> None:
    soon = NOW + timedelta(minutes=5)
    assert states.is_live(status="held", hold_expires_at=soon, now=NOW)
    assert not states.is_live(status="held", hold_expires_at=soon, now=soon)
    assert not states.is_live(status="held", hold_expires_at=None, now=NOW)
    assert states.is_live(status="monitoring", hold_expires_at=None, now=NOW)
    assert not states.is_live(status="fulfilled", hold_expires_at=None, now=NOW)


def test_facts_of_the_day_may_be_entered_late_changes_of_plan_not() -> None:
    late = {row.verb for row in APPOINTMENT.moves if row.late}
    facts = {
        "confirm",
        "check_in",
        "start",
        "end_administration",
        "discharge",
        "complete",
        "cancel",
        "no_show",
    }
    assert late == facts
    assert all(row.fact for row in APPOINTMENT.moves if row.late)


def test_a_course_is_paused_reviewed_and_reopened() -> None:
    state = "active"
    for verb, then in [
        ("pause", "paused"),
        ("resume", "active"),
        ("ask_review", "review_due"),
        ("review", "active"),
        ("complete", "completed"),
        ("reopen", "active"),
        ("cancel", "stopped"),
    ]:
        state = states.move(machine=COURSE, state=state, verb=verb)
        assert state == then


@MACHINES
def test_the_diagram_shows_every_arrow_of_the_table(machine: Machine) -> None:
    drawn = states.as_mermaid(machine)
    assert drawn.startswith("stateDiagram-v2\n")
    for state in machine.initial:
        assert f"[*] --> {state}\n" in drawn
    for row in machine.moves:
        for source in row.sources:
            arrow = next(line for line in drawn.splitlines() if f"    {source} --> {row.target}:" in line)
            assert row.verb in arrow.split(": ")[1].split(", ")


@MACHINES
def test_the_reference_table_has_a_line_for_every_move(machine: Machine) -> None:
    assert len(states.as_table(machine).splitlines()) == 2 + len(machine.moves)
