"""Which time zones exist, and their rules: from the `tzdata` package, never from the system.

The two differ (in 13 zones for the years 2026 to 2028 on Debian 12), and a plan must come out the same
on every machine that has the same packages.
"""

import zoneinfo
from functools import cache
from zoneinfo import ZoneInfo

# An empty search path leaves zoneinfo only the tzdata package to read from.
zoneinfo.reset_tzpath(to=())

_NOT_PLACES = frozenset({
    "CET", "CST6CDT", "EET", "EST", "EST5EDT", "Factory", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST",
    "MET", "MST", "MST7MDT", "PST8PDT", "UCT", "Universal", "WET", "Zulu",
})  # fmt: skip
"""IANA's abbreviations and fixed offsets, next to all of `Etc/`. `EST` has no summer time, so with
it for New York calls would be an hour late from March to November.
"""


@cache
def names() -> frozenset[str]:
    """Every name that a campaign or a row may use: IANA's names of places, and UTC."""
    return frozenset(
        name
        for name in zoneinfo.available_timezones()
        if name not in _NOT_PLACES and not name.startswith("Etc/")
    )


def is_abbreviation(name: str) -> bool:
    """Whether IANA knows the name, but not as that of a place."""
    return name not in names() and name in zoneinfo.available_timezones()


def zone(name: str) -> ZoneInfo:
    """The rules of the zone called `name`. Raises KeyError when there is no such zone."""
    if name not in names():
        raise KeyError(name)
    return ZoneInfo(name)
