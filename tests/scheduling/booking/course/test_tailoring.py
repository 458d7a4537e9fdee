"""A proposal that a person changes by hand."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotAllowed
from scheduling.booking.course import courses, tailoring
from scheduling.booking.course.tailoring import Tailored
from scheduling.booking.wanted import proposals
from scheduling.booking.wanted.proposals import Proposal
from scheduling.errors import ProposalExpired, SlotTaken
from scheduling.models import Appointment
from scheduling.planning.values import PlannedVisit
from tests import factories
from tests.scheduling.booking import booked

NOW = booked.NOW


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def best(clinic: factories.Clinic) -> Proposal:
    return booked.propose(clinic, alternatives=1)[0]


def visit(proposal: Proposal, ref: str) -> PlannedVisit:
    return next(one for one in proposal.visits if one.ref == ref)


def choose(clinic: factories.Clinic, best: Proposal, ref: str, number: int = 0) -> tailoring.Choice:
    found = tailoring.choices(actor=clinic.admin, token=best.token, ref=ref, now=NOW)
    return found.found[number]


def change(
    clinic: factories.Clinic, best: Proposal, ref: str, choice: tailoring.Choice, *pinned: str
) -> Tailored:
    return tailoring.change(
        actor=clinic.admin, token=best.token, ref=ref, start=choice.start, now=NOW, pinned=pinned
    )


@pytest.mark.parametrize("ref", ["dose-1", "dose-3", "dose-6", "integration-2"])
def test_every_choice_gives_a_course_that_can_be_booked(
    clinic: factories.Clinic, best: Proposal, ref: str
) -> None:
    found = tailoring.choices(actor=clinic.admin, token=best.token, ref=ref, now=NOW).found
    assert 2 <= len(found) <= tailoring.SHOWN
    assert [one.start for one in found] == sorted({one.start for one in found})
    assert visit(best, ref).start not in {one.start for one in found}
    for choice in found:
        mine = change(clinic, best, ref, choice).proposals[0]
        moved = [one.ref for one in mine.visits if one.ref != ref and one.start != visit(best, one.ref).start]
        assert visit(mine, ref).start == choice.start
        assert len(moved) <= choice.moves
        assert len(mine.visits) == len(best.visits)
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=mine.token)
    assert Appointment.objects.get(course_id=course_id, ref=ref).start == choice.start


def test_a_dose_that_needs_nobody_is_offered_at_working_hours(clinic: factories.Clinic) -> None:
    plan = factories.document("sc_ketamine_kads")["plan"] | {"staff": [], "room_kinds": []}
    alone = factories.protocol(clinic.practice, "sc_ketamine_kads", plan=plan)
    best = booked.propose(clinic, protocol_id=alone.template_id, alternatives=1)[0]
    found = tailoring.choices(actor=clinic.admin, token=best.token, ref="dose-2", now=NOW).found
    assert found
    for choice in found:
        assert choice.staffing == ()
        start, end = (at.astimezone(ZoneInfo(factories.NEW_YORK)) for at in (choice.start, choice.end))
        assert time(8) <= start.time() < end.time() <= time(18), start
        assert start.isoweekday() <= 5


def test_every_visit_of_a_course_at_home_has_other_times(clinic: factories.Clinic) -> None:
    at_home = factories.protocol(clinic.practice, "at_home_sublingual_telehealth")
    best = booked.propose(clinic, protocol_id=at_home.template_id, alternatives=1)[0]
    without = {
        one.ref
        for one in best.visits
        if not tailoring.choices(actor=clinic.admin, token=best.token, ref=one.ref, now=NOW).found
    }
    assert without == set()


def test_what_moves_along_keeps_every_window(clinic: factories.Clinic, best: Proposal) -> None:
    choice = choose(clinic, best, "dose-2", -1)
    for one in change(clinic, best, "dose-2", choice).proposals[0].visits:
        if one.window is not None:
            assert one.window.opens_at <= one.start <= one.window.closes_at


def test_what_is_fixed_stays(clinic: factories.Clinic, best: Proposal) -> None:
    mine = change(clinic, best, "integration-2", choose(clinic, best, "integration-2"))
    fixed = visit(mine.proposals[0], "integration-2")
    assert mine.pinned == ("integration-2",)
    found = tailoring.choices(
        actor=clinic.admin, token=mine.proposals[0].token, ref="dose-2", now=NOW, pinned=mine.pinned
    )
    for choice in found.found:
        again = change(clinic, mine.proposals[0], "dose-2", choice, *mine.pinned)
        assert visit(again.proposals[0], "integration-2").start == fixed.start
        assert again.pinned == ("integration-2", "dose-2")


def test_a_change_is_told_and_claims_nothing(clinic: factories.Clinic, best: Proposal) -> None:
    plan = change(clinic, best, "dose-3", choose(clinic, best, "dose-3")).proposals[0].plan
    assert plan.proven is False
    assert plan.trades[0] == "changed by hand"


def test_a_time_at_which_nobody_works_is_refused(clinic: factories.Clinic, best: Proposal) -> None:
    midnight = visit(best, "dose-3").start.replace(hour=3, minute=0)
    with pytest.raises(SlotTaken):
        tailoring.change(actor=clinic.admin, token=best.token, ref="dose-3", start=midnight, now=NOW)


def test_a_visit_that_is_not_of_the_proposal_is_refused(clinic: factories.Clinic, best: Proposal) -> None:
    with pytest.raises(Invalid):
        tailoring.choices(actor=clinic.admin, token=best.token, ref="dose-99", now=NOW)


def test_choosing_writes_nothing(clinic: factories.Clinic, best: Proposal) -> None:
    change(clinic, best, "dose-3", choose(clinic, best, "dose-3"))
    assert not Appointment.objects.exists()


def test_only_who_may_book_may_look(clinic: factories.Clinic, best: Proposal) -> None:
    monitor = factories.actor(clinic.practice, "monitor")
    with pytest.raises(NotAllowed):
        tailoring.choices(actor=monitor, token=best.token, ref="dose-1", now=NOW)


def test_another_practice_has_no_such_proposal(clinic: factories.Clinic, best: Proposal) -> None:
    other = factories.admin(factories.practice())
    for ask in (tailoring.opened, tailoring.anew):
        with pytest.raises(ProposalExpired):
            ask(actor=other, token=best.token, now=NOW)
    with pytest.raises(ProposalExpired):
        tailoring.asked(actor=other, token=best.token)


def test_an_expired_proposal_is_made_anew_with_what_was_fixed(
    clinic: factories.Clinic, best: Proposal
) -> None:
    mine = change(clinic, best, "dose-3", choose(clinic, best, "dose-3"))
    later = mine.proposals[0].expires_at + timedelta(minutes=1)
    with pytest.raises(ProposalExpired):
        proposals.read(actor=clinic.admin, token=mine.proposals[0].token, now=later)
    again = tailoring.anew(actor=clinic.admin, token=mine.proposals[0].token, now=later, pinned=mine.pinned)
    assert again.pinned == ("dose-3",)
    assert visit(again.proposals[0], "dose-3").start == visit(mine.proposals[0], "dose-3").start


def test_what_was_fixed_and_is_taken_is_let_go(clinic: factories.Clinic, best: Proposal) -> None:
    mine = change(clinic, best, "dose-1", choose(clinic, best, "dose-1"))
    start = visit(mine.proposals[0], "dose-1").start
    # Whoever must be at a dose is away.
    factories.absence(clinic.prescriber, start - timedelta(hours=2), start + timedelta(hours=4))
    factories.absence(clinic.monitor, start - timedelta(hours=2), start + timedelta(hours=4))
    again = tailoring.anew(actor=clinic.admin, token=mine.proposals[0].token, now=NOW, pinned=mine.pinned)
    assert again.pinned == ()
    assert again.proposals
