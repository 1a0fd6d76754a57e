"""Which time zones exist, and their rules: from the `tzdata` package, never from the system.

The two differ (in 13 zones for the years 2026 to 2028 on Debian 12), and a plan must come out the same
on every machine that has the same packages.
"""

import zoneinfo
from functools import cache
from zoneinfo import ZoneInfo

# An empty search path leaves zoneinfo only the tzdata package to read from.
zoneinfo.reset_tzpath(to=())


@cache
def names() -> frozenset[str]:
    """Every IANA name that a campaign or a row may use."""
    return frozenset(zoneinfo.available_timezones())


def zone(name: str) -> ZoneInfo:
    """The rules of the zone called `name`. Raises KeyError when there is no such zone."""
    if name not in names():
        raise KeyError(name)
    return ZoneInfo(name)
