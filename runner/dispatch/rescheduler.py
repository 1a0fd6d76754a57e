"""Gives new slots to the calls that cannot start at theirs any more."""

from collections.abc import Callable, Mapping

from runner.dispatch.events import CallsMoved, Event
from runner.dispatch.ledger_thread import LedgerThread
from runner.dispatch.run_state import RunState
from runner.dispatch.timer import Timer
from runner.ledger.call_queue import CallQueue
from runner.ledger.late_calls import Reschedule
from runner.planning.pace_limit import LATE_SECONDS

LATE_AT_ONCE = 1000
"""Late calls that get new slots in one transaction: a lease must be renewed and a pause obeyed meanwhile."""


class Rescheduler:
    """Of one run."""

    def __init__(
        self,
        *,
        queue: CallQueue,
        ledger: LedgerThread,
        clock: Timer,
        run_state: RunState,
        reschedule: Reschedule,
        on_event: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._clock = clock
        self._run_state = run_state
        self._reschedule = reschedule
        self._on_event = on_event

    async def move_late(self) -> None:
        """The planned calls whose start lies LATE_SECONDS back."""
        moved = skipped = 0
        while not self._run_state.stopping():
            now = self._clock.now()
            more_moved, more_skipped = await self._ledger.do(
                self._queue.reschedule_late, now - LATE_SECONDS, now, LATE_AT_ONCE, self._reschedule
            )
            moved, skipped = moved + more_moved, skipped + more_skipped
            if more_moved + more_skipped < LATE_AT_ONCE:
                break
        self._report(moved, skipped)

    async def move(self, crowded_out: Mapping[int, int]) -> None:
        """These calls: the pace has no start for them near their slots, but one from the given time on."""
        moved, skipped = await self._ledger.do(
            self._queue.reschedule_crowded_out, crowded_out, self._clock.now(), self._reschedule
        )
        self._report(moved, skipped)

    def _report(self, moved: int, skipped: int) -> None:
        if moved or skipped:
            self._on_event(CallsMoved(moved=moved, skipped=skipped))
