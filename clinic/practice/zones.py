"""Which time zones there are: looked up in the folders of the system once a process."""

import functools
import zoneinfo


@functools.cache
def known() -> frozenset[str]:
    """The names of all IANA time zones."""
    return frozenset(zoneinfo.available_timezones())
