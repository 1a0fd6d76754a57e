"""Gives new slots to the calls that can no longer start at theirs."""

from collections.abc import Mapping

from runner.dispatch.events import CallsMoved
from runner.dispatch.run import Run
from runner.ledger.claim import HeldBack
from runner.planning.pacing import LATE_SECONDS

LATE_AT_ONCE = 1000
"""Late calls that get new slots in one transaction: a lease must be renewed and a pause obeyed meanwhile."""


async def move_late(run: Run) -> None:
    """Moves the planned calls whose start lies LATE_SECONDS back."""
    moved = skipped = 0
    while not run.stopping():
        now = run.clock.now()
        more_moved, more_skipped = await run.in_ledger(
            run.queue.reschedule_late, now - LATE_SECONDS, now, LATE_AT_ONCE, run.plan.reschedule
        )
        moved, skipped = moved + more_moved, skipped + more_skipped
        if more_moved + more_skipped < LATE_AT_ONCE:
            break
    _report(run, moved, skipped)


async def move_crowded_out(run: Run, crowded_out: Mapping[int, int]) -> None:
    """Moves calls for which the pace has no start near their slots, but one from the given time on."""
    moved, skipped = await run.in_ledger(
        run.queue.reschedule_crowded_out, crowded_out, run.clock.now(), run.plan.reschedule
    )
    _report(run, moved, skipped)


async def move_held_back(run: Run, held_back: Mapping[int, HeldBack]) -> None:
    """Moves calls to numbers that would be dialled too often in their slots, and skips those that fit
    nowhere.
    """
    moved, skipped = await run.in_ledger(
        run.queue.reschedule_held_back, held_back, run.clock.now(), run.plan.reschedule
    )
    _report(run, moved, skipped)


def _report(run: Run, moved: int, skipped: int) -> None:
    if moved or skipped:
        run.on_event(CallsMoved(moved=moved, skipped=skipped))
