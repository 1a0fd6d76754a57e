"""How fast calls start: a grid of slots, each used once, and the limit that a run keeps. Pure.

A pace of N starts a minute is an absolute grid: slot i is at second floor(i x 60 / N) of the Unix epoch.
Any 60 seconds so hold at most N starts, and a slot does not depend on when the plan was made.

A call starts at the later of its start_timestamp and the moment its request leaves. So that only the first
counts, which the ledger knows exactly, a run sends each request before its call starts. A call that is too
late for that gets the next start that the pace allows, together with its claim.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from runner.planning.windows import Window

_MINUTE = 60
_DAY = 86_400
LATE_SECONDS = 60
"""A call that cannot start this soon after its planned start gets a new slot."""
_LEAD_SECONDS = 2.0
_LONGEST_LEAD_SECONDS = 30.0
_SLACK_SECONDS = 3.0
"""How late a timer may ring before the start that it was set for is missed."""
_BLOCK = 4096
"""Slots in a block. Short enough to be searched at once, long enough that blocks are few."""


class Slots:
    """The free and the used slots of one campaign.

    Memory: a byte for each slot near a used one. Taking a slot needs few steps, however full the grid is.
    """

    def __init__(self, calls_per_minute: int) -> None:
        self._pace = calls_per_minute
        self._used: dict[int, bytearray] = {}
        # For each block found full, a later one that may not be: chains are shortened as they are followed.
        self._beyond: dict[int, int] = {}

    def occupy(self, start: int) -> bool:
        """Counts an existing call that starts at this second (UTC); returns whether there was room for it.

        Under another pace than today's, the second may have no slot left. Then the next free one within a
        minute is used; if there is none, that minute is full and needs no slot.
        """
        slot = self._first_free(self._at_or_after(start))
        has_room = self._second(slot) < start + 60
        if has_room:
            self._use(slot)
        return has_room

    def release(self, second: int) -> None:
        """Frees a slot that was taken at this second: its call was not sent."""
        slot = self._at_or_after(second)
        while self._second(slot) == second:
            block, place = divmod(slot, _BLOCK)
            if block in self._used and self._used[block][place]:
                self._used[block][place] = 0
                self._beyond.pop(block, None)
                return
            slot += 1

    def take(self, not_before: int, not_after: int) -> int | None:
        """Takes the first free slot between the two seconds, both inclusive, and returns its second."""
        # Written out: every call of a plan passes here.
        slot = self._first_free(-(-not_before * self._pace // 60))
        second = slot * 60 // self._pace
        if second > not_after:
            return None
        self._use(slot)
        return second

    def first_free(self, not_before: int) -> int:
        """The second of the first free slot from this second on."""
        return self._second(self._first_free(self._at_or_after(not_before)))

    def count(self, window: Window) -> int:
        """How many free slots have their second inside the window."""
        slot, end = self._at_or_after(window.start), self._at_or_after(window.end)
        free = max(0, end - slot)
        while slot < end:
            block, place = divmod(slot, _BLOCK)
            if block in self._used:
                free -= self._used[block].count(1, place, min(_BLOCK, place + end - slot))
            slot += _BLOCK - place
        return free

    def _at_or_after(self, second: int) -> int:
        return -(-second * self._pace // 60)

    def _second(self, slot: int) -> int:
        return slot * 60 // self._pace

    def _use(self, slot: int) -> None:
        block, place = divmod(slot, _BLOCK)
        used = self._used.get(block)
        if used is None:
            used = self._used[block] = bytearray(_BLOCK)
        used[place] = 1

    def _first_free(self, slot: int) -> int:
        block, place = divmod(slot, _BLOCK)
        used = self._used.get(block)
        free = place if used is None else used.find(0, place)
        return block * _BLOCK + free if free >= 0 else self._first_free_after(block, place)

    def _first_free_after(self, block: int, place: int) -> int:
        """Where nothing in the block is free from `place` on."""
        full = [block] if place == 0 else []
        free = -1
        while free < 0:
            block = self._beyond.get(block, block + 1)
            used = self._used.get(block)
            free = 0 if used is None else used.find(0)
            if free < 0:
                full.append(block)
        for passed in full:
            self._beyond[passed] = block
        return block * _BLOCK + free


class DayLimit(NamedTuple):
    """The most calls that may start in a day of UTC, over all campaigns."""

    most: int
    started: Mapping[int, int]
    """How many start on a day already, by its first second."""


class DayRoom:
    """What a day limit leaves while calls are placed."""

    def __init__(self, limit: DayLimit) -> None:
        self._most = limit.most
        self._starts = Counter(limit.started)

    def count(self, start: int, calls: int = 1) -> None:
        """Counts calls that start on the day of this second."""
        self._starts[day_of(start)] += calls

    def has_room(self, start: int, calls: int) -> bool:
        """Whether so many more calls may start on its day."""
        return self._starts[day_of(start)] + calls <= self._most

    def open_from(self, second: int) -> int:
        """The first second from this one on whose day has room for a call."""
        day = day_of(second)
        if self._starts[day] < self._most:
            return second
        while self._starts[day] >= self._most:
            day += _DAY
        return day


def day_of(second: int) -> int:
    """The first second of its day."""
    return second - second % _DAY


class PaceLimit:
    """The starts of the calls that were sent. Moments are UTC Unix seconds."""

    def __init__(self, calls_per_minute: int, queue_ahead: int) -> None:
        self._calls_per_minute = calls_per_minute
        self._queue_ahead = queue_ahead
        self._lead = _LEAD_SECONDS
        self.clear()

    def clear(self) -> None:
        """Removes all starts."""
        self._slots = Slots(self._calls_per_minute)
        # Sorted. Starts planned under another pace may lie between the slots of this pace.
        self._starts: list[float] = []

    def count(self, start: float) -> None:
        """Counts a call that starts then."""
        self._slots.occupy(ceil(start))
        insort(self._starts, start)

    def take(self, planned: int, end: int, now: float) -> int | None:
        """Takes the first start from `planned` on that the pace allows and that a request can still precede.

        None where that would be more than LATE_SECONDS later, or not before `end`.
        """
        start = self.first_free(planned, now)
        if start > min(planned + LATE_SECONDS, end - 1):
            return None
        self._slots.take(start, start)
        insort(self._starts, start)
        return start

    def first_free(self, planned: int, now: float) -> int:
        """The first start from `planned` on that the pace allows and that a request can still precede."""
        start = self._slots.first_free(max(planned, ceil(now + self._lead)))
        while (free_from := self._crowded_until(start)) is not None:
            start = self._slots.first_free(ceil(free_from))
        return start

    def release(self, start: int) -> None:
        """Gives back a start that was taken: its call was not sent."""
        self._slots.release(start)
        place = bisect_left(self._starts, start)
        if self._starts[place : place + 1] == [start]:
            del self._starts[place]

    def leaves_at(self, start: int) -> float:
        """The earliest moment for the request of a call that starts then."""
        return start - max(self._queue_ahead, self._lead + _SLACK_SECONDS)

    def ask_for_more_lead(self) -> None:
        """Gives later requests more time: one left after the start of its call."""
        self._lead = min(2 * self._lead, _LONGEST_LEAD_SECONDS)

    def _crowded_until(self, start: int) -> float | None:
        """None where every 60 seconds keep the pace with this start. Else the moment from which on those
        that are too full with it do not hold it.
        """
        first = bisect_right(self._starts, start - _MINUTE)
        near = self._starts[first : bisect_left(self._starts, start + _MINUTE, first)]
        # As many starts as the pace allows, in less than 60 seconds together with this one.
        full = (
            begin
            for begin, last in zip(near, near[self._calls_per_minute - 1 :], strict=False)
            if max(last, start) - min(begin, start) < _MINUTE
        )
        latest = max(full, default=None)
        return None if latest is None else latest + _MINUTE


def request_rate_pace(requests_per_second: float) -> int:
    """Calls a minute that the request rate allows, at least one."""
    return max(1, int(requests_per_second * 60))


def spread_evenly(windows: Sequence[Window], capacities: Sequence[int], calls: int) -> Iterator[int]:
    """For `calls` calls that share `windows`, the second from which each looks for its slot, in order.

    They are spread evenly over the first window; those beyond its capacity over the next, and so on.
    Calls beyond the capacity of all windows get no second.
    """
    left = calls
    for window, capacity in zip(windows, capacities, strict=True):
        here = min(capacity, left)
        left -= here
        length = window.end - window.start
        yield from (window.start + i * length // here for i in range(here))
