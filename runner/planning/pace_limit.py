"""When calls may start under the pace, given the calls that were sent. Pure.

A call starts at the later of its start_timestamp and the moment its request leaves. So that only the first
counts, which the ledger knows exactly, a request must leave before its call starts. A call that is too late
for that gets the next start that the pace allows, together with its claim.
"""

from math import ceil

from runner.planning.pacing import Slots

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
        """Forgets all starts."""
        self._slots = Slots(self._calls_per_minute)

    def count(self, start: float) -> None:
        """Counts a call that starts then."""
        self._slots.block_around(start)

    def take(self, planned: int, end: int, now: float) -> int | None:
        """Takes the first start from `planned` on that the pace allows and that a request can still precede.

        None where that would be more than LATE_SECONDS later, or not before `end`.
        """
        earliest = max(planned, ceil(now + self._lead))
        return self._slots.take(earliest, min(planned + LATE_SECONDS, end - 1))

    def release(self, start: int) -> None:
        """Gives back a start that was taken: its call was not sent."""
        self._slots.release(start)

    def leaves_at(self, start: int) -> float:
        """The earliest moment for the request of a call that starts then."""
        return start - max(self._queue_ahead, self._lead + _SLACK_SECONDS)

    def ask_for_more_lead(self) -> None:
        """A request took too long to leave before its call started: the next get more time."""
        self._lead = min(2 * self._lead, _LONGEST_LEAD_SECONDS)
