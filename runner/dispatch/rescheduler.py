"""Gives new slots to the calls that cannot start at theirs any more."""

from collections.abc import Mapping

from runner.dispatch.events import CallsMoved
from runner.dispatch.run_context import RunContext
from runner.ledger.late_calls import Reschedule
from runner.planning.pace_limit import LATE_SECONDS

LATE_AT_ONCE = 1000
"""Late calls that get new slots in one transaction: a lease must be renewed and a pause obeyed meanwhile."""


class Rescheduler:
    """Of one run."""

    def __init__(self, run: RunContext, reschedule: Reschedule) -> None:
        self._run = run
        self._reschedule = reschedule

    async def move_late(self) -> None:
        """The planned calls whose start lies LATE_SECONDS back."""
        moved = skipped = 0
        while not self._run.state.stopping():
            now = self._run.clock.now()
            more_moved, more_skipped = await self._run.ledger.do(
                self._run.queue.reschedule_late, now - LATE_SECONDS, now, LATE_AT_ONCE, self._reschedule
            )
            moved, skipped = moved + more_moved, skipped + more_skipped
            if more_moved + more_skipped < LATE_AT_ONCE:
                break
        self._report(moved, skipped)

    async def move(self, crowded_out: Mapping[int, int]) -> None:
        """These calls: the pace has no start for them near their slots, but one from the given time on."""
        moved, skipped = await self._run.ledger.do(
            self._run.queue.reschedule_crowded_out, crowded_out, self._run.clock.now(), self._reschedule
        )
        self._report(moved, skipped)

    def _report(self, moved: int, skipped: int) -> None:
        if moved or skipped:
            self._run.on_event(CallsMoved(moved=moved, skipped=skipped))
