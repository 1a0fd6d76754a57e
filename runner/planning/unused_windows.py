"""Windows of `weekly` that are of no use: closed on every date, or never open in all zones. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

from runner.campaign.hours import WeeklyEntry, weekly_entries
from runner.campaign.model import CallingWindows
from runner.campaign.window_lint import unreachable
from runner.planning.windows import FIRST_DATE, Calendar, Window, intersect, last_start

ALL_CLOSED = "nobody can ever be called in this window: holidays and `blackout` close each of its dates"
ALL_CLOSED_HINT = "widen `dates`, or take the window out"

_MOST_ENTRIES, _MOST_CLOSED = 100, 1000
"""A calendar is made for each window, which must not take for ever: files of more than so many windows or
blackouts, which nobody writes by hand, are not judged.
"""

_DAY = 86_400
_ANYWHERE = "UTC"


def closed_windows(declared: CallingWindows, now: float) -> Iterator[WeeklyEntry]:
    """Windows whose dates are all closed, by holidays too. `now` is UTC Unix seconds."""
    since = _beginning(declared, now)
    return (
        entry for entry in _possible(declared) if not _alone(declared, entry, since).windows((_ANYWHERE,))
    )


def unused_windows(
    declared: CallingWindows, zone_sets: Iterable[tuple[str, ...]], now: float
) -> Iterator[WeeklyEntry]:
    """Windows with open dates that are never open, together with others, in all zones of any of the sets."""
    since = _beginning(declared, now)
    whole = Calendar(declared, since)
    usable = {zones: _starts(whole.windows(zones), declared.close_margin) for zones in zone_sets}
    for entry in _possible(declared):
        alone = _alone(declared, entry, since)
        if alone.windows((_ANYWHERE,)) and not _is_used(alone, usable):
            yield entry


def _possible(declared: CallingWindows) -> Iterator[WeeklyEntry]:
    """Less those of which the campaign file alone says that nobody can be called in them."""
    entries = weekly_entries(declared.weekly)
    if len(entries) > _MOST_ENTRIES or len(declared.blackout) > _MOST_CLOSED:
        return
    known = unreachable(declared)
    yield from (entry for entry in entries if entry not in known)


def _alone(declared: CallingWindows, entry: WeeklyEntry, since: float) -> Calendar:
    return Calendar(declared.model_copy(update={"weekly": {entry.spec: [entry.text]}}), since)


def _beginning(declared: CallingWindows, now: float) -> float:
    """A moment before the campaign's first date: what is over by now was of use once.

    Without a first date a week back, so that each weekday still lies ahead.
    """
    if declared.dates.from_ is None:
        return now - 7 * _DAY
    first = max(date.fromisoformat(declared.dates.from_), FIRST_DATE)
    return datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() - 2 * _DAY


def _starts(windows: tuple[Window, ...], margin: int) -> tuple[Window, ...]:
    """When calls may start in these windows."""
    return tuple(
        Window(window.start, last_start(window, margin) + 1)
        for window in windows
        if last_start(window, margin) >= window.start
    )


def _is_used(alone: Calendar, usable: Mapping[tuple[str, ...], tuple[Window, ...]]) -> bool:
    return any(
        intersect(alone.windows((name,)), starts) for zones, starts in usable.items() for name in zones
    )
