"""The transitions of a call: every change of its state, with time, run and reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, bindparam, insert, select, update

from runner.calls import CallState, StateReason
from runner.ledger.rows import some_at_a_time
from runner.ledger.states import may_move
from runner.ledger.tables import calls, transitions

# Made once: building a statement costs more than running it.
_RECORD = insert(transitions)
# At each statement another thread may go first, and this one then waits for its turn: so one for all.
_RECORD_ALIKE = insert(transitions).from_select(
    ["call", "run", "at", "before", "after", "reason", "actor"],
    select(
        calls.c.id,
        *(bindparam(name, type_=transitions.c[name].type) for name in ("run", "at", "before", "after")),
        *(bindparam(name, type_=transitions.c[name].type) for name in ("reason", "actor")),
    ).where(calls.c.id.in_(bindparam("of_calls", expanding=True))),
)


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of the state of a call, and why."""

    call: int
    before: CallState
    after: CallState
    reason: StateReason


def move_calls(
    connection: Connection,
    moves: Sequence[Transition],
    *,
    run: int,
    at: float,
    actor: str = "",
    also: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Changes the state of the calls that are still in the state before, and records it as
    `record_transitions` does; returns how many those were. `also` are other columns to set.
    """
    moved = []
    for move in moves:
        changed = connection.execute(
            update(calls)
            .where(calls.c.id == move.call, calls.c.state == move.before)
            .values(state=move.after, reason=move.reason, updated_at=at, **also)
        )
        if changed.rowcount == 1:
            moved.append(move)
    record_transitions(connection, moved, run=run, at=at, actor=actor)
    return len(moved)


def record_transitions(
    connection: Connection, moves: Sequence[Transition], *, run: int, at: float, actor: str = ""
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
    alike: defaultdict[tuple[CallState, CallState, StateReason], list[int]] = defaultdict(list)
    for move in moves:
        alike[move.before, move.after, move.reason].append(move.call)
    alone = []
    for (before, after, reason), moved in alike.items():
        said = {"run": run, "at": at, "before": before, "after": after, "reason": reason, "actor": actor}
        if len(moved) == 1:
            alone.append({"call": moved[0], **said})
            continue
        for some in some_at_a_time(moved):
            connection.execute(_RECORD_ALIKE, {"of_calls": some, **said})
    if alone:
        connection.execute(_RECORD, alone)


def skip_calls(connection: Connection, *, run: int, reasons: Mapping[int, StateReason], at: float) -> None:
    """Skips calls that are still planned, each with its reason. `at` is UTC Unix seconds."""
    moves = [Transition(call, CallState.PLANNED, CallState.SKIPPED, why) for call, why in reasons.items()]
    move_calls(connection, moves, run=run, at=at)
