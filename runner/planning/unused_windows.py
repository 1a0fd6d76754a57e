"""Entries of `weekly` in which nobody can be called: every date closed, or never open in all zones. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from runner.campaign.hours import WeeklyEntry, weekly_entries
from runner.campaign.lint import unreachable
from runner.campaign.model import CallingWindows
from runner.planning.calendar import FIRST_DATE, Calendar
from runner.planning.windows import DAY, Window, intersect, join, starts_in

ALL_CLOSED = "nobody can ever be called in this window: holidays and `blackout` close each of its dates"
ALL_CLOSED_HINT = "widen `dates`, or remove the window"

_MOST_ENTRIES = 100
"""Files with more entries, which nobody writes by hand, are not checked: that would take too long."""


def closed_windows(declared: CallingWindows, now: float) -> Iterator[WeeklyEntry]:
    """Entries whose dates are all closed, by holidays too. `now` is UTC Unix seconds."""
    calendar = _from_the_first_date(declared, now)
    return (entry for entry in _checked(declared) if not _opens(calendar, entry))


def unused_windows(
    declared: CallingWindows, zone_sets: Iterable[tuple[str, ...]], now: float
) -> Iterator[WeeklyEntry]:
    """Entries with open dates that are never open, together with others, in all zones of any of the sets."""
    calendar = _from_the_first_date(declared, now)
    usable: defaultdict[str, list[Window]] = defaultdict(list)
    for zones in zone_sets:
        starts = starts_in(calendar.windows(zones), declared.close_margin)
        for name in zones:
            usable[name] += starts
    in_order = {name: join(starts) for name, starts in usable.items()}
    for entry in _checked(declared):
        if _opens(calendar, entry) and not any(
            intersect(calendar.opened_by(entry, name), starts) for name, starts in in_order.items()
        ):
            yield entry


def _checked(declared: CallingWindows) -> Iterator[WeeklyEntry]:
    """Without those that `unreachable` reports."""
    entries = weekly_entries(declared.weekly)
    if len(entries) <= _MOST_ENTRIES:
        reported = unreachable(declared)
        yield from (entry for entry in entries if entry not in reported)


def _from_the_first_date(declared: CallingWindows, now: float) -> Calendar:
    """Windows that are over by now were of use. Without a first date it starts a week ago, to include each
    weekday.
    """
    if declared.dates.from_ is None:
        return Calendar(declared, now - 7 * DAY)
    first = max(date.fromisoformat(declared.dates.from_), FIRST_DATE)
    return Calendar(declared, datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() - 2 * DAY)


def _opens(calendar: Calendar, entry: WeeklyEntry) -> bool:
    return bool(calendar.opened_by(entry, "UTC"))
