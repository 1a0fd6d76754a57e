"""The trail of a call: every change of its state is kept, with when, by which run, and why."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert, update

from runner.ledger.states import CallState, may_move
from runner.ledger.tables import calls, transitions


def record_transition(
    connection: Connection,
    *,
    call: int,
    run: int,
    at: float,
    before: CallState,
    after: CallState,
    reason: str,
    actor: str = "",
) -> None:
    """Keeps one change of state, in the transaction that makes it. `at` is UTC Unix seconds.

    `actor` is the person (user@host) who did it, or empty when `run` did.

    Raises ValueError for a move that no call may make: a defect, which must not be committed.
    """
    if before is not after and not may_move(before, after):
        raise ValueError(f"a call cannot move from {before} to {after}")
    connection.execute(
        insert(transitions).values(
            call=call, run=run, at=at, before=before, after=after, reason=reason, actor=actor
        )
    )


def give_up(connection: Connection, *, run: int, reasons: Mapping[int, str], at: float) -> None:
    """Skips calls that are still planned, each with its reason. `at` is UTC Unix seconds."""
    for call, reason in reasons.items():
        changed = connection.execute(
            update(calls)
            .where(calls.c.id == call, calls.c.state == CallState.PLANNED)
            .values(state=CallState.SKIPPED, reason=reason, updated_at=at)
        )
        if changed.rowcount == 1:
            record_transition(
                connection,
                call=call,
                run=run,
                at=at,
                before=CallState.PLANNED,
                after=CallState.SKIPPED,
                reason=reason,
            )
