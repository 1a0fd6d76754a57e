"""Calling windows as exact UTC intervals, through changes of clocks and past midnight. Pure.

UTC is cut at the zone's transitions. In each stretch of constant offset the local hours are intersected with
the stretch, and the pieces are joined. (Building aware datetimes and adding to them was measured to be wrong
around changes of clocks, by half an hour up to a whole day.)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

from runner.campaign.model import CallingWindows
from runner.campaign.timezones import zone
from runner.planning.public_holidays import public_holidays

DEFAULT_DAYS = 30
SLOT_SECONDS = 300
"""A slot needs this long before `end_timestamp`: a call that barely fits is a call at a forbidden hour."""

_DAY = 86_400
_PROBE_SECONDS = 6 * 3600
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open interval of UTC Unix seconds in which dialling is allowed."""

    start: int
    end: int


def dialling_end(window: Window, close_margin: int) -> int:
    """The last moment to dial in this window: the `end_timestamp` of its calls."""
    return window.end - close_margin


def last_start(window: Window, close_margin: int) -> int:
    """The latest `start_timestamp` that this window takes."""
    return dialling_end(window, close_margin) - SLOT_SECONDS


class Calendar:
    """When a campaign may dial, from `now` (UTC Unix seconds) on. Raises UnknownPlaceError for `holidays`."""

    def __init__(self, declared: CallingWindows, now: float) -> None:
        self._hours = declared.weekly_hours
        self._dates = declared.dates
        self._blackout = tuple(_closed_dates(declared))
        self._is_holiday = public_holidays(declared.holidays)
        self._now = now
        self._by_zone: dict[str, tuple[Window, ...]] = {}
        self._by_set: dict[tuple[str, ...], tuple[Window, ...]] = {}

    def windows(self, zones: tuple[str, ...]) -> tuple[Window, ...]:
        """The intervals, sorted and apart, in which every one of `zones` is inside a window."""
        found = self._by_set.get(zones)
        if found is None:
            found = reduce(intersect, (self._windows_in(name) for name in zones))
            self._by_set[zones] = found
        return found

    def _windows_in(self, name: str) -> tuple[Window, ...]:
        found = self._by_zone.get(name)
        if found is None:
            rules = zone(name)
            first, last = self._date_range(rules)
            local = _join(self._local_hours(first, last))
            found = _from(self._now, _to_utc(local, rules))
            self._by_zone[name] = found
        return found

    def _date_range(self, rules: ZoneInfo) -> tuple[date, date]:
        """The first and last local date that may be open.

        Without `from`, a window that began yesterday and runs past midnight is still open: hence yesterday.
        """
        today = datetime.fromtimestamp(self._now, rules).date()
        yesterday = today - timedelta(days=1)
        first = _date(self._dates.from_) or yesterday
        last = _date(self._dates.to) or max(today, first) + timedelta(days=DEFAULT_DAYS)
        return max(first, yesterday), last

    def _is_open(self, day: date) -> bool:
        return not self._is_holiday(day) and not any(first <= day <= last for first, last in self._blackout)

    def _local_hours(self, first: date, last: date) -> Iterator[Window]:
        """Open hours as seconds on a local clock that never changes, counted from 1970-01-01 00:00.

        A tail past midnight needs both dates open: the one it began on and the one it runs into.
        """
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        is_open = {day: self._is_open(day) for day in days}
        for day in days:
            if not is_open[day]:
                continue
            midnight = (day.toordinal() - _EPOCH_ORDINAL) * _DAY
            for start, end in self._hours[day.weekday()]:
                yield Window(midnight + start * 60, min(midnight + end * 60, midnight + _DAY))
                if end * 60 > _DAY and is_open.get(day + timedelta(days=1), False):
                    yield Window(midnight + _DAY, midnight + end * 60)


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
    return tuple(
        Window(start, end)
        for window in windows
        if (start := max(window.start, earliest if earliest is not None else window.start))
        < (end := min(window.end, latest if latest is not None else window.end))
    )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _closed_dates(declared: CallingWindows) -> Iterator[tuple[date, date]]:
    for entry in declared.blackout:
        if isinstance(entry, str):
            yield date.fromisoformat(entry), date.fromisoformat(entry)
        else:
            yield entry.first, entry.last


def _join(windows: Iterable[Window]) -> tuple[Window, ...]:
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def _from(now: float, windows: tuple[Window, ...]) -> tuple[Window, ...]:
    first = int(now) + (now > int(now))
    return clip(windows, first, None)


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
    start = begin
    offset = _offset(rules, begin)
    probe = begin
    while probe < end:
        after = min(probe + _PROBE_SECONDS, end)
        if _offset(rules, after) != offset:
            change = _first_change(rules, probe, after)
            yield Window(start, change), offset
            start, offset = change, _offset(rules, change)
            after = change
        probe = after
    if start < end:
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
    found = datetime.fromtimestamp(instant, UTC).astimezone(rules).utcoffset()
    return 0 if found is None else round(found.total_seconds())
