"""Planning a course on the calendar as it stands, each plan worked out once.

Many who want the last places at the same moment are all told of another plan, and it is the same one: the
planner is pure, and the patient matters to it only by when they are busy. So an answer is kept with what was
asked, the whole calendar included, and nothing that changes can make it wrong.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.actor import Actor
from clinic.practice.models import Site
from scheduling.booking.guard import access
from scheduling.booking.wanted import orders, proposals
from scheduling.booking.wanted.orders import Order
from scheduling.booking.wanted.proposals import Proposal
from scheduling.errors import Unplannable
from scheduling.followups import facts
from scheduling.planning import course as planner
from scheduling.planning import grid
from scheduling.planning.values import NoPlan, Plan, PlanRequest, Span
from scheduling.roster import availability, rosters
from scheduling.roster.availability import Calendar

HORIZON = timedelta(weeks=26)
# Answers that a process keeps: those asked for last. Each holds a calendar of half a year.
KEPT = 8
Answer = tuple[Plan, ...] | NoPlan


@dataclass(frozen=True, slots=True)
class Question:
    """All that an answer depends on. `order` is without the patient; nothing can begin before `begins`."""

    order: str
    begins: datetime
    calendar: Calendar


# By the question's hash, which is worked out once: a calendar is long.
_answers: OrderedDict[int, tuple[Question, "Future[Answer]"]] = OrderedDict()
_lock = threading.Lock()


def find(*, actor: Actor, order: Order, site: Site, now: datetime) -> list[Proposal]:
    """The best plans for an order as things stand, best first, as signed proposals.

    Raises Unplannable with the rules that cannot hold together and what would help.
    """
    asked = {name: value for name, value in order.as_dict().items() if name != "patient"}
    request, calendar = question(actor=actor, order=order, site=site, now=now, notice=orders.notice(order))
    found = _answered(
        Question(json.dumps(asked, sort_keys=True), request.not_before, calendar),
        lambda: planner.plan_course(request=request, availability=calendar.availability()),
    )
    if isinstance(found, NoPlan):
        raise Unplannable(rules=[_unmet(rule) for rule in found.rules])
    return [
        proposals.make(actor=actor, order=order, plan=plan, site=site, stamp=calendar.stamp, now=now)
        for plan in found
    ]


def question(
    *, actor: Actor, order: Order, site: Site, now: datetime, notice: timedelta = timedelta()
) -> tuple[PlanRequest, Calendar]:
    """What the planner is asked for an order, and the calendar as it stands now. No visit begins before
    `notice` is over."""
    # Visits begin on whole minutes: all who ask in one minute ask the same.
    begins = grid.instant_of(grid.minute_after(now + notice))
    request = orders.request(
        order=order, protocol=facts.protocol_of(UUID(order.version)), site=site, now=begins
    )
    first = datetime.combine(request.start_on_or_after, begins.timetz()) - timedelta(weeks=8)
    since = max(begins, first)
    # The roster, with its stamp, is read before what is taken: a change in between makes the booking look
    # again.
    calendar = availability.calendar(
        practice_id=actor.practice_id,
        site_id=site.id,
        patient_id=UUID(order.patient),
        span=Span(since, since + HORIZON + timedelta(weeks=9)),
        now=now,
        roster=rosters.of(practice_id=actor.practice_id),
    )
    return request, calendar


def alternative(*, actor: Actor, order: Order, now: datetime) -> dict[str, Any] | None:
    """The best plan as things stand now, for who came second; None when there is none any more.

    Call it outside any transaction: planning takes its time, and locks would be held for it.
    """
    site = access.site(actor=actor, site_id=UUID(order.site))
    try:
        best, *_ = find(actor=actor, order=replace(order, alternatives=1), site=site, now=now)
    except Unplannable:
        return None
    return best.as_dict()


def _answered(question: Question, work: Callable[[], Answer]) -> Answer:
    """The answer that is kept, or is being worked out by another thread; or else worked out here."""
    key = hash(question)
    with _lock:
        asked, answer = _answers.get(key, (None, None))
        mine = answer is None or asked != question
        if answer is None or mine:
            answer = Future()
            _answers[key] = question, answer
        _answers.move_to_end(key)
        while len(_answers) > KEPT:
            _answers.popitem(last=False)
    if mine:
        try:
            answer.set_result(work())
        except BaseException as error:
            with _lock:
                _answers.pop(key, None)
            answer.set_exception(error)
    return answer.result()


def _unmet(rule: Any) -> dict[str, Any]:
    return {
        "rule": rule.rule,
        "visit": rule.visit,
        "message": rule.message,
        "relaxations": [
            {"change": one.change, "would_allow": one.would_allow, "patch": dict(one.patch)}
            for one in rule.relaxations
        ],
    }
