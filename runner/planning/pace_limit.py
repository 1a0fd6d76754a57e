"""When calls may start under the pace, given the calls that were sent. Pure.

A call starts at the later of its start_timestamp and the moment its request leaves. So that only the first
counts, which the ledger knows exactly, a request must leave before its call starts. A call that is too late
for that gets the next start that the pace allows, together with its claim.
"""

from bisect import bisect_left, bisect_right, insort
from math import ceil

from runner.planning.pacing import Slots

_MINUTE = 60
LATE_SECONDS = 60
"""A call that cannot start this soon after its planned start gets a new slot."""
_LEAD_SECONDS = 2.0
_LONGEST_LEAD_SECONDS = 30.0
_SLACK_SECONDS = 3.0
"""How late a timer may ring before the start that it was set for is missed."""


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
