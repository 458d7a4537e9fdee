"""What a plan costs, exactly: integers, summed over the chain's visits; the sum is what is minimised.

| term         | counted for            | unit                                     | weight (default)        |
|--------------|------------------------|------------------------------------------|-------------------------|
| `spacing`    | a dose after another   | local days off the phase's ideal spacing | `spacing_day` (12)      |
| `window`     | a follow-up            | started hours outside the ideal band     | `window_hour` (2)       |
| `therapist`  | a follow-up after one  | 1 when the person differs                | `therapist_change` (20) |
| `weekday`    | a dose after another   | 1 when the ISO weekday differs           | `weekday_change` (5)    |
| `hour`       | a dose after another   | hours between the two wall-clock hours   | `hour_change` (2)       |
| `preference` | a chain visit          | its wishes that are unmet                | `preference` (6)        |
| `finish`     | the plan               | local days after the earliest finish     | `finish_day` (4)        |

Doses counted are planned ones; the dose before may be given or planned, and days run from start to start.
Follow-ups are compared in the order of their starts. Started hours are ceil(minutes / 60).

Chain visits are doses, follow-ups, preparations, plan reviews and medication reviews by count. Therapy and
group series and medication reviews by time are planned onto the chain afterwards and cost nothing.

* The band is [dose end + ideal_from, dose end + ideal_to] of the unit (for `weekly`: first dose's end +
  ideal_from, last dose's end + ideal_to; before-windows: from the dose's start), not cut by the next dose. 1
  minute outside is 1 hour.
* `hour`: 9:45 and 10:00 differ by 1, 9:00 and 9:45 by 0.
* Therapist of a follow-up: the person staffed; of a group visit: the session's first practitioner (""
  without one).
* Wishes of one visit, each counted once when unmet:
  - `weekdays`, if any are given: the local weekday of its start is one of them;
  - `time_of_day` (a, b): it starts at or after a and ends at or before b by the site's clocks, on one local
    day;
  - `modality`: asked of visits whose step lists that mode (never of doses and group visits): it is held in
    that mode;
  - `practitioners`: asked of a visit when one of the wished people holds a role that the visit needs (at a
    dose, any of the needs in force for that dose): one of the wished people is staffed. Never asked of group
    visits;
  - `therapist`: asked of a visit that needs the role `therapist` when the wished person holds it: that
    person is staffed. Never asked of group visits.
* The earliest possible finish is the last of `steps.earliest_days`: `start_day` plus the smallest spacings
  that the caps allow, without a look at any calendar. It is a constant of the request.
* A plan with several doses before it (`given`): the first planned dose compares with the last given one.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from types import MappingProxyType

TERMS = ("spacing", "window", "therapist", "weekday", "hour", "preference", "finish")


def hours_outside(*, start: int, ideal_from: int, ideal_to: int) -> int:
    """Started hours between a start and the ideal band; all three in minutes."""
    if start < ideal_from:
        return -((start - ideal_from) // 60)
    return -((ideal_to - start) // 60) if start > ideal_to else 0


def within_time_of_day(*, start: datetime, end: datetime, earliest: time | None, latest: time | None) -> bool:
    """Whether a visit (both instants in the site's zone) keeps to a time of day and to one local day."""
    if earliest is not None and start.time() < earliest:
        return False
    return latest is None or (start.date() == end.date() and end.time() <= latest)


def whole_hours(span: timedelta) -> int:
    """A span in started hours."""
    return -(-int(span.total_seconds()) // 3600)


def frozen(terms: Mapping[str, int]) -> Mapping[str, int]:
    """A breakdown that holds every term and cannot be changed."""
    return MappingProxyType({term: terms.get(term, 0) for term in TERMS})
