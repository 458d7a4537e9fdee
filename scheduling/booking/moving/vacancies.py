"""Where else a visit could be: starts to which it could be moved without breaking a rule."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from scheduling import states
from scheduling.booking.guard import access, rulebook
from scheduling.booking.moving import acts, cascades, fitting, moves, relocations
from scheduling.booking.moving.cascades import Ask
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.relocations import Place
from scheduling.booking.moving.standing import StandingCourse
from scheduling.booking.wanted import nearest
from scheduling.booking.wanted.nearest import Fit, Wanted
from scheduling.models import Appointment
from scheduling.planning import windows

# Of the starts around a time: how many are told, how far from one another, and how far from the time.
MOST, APART, AROUND = 12, timedelta(minutes=30), timedelta(days=7)


def near(*, actor: Actor, appointment_id: UUID, at: datetime, now: datetime) -> list[Fit]:
    """The nearest to a time first, with the people whom the patient knows where they are free; none for a
    visit of a group. Raises NotFound, NotAllowed, InvalidTransition.
    """
    look = _look(actor, appointment_id, Wish(start=at), now)
    if look is None:
        return []
    found = nearest.starts(
        wanted=look.wanted, now=now, count=MOST + 1, apart=APART, reach=AROUND, may=look.keeps_whole
    )
    return [one for one in found if one.start != look.visit.start][:MOST]


def after(*, actor: Actor, appointment_id: UUID, wish: Wish, now: datetime) -> datetime | None:
    """The first start after the wished one, within a week, at which the visit fits with the wished people in
    the wished room; with whoever is free where nobody is named. Raises NotFound, NotAllowed,
    InvalidTransition.
    """
    look = _look(actor, appointment_id, wish, now)
    return nearest.after(wanted=look.wanted, now=now, reach=AROUND, may=look.keeps_whole) if look else None


def _look(actor: Actor, appointment_id: UUID, wish: Wish, now: datetime) -> "_Look | None":
    permissions.check(actor=actor, capability=moves.CAPABILITY)
    visit = access.visit(actor=actor, appointment_id=appointment_id)
    acts.check_may_move(visit=visit, now=now)
    moves.check_state(visit=visit, wish=wish)
    place = relocations.place_of(visit=visit)
    return None if place.planned.group_session else _Look(visit, place, wish, now)


class _Look:
    """One visit that somebody would have elsewhere, and whether its course keeps its rules there.

    Of a dose its day decides, and others may follow it: that is worked out once a day. Nothing follows any
    other visit.
    """

    def __init__(self, visit: Appointment, place: Place, wish: Wish, now: datetime) -> None:
        self.visit, self._place = visit, place
        start = wish.start or visit.start
        there = self._at(Fit(start, place.planned.staffing, place.planned.room))
        courses = acts.courses_of(visits=[visit], now=now)
        ignoring = acts.making_way(courses=courses.values(), pins=frozenset(), cascade=True)
        self.wanted: Wanted = replace(
            fitting.wanted_at(visit=visit, place=there, ignoring=ignoring),
            people=wish.practitioner_ids or (),
            room_id=wish.room_id,
        )
        self._course: StandingCourse | None = None
        for course in courses.values():
            last = self._at(Fit(start + AROUND, (), None))
            self._course, self._free = course, course.calendar(places=[last], now=now)
            self._judge = cascades.Judge(standing=course, visit_id=visit.pk, free=self._free)
        # What had lost its place does not stand with its course.
        self._lost = {} if self._course is None or visit.pk in self._course.visits else {visit.pk: visit}
        self._days: dict[date, bool] = {}

    def keeps_whole(self, fit: Fit) -> bool:
        """Whether nothing new is broken."""
        if self._course is None:
            return True
        place = self._at(fit)
        if self.visit.kind not in states.DOSES:
            return self._judge.keeps(place)
        day = windows.local_day(zone=self.visit.time_zone, instant=fit.start)
        if day not in self._days:
            stays = not self._lost and self._judge.keeps(place)
            self._days[day] = stays or self._is_mended(self._course, place)
        return self._days[day]

    def _is_mended(self, course: StandingCourse, place: Place) -> bool:
        ask = Ask(placed={self.visit.pk: place}, lost=self._lost)
        found = cascades.of_course(standing=course, ask=ask, free=self._free)
        return not any(one["severity"] == rulebook.ERROR for one in found.violations)

    def _at(self, fit: Fit) -> Place:
        planned = self._place.planned
        end = fit.start + (planned.end - planned.start)
        there = replace(planned, start=fit.start, end=end, staffing=fit.staffing, room=fit.room)
        return replace(self._place, planned=there)
