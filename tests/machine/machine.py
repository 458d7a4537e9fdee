"""Everything that people do to courses, in any order, with time passing between: the machine that Hypothesis
drives."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scheduling import states
from scheduling.booking.wanted.holding import Hold
from scheduling.models.review import Decision
from tests.machine import invariants, repairs
from tests.machine.repairs import How
from tests.machine.world import STARTS, World

VERBS = ("confirm", "check_in", "start", "end_administration", "discharge", "complete", "no_show", "cancel")
LEFT_OUT = ((), (), ("integration-1",), ("integration-2", "integration-3"), ("preparation-1",))
# How long after its planned or recorded end a visit ends.
MINUTES = (-80, -20, 0, 0, 30, 600, 1500)
# The doses that a course has behind it when it is taken over, in days ago.
GIVEN = ((1,), (3,), (9,), (5, 2), (12, 8, 5), (11, 8, 4, 1))
# Mostly with whom it was; else with one of the two therapists.
SAME = (None, None, None, 0, 1)
OWED = ("prospective", "covered", "open", "lapsed", "waived")

which = st.integers(0, 40)
how = st.builds(How, cascade=st.booleans(), seen_first=st.booleans(), excuse=st.booleans())


class ClinicMachine(RuleBasedStateMachine):
    """Each example runs in a savepoint of the test's transaction and is undone at its end."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        # As Django's own TestCase marks its blocks: a use case may be the outermost one of its own.
        self.savepoint._from_testcase = True  # type: ignore[attr-defined]
        self.savepoint.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    def one_of(self, rows: list[Any], number: int) -> Any:
        return rows[number % len(rows)]

    @initialize(start=st.sampled_from(STARTS), patient=st.integers(0, 1), skip=st.sampled_from(LEFT_OUT))
    def begin(self, start: Any, patient: int, skip: tuple[str, ...]) -> None:
        self.world.now = start
        self.world.forget()
        self.world.book(patient=patient, skip=skip, days=3)

    @rule(patient=st.integers(0, 1), skip=st.sampled_from(LEFT_OUT), days=st.integers(2, 10))
    @precondition(lambda self: self.room_for(3))
    def book(self, patient: int, skip: tuple[str, ...], days: int) -> None:
        self.world.book(patient=patient, skip=skip, days=days)

    @rule(patient=st.integers(0, 1), days=st.integers(2, 10), minutes=st.sampled_from([1, 10, 60]))
    @precondition(lambda self: self.room_for(3))
    def hold(self, patient: int, days: int, minutes: int) -> None:
        self.world.book(patient=patient, skip=(), days=days, hold=Hold(minutes=minutes))

    @rule(number=which, book=st.booleans(), minutes=st.sampled_from([0, 0, 5, 30]))
    @precondition(lambda self: self.drafts())
    def end_hold(self, number: int, book: bool, minutes: int) -> None:
        # Some of them are over by then; the sweep has not passed yet.
        self.world.now += timedelta(minutes=minutes)
        self.world.end_hold(course=self.one_of(self.drafts(), number), book=book)
        self.world.pass_time(self.world.now)

    @rule(
        number=which, days=st.integers(-3, 6), hour=st.integers(8, 17), person=st.sampled_from(SAME), how=how
    )
    @precondition(lambda self: self.coming())
    def move(self, number: int, days: int, hour: int, person: int | None, how: How) -> None:
        visit = self.one_of(self.coming(), number)
        repairs.move(world=self.world, visit=visit, days=days, hour=hour, person=person, how=how)

    @rule(number=which, other=which, how=how)
    @precondition(lambda self: len(self.coming()) > 1)
    def swap(self, number: int, other: int, how: How) -> None:
        visit = self.one_of(self.coming(), number)
        # Two of one kind, where there are: others rarely fit each other's places.
        alike = [one for one in self.coming() if one.kind == visit.kind and one.pk != visit.pk]
        others = alike or [one for one in self.coming() if one.pk != visit.pk]
        repairs.swap(world=self.world, visit=visit, other=self.one_of(others, other), how=how)

    @rule(number=which, how=how)
    @precondition(lambda self: self.lost())
    def reinstate(self, number: int, how: How) -> None:
        repairs.reinstate(world=self.world, visit=self.one_of(self.lost(), number), how=how)

    @rule(number=which, choice=which, minutes=st.sampled_from(MINUTES))
    @precondition(lambda self: self.recorded())
    def correct(self, number: int, choice: int, minutes: int) -> None:
        visit = self.one_of(self.recorded(), number)
        target = self.one_of(list(states.CORRECTIONS[visit.status]), choice)
        repairs.correct(world=self.world, visit=visit, target=target, minutes=minutes)

    @rule(number=which, minutes=st.sampled_from(MINUTES))
    @precondition(lambda self: self.world.visits("fulfilled"))
    def correct_time(self, number: int, minutes: int) -> None:
        visit = self.one_of(self.world.visits("fulfilled"), number)
        repairs.correct(world=self.world, visit=visit, target="fulfilled", minutes=minutes)

    @rule(number=which, course=st.sampled_from([False, False, False, True]))
    @precondition(lambda self: self.world.visits() and len(self.world.courses()) > 1)
    def enter_in_error(self, number: int, course: bool) -> None:
        if course:
            found = self.one_of(self.world.courses(), number)
            repairs.enter_course_in_error(world=self.world, course=found)
        else:
            repairs.enter_in_error(world=self.world, visit=self.one_of(self.world.visits(), number))

    @rule(number=which, days=st.sampled_from([0, 7]))
    @precondition(lambda self: self.world.courses("active", "review_due"))
    def pause(self, number: int, days: int) -> None:
        course = self.one_of(self.world.courses("active", "review_due"), number)
        repairs.pause(world=self.world, course=course, days=days)

    @rule(number=which)
    @precondition(lambda self: self.world.courses("paused", "completed", "stopped"))
    def go_on(self, number: int) -> None:
        course = self.one_of(self.world.courses("paused", "completed", "stopped"), number)
        repairs.go_on(world=self.world, course=course)

    @rule(number=which, decision=st.sampled_from(Decision.values))
    @precondition(lambda self: self.world.courses("active", "review_due"))
    def review(self, number: int, decision: str) -> None:
        course = self.one_of(self.world.courses("active", "review_due"), number)
        repairs.review(world=self.world, course=course, decision=decision)

    @rule(number=which)
    @precondition(lambda self: self.world.courses("active", "review_due"))
    def complete(self, number: int) -> None:
        course = self.one_of(self.world.courses("active", "review_due"), number)
        repairs.complete(world=self.world, course=course)

    @rule(number=which, days=st.sampled_from([0, 0, 2, 9]), how=how)
    @precondition(lambda self: self.world.courses("active", "review_due"))
    def replan(self, number: int, days: int, how: How) -> None:
        course = self.one_of(self.world.courses("active", "review_due"), number)
        repairs.replan(world=self.world, course=course, days=days, how=how)

    @rule(person=st.integers(0, 3), days=st.integers(1, 14), how=how)
    @precondition(lambda self: self.expected())
    def reassign(self, person: int, days: int, how: How) -> None:
        repairs.reassign(world=self.world, person=person, days=days, how=how)

    @rule(
        patient=st.integers(0, 1),
        ago=st.sampled_from(GIVEN),
        followed=st.sampled_from(["here", "outside", "not"]),
        plan=st.booleans(),
    )
    @precondition(lambda self: self.room_for(4))
    def adopt(self, patient: int, ago: tuple[int, ...], followed: str, plan: bool) -> None:
        repairs.adopt(world=self.world, patient=patient, ago=ago, followed=followed, plan=plan)

    @rule(number=which, share=st.floats(0, 1))
    @precondition(lambda self: self.world.gaps())
    def book_visit(self, number: int, share: float) -> None:
        self.world.book_visit(gap=self.one_of(self.world.gaps(), number), share=share)

    @rule(hours=st.integers(1, 120))
    def time_passes(self, hours: int) -> None:
        self.world.pass_time(self.world.now + timedelta(hours=hours))

    @rule(number=which, verb=st.sampled_from(VERBS))
    @precondition(lambda self: self.world.visits())
    def step(self, number: int, verb: str) -> None:
        self.world.step(visit=self.one_of(self.world.visits(), number), verb=verb)

    @rule(minutes=st.sampled_from(MINUTES))
    @precondition(lambda self: self.expected())
    def attend(self, minutes: int) -> None:
        self.world.attend(visit=self.expected()[0], minutes=minutes)

    @rule(visits=st.integers(2, 5))
    @precondition(lambda self: self.expected())
    def days_go_by(self, visits: int) -> None:
        for _ in range(visits):
            if self.expected():
                self.world.attend(visit=self.expected()[0], minutes=0)

    @rule(number=st.integers(0, 2))
    @precondition(lambda self: self.expected())
    def miss(self, number: int) -> None:
        self.world.miss(visit=self.one_of(self.expected()[:3], number))

    @rule(number=which)
    @precondition(lambda self: self.expected())
    def cancel(self, number: int) -> None:
        self.world.step(visit=self.one_of(self.expected(), number), verb="cancel")

    @rule(number=which)
    @precondition(lambda self: len(self.standing()) > 1)
    def cancel_course(self, number: int) -> None:
        self.world.cancel_course(course=self.one_of(self.standing(), number))

    @rule(number=which)
    @precondition(lambda self: self.world.gaps(*OWED))
    def waive(self, number: int) -> None:
        self.world.waive(gap=self.one_of(self.world.gaps(*OWED), number))

    @rule(number=which, hours=st.integers(-24, 240))
    @precondition(lambda self: self.world.gaps())
    def attest(self, number: int, hours: int) -> None:
        self.world.attest(gap=self.one_of(self.world.gaps(), number), hours=hours)

    @invariant()
    def all_is_well(self) -> None:
        if self.world.changed:
            invariants.check(self.world)
            self.world.changed = False

    def room_for(self, most: int) -> bool:
        """A world of many courses is slow; one in which all are over says little."""
        return len(self.standing()) < most and len(self.world.courses()) < 6

    def standing(self) -> list[Any]:
        return self.world.courses("draft", "active", "review_due")

    def drafts(self) -> list[Any]:
        return self.world.courses("draft")

    def expected(self) -> list[Any]:
        """What can still take place, and what nobody has said anything about."""
        return self.world.visits("booked", "confirmed")

    def coming(self) -> list[Any]:
        return [one for one in self.expected() if one.end > self.world.now]

    def lost(self) -> list[Any]:
        """What can be brought back; what is past is corrected."""
        open_courses = {one.pk for one in self.standing()}
        found = self.world.visits("cancelled")
        return [one for one in found if one.start > self.world.now and one.course_id in open_courses]

    def recorded(self) -> list[Any]:
        return self.world.visits(*states.CORRECTIONS)
