"""When a message may go, which of several goes, and what follows a failure. Pure.

Every instant is aware; zones are IANA names. The patient's own zone decides about quiet hours, never the
number's area code.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from notifications.planning import kinds
from notifications.planning.kinds import Together

# A move and its undo within this time send nothing.
GRACE = timedelta(minutes=3)
# Room for the worker between claiming a message and handing it over, before quiet hours begin.
LAST_CALL = timedelta(minutes=5)
# By how much quiet hours may put off what follows a dose.
LATER = timedelta(hours=4)
MAX_ATTEMPTS = 5
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
BUSINESS_DAYS = frozenset({1, 2, 3, 4, 5})


@dataclass(frozen=True, slots=True)
class SendWindow:
    """Local hours in which a patient may be messaged, [opens, closes).

    R-10: the FCC's quiet hours are 21:00 to 08:00 where the recipient is, some states are tighter; hence
    09:00 to 20:00.
    """

    opens: time = time(9)
    closes: time = time(20)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError("a send window opens before it closes")


@dataclass(frozen=True, slots=True)
class Timing:
    """When a message is due, how long quiet hours may put it off, and after when it is not worth sending."""

    due_at: datetime
    defer_until: datetime
    useful_until: datetime


def allowed(*, instant: datetime, zone: str, window: SendWindow) -> bool:
    """Whether a patient in this zone may be messaged at this instant."""
    return window.opens <= instant.astimezone(ZoneInfo(zone)).time() < window.closes


def next_allowed(*, instant: datetime, zone: str, window: SendWindow) -> datetime:
    """The first allowed instant at or after `instant`."""
    if allowed(instant=instant, zone=zone, window=window):
        return instant
    today = instant.astimezone(ZoneInfo(zone)).date()
    mornings = (_local(today + timedelta(days=ahead), window.opens, zone) for ahead in range(4))
    return next(
        morning
        for morning in mornings
        if morning >= instant and allowed(instant=morning, zone=zone, window=window)
    )


def last_allowed(*, instant: datetime, zone: str, window: SendWindow) -> datetime:
    """The last call before the quiet hours in which `instant` lies, a few minutes before they begin."""
    today = instant.astimezone(ZoneInfo(zone)).date()
    evenings = (_local(today - timedelta(days=ago), window.closes, zone) - LAST_CALL for ago in range(4))
    return next(
        evening
        for evening in evenings
        if evening <= instant and allowed(instant=evening, zone=zone, window=window)
    )


def send_at(*, timing: Timing, zone: str, window: SendWindow, now: datetime) -> datetime | None:
    """When to send, never in quiet hours and never before `now`; None when it would be of no use any more.

    R-10: deferred to the next morning; where that is too late, brought forward to the last call before
    quiet hours.
    """
    at = max(_utc(timing.due_at), _utc(now))
    if is_stale(now=at, useful_until=timing.useful_until):
        return None
    deferred = next_allowed(instant=at, zone=zone, window=window)
    if deferred <= min(timing.defer_until, timing.useful_until) or deferred == at:
        return deferred
    earlier = last_allowed(instant=at, zone=zone, window=window)
    if earlier >= now:
        return earlier
    return deferred if deferred <= timing.useful_until else None


def is_stale(*, now: datetime, useful_until: datetime) -> bool:
    """Whether it is too late to send: after a worker was down, for example."""
    return now > useful_until


def course_booked(*, booked_at: datetime, first_start: datetime, grace: timedelta = GRACE) -> Timing | None:
    """One confirmation for the whole course."""
    return _timing(_utc(booked_at) + grace, _utc(first_start), _utc(first_start))


def reminder(
    *,
    start: datetime,
    lead_hours: float,
    changed_at: datetime,
    last_hours: float = 24,
    grace: timedelta = GRACE,
) -> Timing | None:
    """72 h and 24 h before a visit, in elapsed hours; the last one goes `last_hours` before.

    A reminder whose time had passed when the visit was booked or moved is not made up for at 72 h (the last
    one comes), but the last one is: nobody should come to the old time.
    """
    start, changed_at = _utc(start), _utc(changed_at)
    due = start - timedelta(hours=lead_hours)
    if lead_hours > last_hours:
        if due < changed_at:
            return None
        useful_until = start - timedelta(hours=last_hours)
        return _timing(max(due, changed_at + grace), useful_until, useful_until)
    useful_until = start - timedelta(hours=1)
    return _timing(max(due, changed_at + grace), start - timedelta(hours=12), useful_until)


def preparation(*, start: datetime, lead_hours: float, changed_at: datetime) -> Timing | None:
    """What is to be done before a first dose: so many hours ahead, else the day after it was booked or moved;
    of use until three days before, when the first reminder leads to the same page.
    """
    start = _utc(start)
    due = max(start - timedelta(hours=lead_hours), _utc(changed_at) + timedelta(days=1))
    until = start - timedelta(hours=72)
    return _timing(due, until, until)


def follow_up_missing(
    *,
    discharged_at: datetime,
    closes_at: datetime,
    changed_at: datetime,
    hours: float = 20,
    grace: timedelta = GRACE,
) -> Timing | None:
    """So many hours after a dose without a follow-up booked, or four later, while its window is open."""
    planned = _utc(discharged_at) + timedelta(hours=hours)
    return _timing(max(planned, _utc(changed_at) + grace), planned + LATER, _utc(closes_at))


def check_in(
    *, discharged_at: datetime, changed_at: datetime, hours: float = 20, grace: timedelta = GRACE
) -> Timing | None:
    """How somebody is, so many hours after a dose, or four later; of no use after sixteen."""
    planned = _utc(discharged_at) + timedelta(hours=hours)
    due = max(planned, _utc(changed_at) + grace)
    return _timing(due, planned + LATER, planned + timedelta(hours=16))


def window_half(
    *, discharged_at: datetime, opens_at: datetime, closes_at: datetime, changed_at: datetime
) -> Timing | None:
    """When half of a follow-up's window is over; None where the first word about it comes as late."""
    opens_at, closes_at = _utc(opens_at), _utc(closes_at)
    half = opens_at + (closes_at - opens_at) / 2
    if half < _utc(discharged_at) + timedelta(hours=24) or half < _utc(changed_at):
        return None
    return _timing(half, closes_at, closes_at)


def after_no_show(
    *,
    marked_at: datetime,
    zone: str,
    closed: Container[date] = (),
    weekdays: Container[int] = BUSINESS_DAYS,
    morning: time = time(9),
) -> Timing:
    """The next business morning at the site (ISO weekdays, less the days it is closed); without blame,
    useful for 3 days.
    """
    day = _business_day(marked_at.astimezone(ZoneInfo(zone)).date() + timedelta(days=1), closed, weekdays)
    due = _local(day, morning, zone)
    until = due + timedelta(days=3)
    return Timing(due, until, until)


def next_digest(
    *,
    now: datetime,
    zone: str,
    closed: Container[date] = (),
    weekdays: Container[int] = BUSINESS_DAYS,
    morning: time = time(7, 30),
) -> datetime:
    """When the staff's next morning digest is due, after `now`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    due = _local(_business_day(today, closed, weekdays), morning, zone)
    if due > now:
        return due
    return _local(_business_day(today + timedelta(days=1), closed, weekdays), morning, zone)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that one patient is to get by one channel. `about_dose`: it is about a dosing visit. `apart`:
    it is said together only with those of which this is the same.
    """

    id: str
    kind: str
    send_at: datetime
    useful_until: datetime
    about_dose: bool = False
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Caps:
    """Messages in one local day and in any 7 of them; None is no cap.

    R-06: the healthcare exemption of the TCPA allows 1 a day and 3 a week. It binds only a practice that
    relies on it instead of on consent.
    """

    per_day: int | None = None
    per_week: int | None = None


EXEMPTION = Caps(per_day=1, per_week=3)


class Choice(StrEnum):
    SEND = "send"
    MERGE = "merge"  # said by the message `into`
    DROP = "drop"  # over the cap


@dataclass(frozen=True, slots=True)
class Verdict:
    choice: Choice
    into: str | None = None


def choose(
    *, candidates: Iterable[Candidate], sent: Iterable[datetime], zone: str, caps: Caps
) -> dict[str, Verdict]:
    """What becomes of each candidate, by id. `sent` are the instants of messages that have gone by the same
    channel.

    Those of one local day that one text can say merge into the most important of them; a dose's 24 h reminder
    is never capped away.
    """
    tz = ZoneInfo(zone)
    days = [instant.astimezone(tz).date() for instant in sent]
    carriers: dict[tuple[date, Together, str], Candidate] = {}
    verdicts: dict[str, Verdict] = {}
    for one in sorted(candidates, key=_importance):
        rule, day = kinds.rule(one.kind), one.send_at.astimezone(tz).date()
        carrier = carriers.get((day, rule.together, one.apart)) if rule.together else None
        if rule.reply:
            verdicts[one.id] = Verdict(Choice.SEND)
        elif carrier and carrier.send_at <= one.useful_until:
            verdicts[one.id] = Verdict(Choice.MERGE, into=carrier.id)
        elif (rule.uncapped_for_doses and one.about_dose) or _fits(day, days, caps):
            verdicts[one.id] = Verdict(Choice.SEND)
            days.append(day)
            if rule.together:
                carriers.setdefault((day, rule.together, one.apart), one)
        else:
            verdicts[one.id] = Verdict(Choice.DROP)
    return verdicts


def dedupe_key(*, kind: str, subject: object, version: int, channel: str) -> str:
    """The one text that keeps a message from being planned twice.

    Kind, appointment or course, its version, channel; never the due time, which changes when quiet hours do.
    """
    parts = (str(kind), str(subject), str(version), str(channel))
    if any(not part or ":" in part for part in parts):
        raise ValueError("the parts of a dedupe key are not empty and have no colon")
    return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows a failed attempt: the message's next state, when to try again, and why."""

    state: str
    next_attempt_at: datetime | None
    reason: str


def after_failure(
    *,
    attempt: int,
    outcome: str,
    now: datetime,
    useful_until: datetime,
    retry_after: float | None = None,
    spread: float = 0.0,
) -> Retry:
    """What to do after attempt number `attempt` (from 1) ended `permanent`, `transient` or `in_doubt`.

    `retry_after`: seconds that the provider asked for. `spread`: 0 to 1, the caller's chance, lengthens the
    pause by up to a fifth so that a provider's recovery is not met by everyone at once. In doubt is never
    retried by itself.
    """
    if outcome == "in_doubt":
        return Retry("in_doubt", None, "in_doubt")
    if outcome == "permanent":
        return Retry("failed_final", None, "permanent")
    if outcome != "transient":
        raise ValueError(f"{outcome!r} is no failure")
    if attempt >= MAX_ATTEMPTS:
        return Retry("failed_final", None, "too_many_attempts")
    pause = BACKOFF[min(attempt, len(BACKOFF)) - 1] * (1 + spread / 5)
    next_at = _utc(now) + max(pause, timedelta(seconds=retry_after or 0))
    if is_stale(now=next_at, useful_until=useful_until):
        return Retry("failed_final", None, "stale")
    return Retry("planned", next_at, "transient")


def _timing(due: datetime, defer_until: datetime, useful_until: datetime) -> Timing | None:
    return None if is_stale(now=due, useful_until=useful_until) else Timing(due, defer_until, useful_until)


def _utc(instant: datetime) -> datetime:
    # Adding hours to a local time is arithmetic on its wall clock: it is an hour off when the clocks change
    # between.
    return instant.astimezone(UTC)


def _local(day: date, clock: time, zone: str) -> datetime:
    """The instant of a wall time: its first showing where the clocks show it twice, after the skip where
    never.
    """
    return datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)


def _business_day(day: date, closed: Container[date], weekdays: Container[int]) -> date:
    # A practice that is closed for longer than this has nobody to send for.
    for ahead in range(60):
        candidate = day + timedelta(days=ahead)
        if candidate.isoweekday() in weekdays and candidate not in closed:
            return candidate
    return day


def _importance(one: Candidate) -> tuple[int, bool, datetime, str]:
    return kinds.rank(one.kind), not one.about_dose, one.send_at, one.id


def _fits(day: date, taken: Sequence[date], caps: Caps) -> bool:
    if caps.per_day is not None and taken.count(day) >= caps.per_day:
        return False
    if caps.per_week is None:
        return True
    weeks = [[day - timedelta(days=back - ahead) for ahead in range(7)] for back in range(7)]
    return all(sum(taken.count(one) for one in week) < caps.per_week for week in weeks)
