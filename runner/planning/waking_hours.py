"""Whether a contact may be dialled outside waking hours, 8:00 to 21:00 of their own time. Pure."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache

from runner.campaign.timezones import zone

WAKES, SLEEPS = time(8), time(21)
"""47 CFR 64.1200(c)(1) allows telephone solicitation between these local times."""

_DAY = 24 * 60


def latest_at_night(first: int, last: int, zones: Sequence[str]) -> time | None:
    """The latest local time outside waking hours between two instants (UTC Unix seconds, both inclusive), in
    any of the zones; None if every instant lies inside waking hours.
    """
    nights = [found for name in zones if (found := _latest_in(first, last, name)) is not None]
    return max(nights, key=lateness, default=None)


def lateness(local: time) -> int:
    """Minutes since 8:00: half past midnight is later than 22:00."""
    return (local.hour * 60 + local.minute - WAKES.hour * 60) % _DAY


# Calls of one window share its end, and many share their quarter of an hour too.
@lru_cache(maxsize=8192)
def _latest_in(first: int, last: int, name: str) -> time | None:
    ends = datetime.fromtimestamp(last, zone(name))
    woke = ends.replace(hour=WAKES.hour, minute=0, second=0)
    if ends < woke:
        woke -= timedelta(days=1)
    if first < woke.timestamp():
        return time(7, 59)
    # An interval that ends at 21:00 lies inside waking hours, unless it is a single instant.
    closes_in_time = first < last and ends.time() == SLEEPS
    is_waking = WAKES <= ends.time() < SLEEPS or closes_in_time
    return None if is_waking else ends.time().replace(second=0)
