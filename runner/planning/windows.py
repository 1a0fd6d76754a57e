"""Intervals of UTC in which calls may be dialled, and the conversion of local hours to UTC. Pure.

UTC is cut at the zone's transitions. In each part with a constant offset the local hours are intersected with
the part, and the pieces are joined. (Adding to aware datetimes was measured to be wrong near transitions, by
half an hour up to a whole day.)
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from runner.campaign.hours import joined
from runner.campaign.model import SHORTEST_SLOT

SLOT_SECONDS = SHORTEST_SLOT
"""The shortest time between `start_timestamp` and `end_timestamp`. It keeps a call from running past its
window.
"""

DAY = 86_400
"""Seconds."""


class Window(NamedTuple):
    """A half-open interval of UTC Unix seconds in which dialling is allowed."""

    start: int
    end: int


def dialling_end(window: Window, close_margin: int) -> int:
    """The last moment to dial in this window: the `end_timestamp` of its calls."""
    return window.end - close_margin


def last_start(window: Window, close_margin: int) -> int:
    """The latest `start_timestamp` in this window; before `window.start` if the window is too short."""
    return dialling_end(window, close_margin) - SLOT_SECONDS


def starts_in(windows: tuple[Window, ...], close_margin: int) -> tuple[Window, ...]:
    """When calls may start in these windows; nothing for those that are too short."""
    lasts = [last_start(window, close_margin) for window in windows]
    return tuple(
        Window(window.start, last + 1)
        for window, last in zip(windows, lasts, strict=True)
        if last >= window.start
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
    """The parts of `windows` between two instants, the latter exclusive; None means no bound."""
    if earliest is None and latest is None:
        return windows
    return tuple(
        Window(start, end)
        for window in windows
        if (start := window.start if earliest is None else max(window.start, earliest))
        < (end := window.end if latest is None else min(window.end, latest))
    )


def join(windows: Iterable[tuple[int, int]]) -> tuple[Window, ...]:
    """Sorted, with those that touch or overlap joined."""
    return tuple(map(Window._make, joined(windows)))


def to_utc(local: tuple[Window, ...], rules: ZoneInfo) -> tuple[Window, ...]:
    """Local hours, in seconds since 1970-01-01 00:00 of a local clock that never changes, as UTC."""
    if not local:
        return ()
    # No zone is more than a day from UTC.
    begin, end = local[0].start - DAY, local[-1].end + DAY
    pieces: list[Window] = []
    for part, offset in _constant_offsets(rules, begin, end):
        shifted = tuple(Window(window.start - offset, window.end - offset) for window in local)
        pieces.extend(intersect(shifted, (part,)))
    return join(pieces)


def _constant_offsets(rules: ZoneInfo, begin: int, end: int) -> Iterator[tuple[Window, int]]:
    """The time between two instants in parts of constant offset, each with its offset in seconds."""
    start, offset = begin, _offset(rules, begin)
    # A day is a safe step: the two nearest changes in the data (Gaza, 2040) are a week apart.
    for probe in range(begin, end, DAY):
        after = min(probe + DAY, end)
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
