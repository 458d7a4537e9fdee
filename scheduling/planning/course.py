"""The planner's door: `plan_course`.

What is a hard rule, per kind of visit (`cost.py` defines what is better among plans that keep them all)
--------------------------------------------------------------------------------------------------------
Every visit
* starts on the grid: a local wall-clock time that is a whole number of `grid_minutes` after local midnight
  (a time that the clocks show twice is two starts, one that they skip is none);
* starts at or after `not_before`, and ends by the beginning of local day `steps.horizon_end`;
* never overlaps another visit of the plan nor `patient_busy`; a visit may begin when the one before ends;
* keeps the hard limits: local weekday of its start not in `weekdays_never`; starts at or after `not_before`
  and ends at or before `not_after` by the site's clocks (with `not_after`, on one local day);
* has its people: exclusive and shared people are on shift for the whole visit and at every instant of it
  have the seats free (12 - the sum of overlapping `busy`); on-site people are on shift for the whole visit,
  whatever else they do. The needs of one visit are filled by different people, on-site ones included. Spans
  that touch count as one;
* in person has a room: open and free (no `busy` of any seats) for the visit, at a dose for the visit plus
  turnover. The room stays taken for the turnover also for the plan's own visits; the patient does not.

`dosing`, `device` (a dose): `steps.dose_steps` says which, their minutes and needs. `room_kinds` empty: no
room, mode `video` where someone is needed and `phone` otherwise stands for "at home". Otherwise in person.
* the first planned dose is on a local day >= `steps.start_day`; every dose on a local day <=
  `steps.last_dose_day`;
* the days from the dose before (given or planned) are in [min, max] of the phase of the later one
  (`spacing_max` may raise the max); `steps.keeps_caps` holds for every dose against all earlier ones, given
  included.

`integration` (`group_integration` for coverage `group`): for each unit that has at least one planned dose,
`visits_per_unit` visits, each starting inside the unit's window (`windows.unit_window`; given doses of the
unit count; `windows` overrides replace the hours: of the unit's last dose, for `weekly` min and ideal_from
of the first and the rest of the last), at most `max_per_day` of one unit on one local day of their starts.
* a unit of given doses alone gets the visits that it lacks only where `GivenDose.held` of its last dose asks
  for them and its window is open at `not_before`;
* with `before_next_dosing` they end by the start of the next planned dose after the unit's last; without it
  they may lie anywhere in their window, between later doses too;
* a before-window's visits start after the end of the dose before (given or planned) and end by the start of
  their dose;
* a visit of a later unit never starts before one of an earlier unit;
* coverage `group`: each joins a different `GroupSession` of kind group_integration with places left, and
  takes its times, room and people: nothing else of its step is asked (the patient and the hard limits still
  are; the grid is not).
* one person with the rule's role; in person a room of `room_kinds`; video and phone none.

`preparation`: `count` visits before the first planned dose, none when doses were given. Hours from its start
to the dose's start are in `before_hours`, and it ends by the dose's start. Several may be on one day. They
may precede `start_on_or_after`. Preparations and before-window follow-ups of the first dose do not overlap
either.

`plan_review`: where `steps.needs_plan_review`, one; `medication_review`: where
`steps.needs_medication_review` (by count, ordinals include given doses), one. Both: on a later local day
than the dose's start (a `device` dose: at or after its end; the turnover holds its room alone), ending by the
start of the next planned dose; after the plan's last dose within `steps.review_limit_days` local days of it.
One person with the review's role; room or video as their modes say. A plan review does not replace a
medication review.

Not of the chain, planned onto it afterwards in this order: medication reviews by time (`every_days`: for
each multiple of it, counted from the course's first dose, that is not after the last planned dose, one visit
on a local day in [due - 14, due]; hard: where none fits, one slot is reserved and the chain is planned again
around it), then each series in the protocol's order (soft: as many visits as fit, the rest is named in
`trades`).

Ties: the earliest vector of dose starts, then visit by visit the earliest start, then the lowest id. Mode:
the wished one where it can be, else in person, then video, then phone.
"""

from scheduling.planning import proposals, search, why
from scheduling.planning.extras import NoTimedReview
from scheduling.planning.menus import calendar_for
from scheduling.planning.values import Availability, NoPlan, Plan, PlanRequest


def plan_course(*, request: PlanRequest, availability: Availability) -> tuple[Plan, ...] | NoPlan:
    """The best plan and up to `request.proposals` - 1 that differ from it, cheapest first, or why there is
    none.

    The work is bounded. A plan found at the bound keeps the rules and says that it is not `proven` to be the
    best; without one the answer is a NoPlan with the rule `search_limit`, which claims nothing.
    Raises `steps.UnknownPhase`, `steps.BadDates`, `windows.UnknownZone` and `grid.BadGrid` for a request that
    means nothing.
    """
    calendar = calendar_for(request, availability)
    try:
        best = proposals.best_plan(calendar)
    except NoTimedReview as none:
        return why.no_timed_review(calendar, none)
    except search.SearchLimit:
        return why.search_limit()
    if best is None:
        return why.explain(calendar)
    if not best.visits:
        return why.nothing_to_plan(calendar)
    found = [best, *proposals.alternatives(calendar, best, request.proposals - 1)]
    return tuple(proposals.in_words(calendar, plan, best) for plan in found)
