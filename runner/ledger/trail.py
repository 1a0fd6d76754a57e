"""The trail of a call: every change of its state is kept, with when, by which run, and why."""

from sqlalchemy import Connection, insert

from runner.ledger.states import CallState, may_move
from runner.ledger.tables import transitions


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
