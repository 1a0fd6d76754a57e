"""The trail of a call: every change of its state is kept, with when, by which run, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, update

from runner.ledger.states import CallState, may_move
from runner.ledger.tables import calls, transitions

# Made once: building a statement costs more than running it.
_RECORD = insert(transitions)
_SKIP = (
    update(calls)
    .where(calls.c.id == bindparam("of_call"), calls.c.state == CallState.PLANNED)
    .values(state=CallState.SKIPPED, reason=bindparam("why"), updated_at=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class Move:
    """One change of the state of a call, and why."""

    call: int
    before: CallState
    after: CallState
    reason: str


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
    """Keeps one change of state, as `record_transitions` does."""
    record_transitions(connection, [Move(call, before, after, reason)], run=run, at=at, actor=actor)


def record_transitions(
    connection: Connection, moves: Sequence[Move], *, run: int, at: float, actor: str = ""
) -> None:
    """Keeps changes of state, in the transaction that makes them. `at` is UTC Unix seconds.

    `actor` is the person (user@host) who did it, or empty when `run` did.

    Raises ValueError for a move that no call may make: a defect, which must not be committed.
    """
    if not moves:
        return
    for move in moves:
        if move.before is not move.after and not may_move(move.before, move.after):
            raise ValueError(f"a call cannot move from {move.before} to {move.after}")
    connection.execute(
        _RECORD,
        [
            {
                "call": move.call,
                "run": run,
                "at": at,
                "before": move.before,
                "after": move.after,
                "reason": move.reason,
                "actor": actor,
            }
            for move in moves
        ],
    )


def give_up(connection: Connection, *, run: int, reasons: Mapping[int, str], at: float) -> None:
    """Skips calls that are still planned, each with its reason. `at` is UTC Unix seconds."""
    skipped = []
    for call, reason in reasons.items():
        changed = connection.execute(_SKIP, {"of_call": call, "why": reason, "moment": at})
        if changed.rowcount == 1:
            skipped.append(Move(call, CallState.PLANNED, CallState.SKIPPED, reason))
    record_transitions(connection, skipped, run=run, at=at)
