"""One course's truth: its timeline, visits, follow-ups, messages and story."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.web import pages, times
from clinic.practice.web.times import Moment
from notifications.models import Message
from scheduling.booking import queries as booked
from scheduling.booking import rows
from scheduling.web import filling, moved, queries, shown, timeline, visits, words
from scheduling.web.words import Badge

STORY = 100
LATEST = 12
NEEDS_SOMEBODY = "Follow-up needs somebody now"
# What a rule concludes from an entry is not what the person who made it did.
RULE, PROTOCOL = "by the follow-up rule", "by the protocol"


@dataclass(frozen=True, slots=True)
class MessageLine:
    at: Moment
    what: str
    channel: str
    state: Badge
    why: str


@dataclass(frozen=True, slots=True)
class StoryLine:
    """`entered` is when a late entry was written down."""

    at: Moment
    entered: Moment | None
    who: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class PhaseLine:
    name: str
    phase: rows.PhaseRow
    told: str
    review_on: str


@dataclass(frozen=True, slots=True)
class OverrideLine:
    at: Moment
    rule: str
    visit: str
    reason: str
    who: str


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    now = timezone.now()
    whole = booked.course(actor=actor, course_id=course_id)
    zone = whole.course.time_zone
    around = queries.around(actor=actor, visits=whole.visits, now=now)
    gaps = [shown.gap_line(actor=actor, gap=gap, doses=whole.visits, now=now) for gap in whole.gaps]
    lines = [shown.visit_line(actor=actor, visit=one, around=around, now=now) for one in whole.visits]
    story = booked.trail(actor=actor, course_id=course_id)
    told = [_story(one, whole, zone) for one in reversed(story[-STORY:])]
    said = queries.messages_of(actor=actor, course_id=course_id)
    people = queries.names(actor=actor, refs=[one.author for one in whole.overrides])
    context = {
        "course": whole.course,
        "status": words.COURSES[whole.course.status],
        "track": _track(whole),
        "summary": summary(whole),
        "drawing": timeline.draw(zone=zone, visits=whole.visits, gaps=whole.gaps, now=now),
        "lines": lines,
        "gaps": [one for one in gaps if one.gap.status != "void"],
        "phases": [_phase(phase, whole.visits) for phase in whole.course.phases],
        "messages_past": [_message(one, zone) for one in said if one.state != "planned"],
        "messages_coming": [_message(one, zone) for one in said if one.state == "planned"],
        "story": told[:LATEST],
        "story_before": told[LATEST:],
        "story_cut": len(story) > STORY,
        "overrides": [_override(one, zone, people) for one in whole.overrides],
        "may_book": filling.may_book(actor),
        "undo": filling.just_booked(request, actor, now),
        "zone": times.zone_words(now, zone),
        "starts": times.long_day(whole.course.start_on_or_after),
        "now": times.moment(now, zone),
        "moved": moved.of(request, actor),
        "may_move": permissions.allows(actor=actor, capability="appointments.book"),
    }
    patients = [whole.course.patient.id]
    return pages.show(request, "scheduling/course.html", context, here="", patients=patients)


def _track(whole: rows.WholeCourse) -> Badge:
    """On track, at risk or off track, by the follow-ups alone."""
    if any(gap.status in ("lapsed", "open") for gap in whole.gaps):
        return Badge("Off track", "alert", "bad")
    if any(gap.flagged for gap in whole.gaps):
        return Badge("At risk", "alert", "warn")
    return Badge("On track", "check", "good")


def summary(whole: rows.WholeCourse) -> str:
    """`2 of 6 doses given · 1 of 6 follow-ups done · 1 booked · 4 to book`."""
    doses = [one for one in whole.visits if one.kind in ("dosing", "device") and one.status not in shown.OVER]
    given = sum(one.status == "fulfilled" for one in doses)
    owed = [gap for gap in whole.gaps if gap.status != "void"]
    counted = {name: sum(gap.status == name for gap in owed) for name in words.GAPS}
    named = "sessions" if any(one.kind == "device" for one in doses) else "doses"
    told = [f"{given} of {len(doses)} {named} given"]
    told += [f"{counted['closed']} of {len(owed)} follow-ups done"] if owed else []
    told += [f"{counted['covered']} booked"] if counted["covered"] else []
    missing = counted["prospective"] + counted["open"]
    told += [f"{missing} to book"] if missing else []
    told += [f"{counted['lapsed']} lost"] if counted["lapsed"] else []
    return " · ".join(told)


def _phase(phase: rows.PhaseRow, all_visits: tuple[rows.Visit, ...]) -> PhaseLine:
    doses = [
        one
        for one in all_visits
        if one.phase == phase.name and one.kind in ("dosing", "device") and one.status not in shown.OVER
    ]
    return PhaseLine(
        name=words.sentence(phase.name),
        phase=phase,
        told=_told(len(doses), sum(one.status == "fulfilled" for one in doses), phase.planned_sessions),
        review_on=times.long_day(phase.review_on) if phase.review_on else "",
    )


def _told(booked: int, given: int, planned: int | None) -> str:
    """`2 given, 6 of 6 booked`; a phase may come to more than its plan says."""
    if planned is None:
        return f"{given} given, {booked} booked"
    if booked > planned:
        return f"{given} given, {booked} booked ({planned} planned)"
    return f"{given} given, {booked} of {planned} booked"


def _message(message: Message, zone: str) -> MessageLine:
    return MessageLine(
        at=times.moment(message.due_at, zone),
        what=words.MESSAGE_KINDS.get(message.kind) or words.sentence(message.kind),
        channel=words.CHANNELS.get(message.channel, message.channel),
        state=words.MESSAGES[message.state],
        why=words.WHY.get(message.state_reason) or words.plain(message.state_reason),
    )


def _story(entry: rows.TrailRow, whole: rows.WholeCourse, zone: str) -> StoryLine:
    about = next((visit for visit in whole.visits if visit.id == entry.subject_id), None)
    unit = next((gap for gap in whole.gaps if gap.id == entry.subject_id), None)
    what = words.TRAIL.get(entry.verb) or words.plain(entry.verb)
    text = f"{words.title(about)} {what}" if about else what[:1].upper() + what[1:]
    if unit is not None:
        doses = shown.after_doses(unit, whole.visits)
        text = f"{NEEDS_SOMEBODY if _only_flagged(entry) else text}{f' ({doses})' if doses else ''}"
    happened = _happened(entry)
    return StoryLine(
        at=times.moment(happened, zone),
        entered=visits.later(happened, entry.at, zone),
        who=_who(entry),
        what=text,
        reason=words.WHY.get(entry.reason) or entry.reason,
    )


def _who(entry: rows.TrailRow) -> str:
    """A unit's change of state tells its state before; what a person did to it does not."""
    if entry.verb == "course.review_due":
        return PROTOCOL
    concluded = entry.verb.startswith("follow_up.") and "before" in entry.data
    return RULE if concluded else visits.who(entry.actor, {})


def _only_flagged(entry: rows.TrailRow) -> bool:
    """The unit stayed as it was, but its time came to be looked at."""
    return bool(entry.data.get("flagged")) and entry.verb == f"follow_up.{entry.data.get('before')}"


def _happened(entry: rows.TrailRow) -> datetime:
    """When it took place: for a step of a visit as it was told, else when it was written down."""
    told = entry.data.get("at") if entry.verb.startswith("appointment.") else None
    return datetime.fromisoformat(told) if isinstance(told, str) else entry.at


def _override(override: rows.Override, zone: str, people: dict[str, str]) -> OverrideLine:
    return OverrideLine(
        at=times.moment(override.at, zone),
        rule=override.rule_id,
        visit=words.sentence(override.visit_ref.replace("-", " ")) or "The whole course",
        reason=override.reason,
        who=visits.who(override.author, people),
    )
