"""One course's truth: its timeline, visits, follow-ups, messages and story."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions, work
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from notifications.models import Message
from patients import decisions
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.planning import windows
from scheduling.web import forms, queries, reasons, shown, story, words
from scheduling.web.course import course_acts, timeline, trend
from scheduling.web.follow_ups import filling
from scheduling.web.visit import moved, visits
from scheduling.web.words import Badge

STORY = 100
LATEST = 12
BASELINE = timedelta(days=31)
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
class TaskLine:
    """`mine`: asked of this person, or of a role of theirs."""

    id: UUID
    reason: str
    urgent: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class ReviewLine:
    at: Moment
    decision: str
    phase: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class OverrideLine:
    at: Moment
    rule: str
    visit: str
    reason: str
    who: str


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    return _page(request, actor, course_id, None)


@pages.staff_page("POST")
def act(request: HttpRequest, actor: Actor, course_id: UUID, verb: str) -> HttpResponse:
    """Do one thing with the whole course. What is refused is told on its page, with what was typed."""
    chosen = course_acts.ACTS.get(verb)
    if chosen is None:
        raise NotFound()
    course = booked.course(actor=actor, course_id=course_id).course
    try:
        chosen.do(request, actor, course, timezone.now())
    except DomainError as error:
        return _page(request, actor, course_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, chosen.done)
    return pages.done(reverse("course", kwargs={"course_id": course_id}))


@pages.staff_page("POST")
def score(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    """Enter the score of a measure that was taken on paper or by a clinician."""
    course = booked.course(actor=actor, course_id=course_id).course
    try:
        decisions.record_measure(
            actor=actor,
            patient_id=course.patient.id,
            code=forms.text(request, "code", longest=20),
            score=forms.text(request, "score", longest=10),
            key=forms.once(request, actor, what=f"score:{course_id}"),
            now=timezone.now(),
        )
    except DomainError as error:
        return _page(request, actor, course_id, pages.refusal(request, form="score", error=error))
    messages.success(request, "The score is recorded.")
    return pages.done(f"{reverse('course', kwargs={'course_id': course_id})}#scores")


@pages.staff_page("GET", "HEAD")
def changed(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    """Whether somebody else has written to the course since the page was made; asked for while it stands
    open, and answered with nothing as long as nobody has."""
    since = request.GET.get("since", "")
    seen = int(since) if since.isascii() and since.isdigit() and len(since) < 19 else 0
    found = queries.changes(actor=actor, course_id=course_id, since=seen)
    context = {"others": list(dict.fromkeys(found)), "course_id": course_id, "since": seen}
    return pages.show(request, "scheduling/_changed.html", context, here="")


def _page(request: HttpRequest, actor: Actor, course_id: UUID, refusal: Refusal | None) -> HttpResponse:
    now = timezone.now()
    # Before the rest is read: what is written meanwhile is told as a change, not missed.
    since = queries.latest_change(actor=actor, course_id=course_id)
    whole = booked.course(actor=actor, course_id=course_id)
    zone = whole.course.time_zone
    around = queries.around(actor=actor, visits=whole.visits, now=now)
    gaps = [shown.gap_line(actor=actor, gap=gap, doses=whole.visits, now=now) for gap in whole.gaps]
    lines = [shown.visit_line(actor=actor, visit=one, around=around, now=now) for one in whole.visits]
    told = tuple(times.localized(text, zone) for text in refusal.reasons) if refusal else ()
    context = {
        "course": whole.course,
        "status": words.COURSES[whole.course.status],
        "track": _track(whole),
        "summary": summary(whole),
        "drawing": timeline.draw(zone=zone, visits=whole.visits, gaps=whole.gaps, now=now),
        "lines": lines,
        "gaps": [one for one in gaps if one.gap.status != "void"],
        "phases": [_phase(phase, whole.visits) for phase in whole.course.phases],
        "to_replan": len(whole.to_replan) if whole.course.status in ("active", "review_due") else 0,
        "may_book": filling.may_book(actor),
        "undo": filling.just_booked(request, actor, now),
        "zone": times.zone_words(now, zone),
        "starts": times.long_day(whole.course.start_on_or_after),
        "now": times.moment(now, zone),
        "moved": moved.of(request, actor),
        "may_move": permissions.allows(actor=actor, capability="appointments.book"),
        "refusal": refusal,
        "refused": told,
        "tasks": _tasks(actor, course_id, now),
        "since": since,
        "key": forms.page_key(request),
        "acts": course_acts.offered(actor=actor, course=whole.course),
        **course_acts.choices(whole.course),
        **_past(actor, whole),
        **_scores(actor, whole, now),
    }
    patients = [whole.course.patient.id]
    status = refusal.status if refusal else 200
    template = "scheduling/course.html"
    return pages.show(request, template, context, here="", patients=patients, status=status)


def _tasks(actor: Actor, course_id: UUID, now: datetime) -> list[TaskLine]:
    """What waits for somebody; one of a kind, whoever of several is asked. What a patient answered is for
    those who treat them."""
    found: dict[str, TaskLine] = {}
    treats = bool(actor.roles & permissions.CLINICIANS)
    for one in queries.asked(actor=actor, subject_id=course_id, by=now):
        mine = one.assignee_id == actor.id if one.assignee_id else one.role in actor.roles
        if one.kind in work.URGENT and not (mine or treats):
            continue
        if mine or one.kind not in found:
            reason = one.reason or story.WORK.get(one.kind, words.sentence(one.kind))
            found[one.kind] = TaskLine(one.pk, reason, one.kind in work.URGENT, mine)
    return list(found.values())


def _past(actor: Actor, whole: rows.WholeCourse) -> dict[str, object]:
    """What was decided, said and done."""
    zone, course_id = whole.course.time_zone, whole.course.id
    story = booked.trail(actor=actor, course_id=course_id)
    told = [_story(one, whole, zone) for one in reversed(story[-STORY:])]
    said = queries.messages_of(actor=actor, course_id=course_id)
    refs = [*(one.author for one in whole.overrides), *(one.decided_by for one in whole.reviews)]
    people = queries.names(actor=actor, refs=refs)
    return {
        "messages_past": [_message(one, zone) for one in said if one.state != "planned"],
        "messages_coming": [_message(one, zone) for one in said if one.state == "planned"],
        "story": told[:LATEST],
        "story_before": told[LATEST:],
        "story_cut": len(story) > STORY,
        "overrides": [_override(one, zone, people) for one in whole.overrides],
        "reviews": [_review(one, zone, people) for one in whole.reviews],
    }


def _scores(actor: Actor, whole: rows.WholeCourse, now: datetime) -> dict[str, object]:
    """How the patient was, from a month before the course on: the baseline is taken before it (S-26)."""
    begins = windows.day_start(zone=whole.course.time_zone, day=whole.course.start_on_or_after)
    taken = queries.scores(actor=actor, patient_id=whole.course.patient.id, since=begins - BASELINE, now=now)
    people = queries.names(actor=actor, refs={one.recorded_by for one in taken})
    return {
        "trends": trend.draw(taken=taken, zone=whole.course.time_zone, names=people),
        "may_score": permissions.allows(actor=actor, capability="patients.record_measure"),
        "codes": list(decisions.RANGES),
    }


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
        why=reasons.why(message.state_reason),
    )


def _story(entry: rows.TrailRow, whole: rows.WholeCourse, zone: str) -> StoryLine:
    about = next((visit for visit in whole.visits if visit.id == entry.subject_id), None)
    unit = next((gap for gap in whole.gaps if gap.id == entry.subject_id), None)
    what = story.TRAIL.get(entry.verb) or words.plain(entry.verb)
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
        reason=reasons.WHY.get(entry.reason) or entry.reason,
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


def _review(review: rows.Review, zone: str, people: dict[str, str]) -> ReviewLine:
    decided = course_acts.DECISIONS.get(review.decision, words.sentence(review.decision))
    following = f": {words.sentence(review.next_phase)}" if review.next_phase else ""
    return ReviewLine(
        at=times.moment(review.decided_at, zone),
        decision=f"{decided}{following}",
        phase=words.sentence(review.phase) if review.phase else "",
        reason=review.reason,
        who=visits.who(review.decided_by, people),
    )
