"""Calling windows as exact UTC intervals, through changes of clocks and past midnight. Pure.

UTC is cut at the zone's transitions. In each stretch of constant offset the local hours are intersected with
the stretch, and the pieces are joined. (Building aware datetimes and adding to them was measured to be wrong
around changes of clocks, by half an hour up to a whole day.)
"""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from runner.campaign.model import SHORTEST_SLOT, CallingWindows
from runner.campaign.timezones import zone
from runner.planning.public_holidays import public_holidays

DEFAULT_DAYS = 30
FURTHEST_DAYS = 731
"""No window is looked for later than this after the campaign's first date (or today, if later): zone rules
and holidays are guesses by then, and `to: "9999-12-31"` must not take for ever.
"""

SLOT_SECONDS = SHORTEST_SLOT
"""A slot needs this long before `end_timestamp`: a call that barely fits is a call at a forbidden hour."""

_DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
FIRST_DATE, LAST_DATE = date(1971, 1, 1), date(9000, 1, 1)
"""Before and beyond any campaign. Databases write 0001-01-01 and 9999-12-31 for "no bound", and no instant
near these can be expressed in every zone.
"""
_LAST_ORDINAL = LAST_DATE.toordinal()


class Window(NamedTuple):
    """A half-open interval of UTC Unix seconds in which dialling is allowed."""

    start: int
    end: int


def dialling_end(window: Window, close_margin: int) -> int:
    """The last moment to dial in this window: the `end_timestamp` of its calls."""
    return window.end - close_margin


def last_start(window: Window, close_margin: int) -> int:
    """The latest `start_timestamp` that this window takes; before `window.start` when it takes none."""
    return dialling_end(window, close_margin) - SLOT_SECONDS


class Calendar:
    """When a campaign may dial, from `now` (UTC Unix seconds) on. Raises UnknownPlaceError for `holidays`."""

    def __init__(self, declared: CallingWindows, now: float) -> None:
        self._hours = declared.weekly_hours
        self._dates = declared.dates
        self._blackout = tuple(_closed_dates(declared))
        self._holiday = public_holidays(declared.holidays)
        self._now = math.ceil(now)
        self._by_date_range: dict[range, tuple[Window, ...]] = {}
        self._by_zone: dict[str, tuple[Window, ...]] = {}
        self._by_set: dict[tuple[str, ...], tuple[Window, ...]] = {}

    def windows(self, zones: tuple[str, ...]) -> tuple[Window, ...]:
        """The intervals, sorted and apart, in which every one of `zones` is inside a window.

        Raises KeyError for a zone that does not exist.
        """
        found = self._by_set.get(zones)
        if found is None:
            found = reduce(intersect, (self._windows_in(name) for name in zones))
            self._by_set[zones] = found
        return found

    def _windows_in(self, name: str) -> tuple[Window, ...]:
        found = self._by_zone.get(name)
        if found is None:
            rules = zone(name)
            local = self._local_hours(self._days(rules))
            found = clip(_to_utc(local, rules), self._now, None)
            self._by_zone[name] = found
        return found

    def _days(self, rules: ZoneInfo) -> range:
        """The local dates of the campaign in one zone, as ordinals, less those that are over.

        Yesterday is not over: its window may run past midnight. Without `from` nothing closes it.
        """
        today = datetime.fromtimestamp(self._now, rules).toordinal()
        first = _ordinal(self._dates.from_, today - 1)
        last = _ordinal(self._dates.to, max(today, first) + DEFAULT_DAYS)
        furthest = min(max(today, first) + FURTHEST_DAYS, _LAST_ORDINAL)
        return range(max(first, today - 1), min(last, furthest) + 1)

    def _local_hours(self, days: range) -> tuple[Window, ...]:
        """Open hours as seconds on a local clock that never changes, counted from 1970-01-01 00:00."""
        found = self._by_date_range.get(days)
        if found is None:
            found = _join(self._hours_of([day for day in days if self._is_open(day)]))
            self._by_date_range[days] = found
        return found

    def _hours_of(self, open_days: list[int]) -> Iterator[Window]:
        """A tail past midnight needs both dates open: the one it began on and the one it runs into."""
        is_open = frozenset(open_days)
        for day in open_days:
            midnight = (day - _EPOCH_ORDINAL) * _DAY
            next_midnight = midnight + _DAY
            for start, end in self._hours[(day - 1) % 7]:
                closes = midnight + end * 60
                yield Window(
                    midnight + start * 60, closes if day + 1 in is_open else min(closes, next_midnight)
                )

    def _is_open(self, day: int) -> bool:
        return not any(day in closed for closed in self._blackout) and not self._holiday(
            date.fromordinal(day)
        )


def intersect(one: tuple[Window, ...], other: tuple[Window, ...]) -> tuple[Window, ...]:
    """The intervals that lie in both lists; each list sorted and without overlaps."""
    found: list[Window] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i].start, other[j].start), min(one[i].end, other[j].end)
        if start < end:
            found.append(Window(start, end))
        if one[i].end < other[j].end:
            i += 1
        else:
            j += 1
    return tuple(found)


def clip(windows: tuple[Window, ...], earliest: int | None, latest: int | None) -> tuple[Window, ...]:
    """What remains of `windows` between a contact's own first and last instant (the latter exclusive)."""
    if earliest is None and latest is None:
        return windows
    return tuple(
        Window(start, end)
        for window in windows
        if (start := window.start if earliest is None else max(window.start, earliest))
        < (end := window.end if latest is None else min(window.end, latest))
    )


def _ordinal(text: str | None, default: int) -> int:
    return default if text is None else date.fromisoformat(text).toordinal()


def _closed_dates(declared: CallingWindows) -> Iterator[range]:
    for entry in declared.blackout:
        if isinstance(entry, str):
            yield range(_ordinal(entry, 0), _ordinal(entry, 0) + 1)
        else:
            yield range(entry.first.toordinal(), entry.last.toordinal() + 1)


def _join(windows: Iterable[Window]) -> tuple[Window, ...]:
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def _to_utc(local: tuple[Window, ...], rules: ZoneInfo) -> tuple[Window, ...]:
    if not local:
        return ()
    # No zone is more than a day from UTC.
    begin, end = local[0].start - _DAY, local[-1].end + _DAY
    pieces: list[Window] = []
    for stretch, offset in _stretches(rules, begin, end):
        there = tuple(Window(window.start - offset, window.end - offset) for window in local)
        pieces.extend(intersect(there, (stretch,)))
    return _join(pieces)


def _stretches(rules: ZoneInfo, begin: int, end: int) -> Iterator[tuple[Window, int]]:
    """The stretches of constant offset between two instants, each with its offset in seconds."""
    start, offset = begin, _offset(rules, begin)
    # A day is a safe step: the two nearest changes in the data (Gaza, 2040) are a week apart.
    for probe in range(begin, end, _DAY):
        after = min(probe + _DAY, end)
        if _offset(rules, after) != offset:
            change = _first_change(rules, probe, after)
            yield Window(start, change), offset
            start, offset = change, _offset(rules, change)
    yield Window(start, end), offset


def _first_change(rules: ZoneInfo, before: int, after: int) -> int:
    """The second at which the offset first differs from that at `before`."""
    offset = _offset(rules, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(rules, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(rules: ZoneInfo, instant: int) -> int:
    """How far the local clock is ahead of UTC at this instant, in seconds."""
    local = datetime.fromtimestamp(instant, rules)
    return round(local.replace(tzinfo=UTC).timestamp()) - instant
