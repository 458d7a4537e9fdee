"""Rows as the pages show them: words instead of codes, the site's time, and the buttons of this actor."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.web import times
from clinic.practice.web.times import Moment
from scheduling import states
from scheduling.booking.reading import rows
from scheduling.booking.visit import appointments, readiness
from scheduling.planning import windows
from scheduling.web import queries, words
from scheduling.web.words import Badge

UNTOUCHED = ("held", "booked", "confirmed")
NOT_BEGUN = (*UNTOUCHED, "arrived")
# What an earlier time is asked for when the visit is over by the clock.
STEPS = ("check_in", "start", "end_administration", "discharge", "complete")
# A visit that has begun may run on for so long before its end is taken for one that nobody recorded.
OVERRUN = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OVER = ("cancelled", "no_show", "displaced", "entered_in_error")
# The next step of a day that goes as planned, nearest to its end first; the other verbs are exceptions.
NEXT = ("discharge", "end_administration", "check_in", "start", "complete", "confirm")


@dataclass(frozen=True, slots=True)
class Action:
    """A transition that the state allows and the actor may do. `late`: an earlier time may be recorded.

    `ask` is the site's local time that a form begins with when it asks first when the thing happened, because
    the visit is over by the clock; blank when the present is the likely time. `early`: the observation of the
    dose has not run (S-09), so it asks first why.
    """

    verb: str
    label: str
    needs_reason: bool
    late: bool
    ask: str
    early: bool = False

    @property
    def asks_first(self) -> bool:
        """Whether something has to be said before it is done."""
        return bool(self.ask) or self.needs_reason or self.early


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a dose needs on file."""

    word: str
    ok: bool


@dataclass(frozen=True, slots=True)
class VisitLine:
    """A visit on a page. `short` is its title without the phase, `next` the ordinary step, `others` are
    the rest."""

    visit: rows.Visit
    title: str
    short: str
    start: Moment
    end: Moment
    people: str
    place: str
    status: Badge
    checks: tuple[Check, ...]
    follow_up: Badge | None
    gap: rows.Gap | None
    leaves: Moment | None
    may_leave: bool
    next: Action | None
    others: tuple[Action, ...]
    over: bool
    overridden: Badge

    @property
    def actions(self) -> tuple[Action, ...]:
        return (self.next, *self.others) if self.next else self.others

    @property
    def asks(self) -> bool:
        """Whether it is over by the clock, and its next step asks first when it happened."""
        return any(action.ask for action in self.actions)

    @property
    def late(self) -> bool:
        """Whether a step that is done with one click may be recorded at an earlier time instead."""
        return any(action.late and not action.ask for action in self.actions)


@dataclass(frozen=True, slots=True)
class GapLine:
    """A follow-up unit on a page. `left` is the time until it is lost, in words; blank when it is settled."""

    gap: rows.Gap
    need: str
    state: Badge
    severity: Badge
    window: str
    due: Moment | None
    left: str
    notes: tuple[str, ...]
    snoozed_until: Moment | None
    mine: bool


def visit_line(*, actor: Actor, visit: rows.Visit, around: queries.Around, now: datetime) -> VisitLine:
    leaves = _leaves_at(visit, around)
    possible = _actions(actor, visit, now, watched=leaves is not None and leaves > now)
    first = next((one for verb in NEXT for one in possible if one.verb == verb), None)
    gap = around.gaps.get(visit.id)
    several = around.phases.get(visit.course_id, 1) > 1 if visit.course_id else False
    done = visit.status in states.ATTENDED
    planned = around.planned.get((visit.course_id, visit.phase)) if visit.course_id and visit.phase else None
    return VisitLine(
        visit=visit,
        title=words.title(visit, planned, phase=several),
        short=words.title(visit, planned),
        start=times.moment(visit.start, visit.time_zone),
        end=times.moment(visit.end, visit.time_zone),
        people=", ".join(dict.fromkeys(person.name for person in visit.practitioners))
        or ("Not recorded" if done else "Nobody yet"),
        place=visit.room.name
        if visit.room
        else words.MODES[visit.mode] or ("Not recorded" if done else "No room yet"),
        status=words.status_badge(visit, now),
        checks=_checks(visit, around),
        follow_up=words.gap_badge(gap) if gap and gap.status != "void" and visit.status not in OVER else None,
        gap=gap,
        leaves=times.optional(leaves, visit.time_zone),
        may_leave=leaves is not None and leaves <= now,
        next=first,
        others=tuple(one for one in possible if one != first),
        over=visit.status in OVER,
        overridden=words.overridden_badge(visit),
    )


def _actions(actor: Actor, visit: rows.Visit, now: datetime, *, watched: bool) -> tuple[Action, ...]:
    def offered(verb: str) -> bool:
        if verb not in appointments.CAPABILITY:
            return False
        # The table allows both at any time; offering them early would only invite a slip of the mouse.
        if verb == "check_in" and _day(visit, visit.start) > _day(visit, now):
            return False
        if verb == "no_show" and visit.start > now:
            return False
        return permissions.allows(actor=actor, capability=appointments.CAPABILITY[verb])

    records = permissions.allows(actor=actor, capability="appointments.record_past")

    def action(verb: str) -> Action:
        move = states.find(machine=states.APPOINTMENT, state=visit.status, verb=verb, kind=visit.kind)
        early = watched and verb == "discharge"
        return Action(
            verb=verb,
            label=words.EARLY if early else words.VERBS[verb].do,
            needs_reason=verb == "cancel",
            late=records and move.late and verb in STEPS,
            ask=asks(visit=visit, verb=verb, now=now),
            early=early,
        )

    return tuple(action(verb) for verb in visit.allowed if offered(verb))


def asks(*, visit: rows.Visit, verb: str, now: datetime) -> str:
    """The local time (`2026-05-04T10:00`) with which a step long due asks when it was taken; or blank.

    A step taken on time is taken now; one of a visit that is over is mostly written down afterwards, and
    the time of writing would become the time of a dose or of a follow-up.
    """
    over = visit.end if visit.status in UNTOUCHED else visit.end + OVERRUN
    if verb not in STEPS or verb not in visit.allowed or now < over:
        return ""
    likely = visit.start if verb in ("check_in", "start") else visit.end
    # Facts follow one another, to the second; a field of a page knows minutes.
    facts = [_whole_minute(fact.at) for fact in visit.facts if fact.name != "confirmed"]
    likely = max([likely, *facts])
    return times.wall(likely, visit.time_zone) if likely <= now else ""


def _whole_minute(at: datetime) -> datetime:
    """This instant, or the next full minute."""
    return at + -timedelta(seconds=at.second, microseconds=at.microsecond) % MINUTE


def _day(visit: rows.Visit, instant: datetime) -> date:
    return windows.local_day(zone=visit.time_zone, instant=instant)


def _checks(visit: rows.Visit, around: queries.Around) -> tuple[Check, ...]:
    """S-01 and S-02, until the dose begins; readiness in booking is what decides."""
    protocol = around.protocols.get(visit.course_id) if visit.course_id else None
    if visit.kind not in states.MONITORED or visit.status not in NOT_BEGUN or protocol is None:
        return ()
    lacking = readiness.unmet(
        papers=around.papers,
        patient_id=visit.patient.id,
        key=protocol.key,
        version=protocol.version,
        # On the day of the dose: a decision that will have expired by then is told in time.
        at=visit.start,
    )
    return Check("Eligibility", "S-01" not in lacking), Check("Consent", "S-02" not in lacking)


def _leaves_at(visit: rows.Visit, around: queries.Around) -> datetime | None:
    """When the observation of a running dose ends (S-09)."""
    protocol = around.protocols.get(visit.course_id) if visit.course_id else None
    if visit.kind != "dosing" or visit.status not in ("in_progress", "monitoring") or protocol is None:
        return None
    started = next((fact.at for fact in visit.facts if fact.name == "started"), None)
    return started + protocol.monitoring if started else None


def gap_line(*, actor: Actor, gap: rows.Gap, doses: Collection[rows.Visit], now: datetime) -> GapLine:
    window = gap.window
    return GapLine(
        gap=gap,
        need=_need(gap, doses),
        state=words.gap_badge(gap),
        severity=words.SEVERITIES[gap.severity],
        window=times.span(window.opens_at, window.closes_at, gap.time_zone)
        if window.opens_at and window.closes_at
        else "",
        due=times.optional(gap.due_at, gap.time_zone),
        left=_left(gap, now),
        notes=_notes(gap),
        snoozed_until=times.optional(gap.snoozed_until, gap.time_zone)
        if gap.snoozed_until and gap.snoozed_until > now
        else None,
        mine=gap.owner is not None and gap.owner.id == actor.id,
    )


def _need(gap: rows.Gap, doses: Collection[rows.Visit]) -> str:
    """`Follow-up after dose 3`, `2 follow-ups after doses 3 and 4`."""
    what = "Follow-up" if gap.needed == 1 else f"{gap.needed} follow-ups"
    return f"{what} {after_doses(gap, doses)}".strip()


def after_doses(gap: rows.Gap, doses: Collection[rows.Visit]) -> str:
    """`after dose 3`, `after doses 3 and 4`; blank when they have no numbers."""
    mine = sorted((dose for dose in doses if dose.id in gap.doses), key=lambda dose: dose.start)
    numbers = [str(dose.sequence) if dose.sequence else words.number_of(dose) for dose in mine]
    numbers = [number for number in numbers if number]
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"after dose {numbers[0]}"
    return f"after doses {', '.join(numbers[:-1])} and {numbers[-1]}"


def _left(gap: rows.Gap, now: datetime) -> str:
    opens = gap.window.opens_at
    if gap.status not in queries.NOT_BOOKED or gap.due_at is None:
        return ""
    if gap.status == "lapsed":
        # It was lost when its grace ended, not when its window closed.
        return f"lost {times.length(now - (gap.window.grace_until or gap.due_at))} ago"
    if gap.status == "open":
        return f"{times.length(gap.due_at - now)} of grace left"
    if opens is not None and opens > now:
        return f"opens in {times.length(opens - now)}"
    return f"closes in {times.length(gap.due_at - now)}"


def _notes(gap: rows.Gap) -> tuple[str, ...]:
    said = (
        (gap.attendance_unrecorded, "A visit has ended and nobody recorded whether the patient came."),
        (gap.booked_late, "A visit is booked in the grace."),
        (gap.review_needed, "The dose ended at another time than planned: look at it again."),
        (gap.attended_after is not None, "The patient came after the grace."),
        (gap.waived_at is not None, f"Waived: {gap.reason}"),
    )
    return tuple(text for true, text in said if true)
