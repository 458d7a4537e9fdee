"""Everything that people do to courses, in any order, with time passing between: the machine that Hypothesis
drives."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scheduling.booking.holding import Hold
from tests.machine import invariants
from tests.machine.world import STARTS, World

VERBS = ("confirm", "check_in", "start", "end_administration", "discharge", "complete", "no_show", "cancel")
LEFT_OUT = ((), (), ("integration-1",), ("integration-2", "integration-3"), ("preparation-1",))

which = st.integers(0, 40)


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
        self.world.book(patient=patient, skip=skip, days=3)

    @rule(patient=st.integers(0, 1), skip=st.sampled_from(LEFT_OUT), days=st.integers(2, 10))
    @precondition(lambda self: len(self.world.courses()) < 3)
    def book(self, patient: int, skip: tuple[str, ...], days: int) -> None:
        self.world.book(patient=patient, skip=skip, days=days)

    @rule(patient=st.integers(0, 1), days=st.integers(2, 10), minutes=st.sampled_from([1, 10, 60]))
    @precondition(lambda self: len(self.world.courses()) < 4)
    def hold(self, patient: int, days: int, minutes: int) -> None:
        self.world.book(patient=patient, skip=(), days=days, hold=Hold(minutes=minutes))

    @rule(number=which, book=st.booleans(), minutes=st.sampled_from([0, 0, 5, 30]))
    @precondition(lambda self: self.drafts())
    def end_hold(self, number: int, book: bool, minutes: int) -> None:
        # Some of them are over by then; the sweep has not passed yet.
        self.world.now += timedelta(minutes=minutes)
        self.world.changed = bool(minutes)
        self.world.end_hold(course=self.one_of(self.drafts(), number), book=book)
        self.world.pass_time(self.world.now)

    @rule(
        number=which,
        days=st.integers(-3, 6),
        hour=st.integers(8, 17),
        cascade=st.booleans(),
        seen_first=st.booleans(),
    )
    @precondition(lambda self: self.expected())
    def move(self, number: int, days: int, hour: int, cascade: bool, seen_first: bool) -> None:
        visit = self.one_of(self.expected(), number)
        self.world.move(visit=visit, days=days, hour=hour, cascade=cascade, seen_first=seen_first)

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

    @rule(minutes=st.sampled_from([-20, 0, 0, 30, 600, 1500]))
    @precondition(lambda self: self.expected())
    def attend(self, minutes: int) -> None:
        self.world.attend(visit=self.expected()[0], minutes=minutes)

    @rule(number=st.integers(0, 2))
    @precondition(lambda self: self.expected())
    def miss(self, number: int) -> None:
        self.world.miss(visit=self.one_of(self.expected()[:3], number))

    @rule(number=which)
    @precondition(lambda self: self.expected())
    def cancel(self, number: int) -> None:
        self.world.step(visit=self.one_of(self.expected(), number), verb="cancel")

    @rule(number=which)
    @precondition(lambda self: len(self.world.courses()) > 1)
    def cancel_course(self, number: int) -> None:
        self.world.cancel_course(course=self.one_of(self.world.courses(), number))

    @rule(number=which)
    @precondition(lambda self: self.world.gaps())
    def waive(self, number: int) -> None:
        self.world.waive(gap=self.one_of(self.world.gaps(), number))

    @rule(number=which, hours=st.integers(-24, 240))
    @precondition(lambda self: self.world.gaps())
    def attest(self, number: int, hours: int) -> None:
        self.world.attest(gap=self.one_of(self.world.gaps(), number), hours=hours)

    @invariant()
    def all_is_well(self) -> None:
        if self.world.changed:
            invariants.check(self.world)
            self.world.changed = False

    def drafts(self) -> list[Any]:
        return [one for one in self.world.courses() if one.status == "draft"]

    def expected(self) -> list[Any]:
        return self.world.visits(status__in=("booked", "confirmed"))
