"""Law that begins on a day: what holds at an instant. The days are settings, because regulators put them off.

Federal law of the United States; its days begin in Washington.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

_CAPITAL = ZoneInfo("America/New_York")


def revokes_all(*, now: datetime) -> bool:
    """R-09: whether whoever opts out of one sort of message has opted out of every sort (47 CFR
    64.1200(a)(10), put off to 31 January 2027). Before that it is that sort alone.
    """
    return now.astimezone(_CAPITAL).date() >= settings.LAW_REVOKE_ALL_FROM
