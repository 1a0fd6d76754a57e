"""Marks the calls of a run that died as uncertain: whether they reached Insight is unknown."""

from sqlalchemy import ColumnElement, Connection, select, true, update

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger import postgresql
from runner.ledger.tables import attempts, calls, runs
from runner.ledger.transitions import record_transition

_REASON = StateReason(ReasonCode.SENDER_DIED)
LOST = "lost"
"""The ending of a run that was declared dead."""


def mark_orphaned_calls(
    connection: Connection, campaign: str, now: float, *, alone: bool, survivor: int | None = None
) -> int:
    """Declares runs dead whose lease has passed at `now`, and marks what they were sending as uncertain.

    Returns how many calls that were. `alone` says that no other process can hold the campaign, so every run
    but `survivor` is dead, whatever its lease says.
    """
    if connection.dialect.name == "postgresql":
        postgresql.end_overdue_transactions(connection)
    has_passed: ColumnElement[bool] = true() if alone else runs.c.lease_until <= now
    # Where no other process can hold the campaign, this run's process is certainly gone: no grace is needed.
    gone = {"lease_until": 0} if alone else {}
    # A process that stops in the middle of a transaction locks its rows; the server ends that soon.
    dead = (
        select(runs.c.id)
        .where(
            runs.c.campaign == campaign,
            runs.c.ended_at.is_(None),
            runs.c.id != (survivor if survivor is not None else 0),
            has_passed,
        )
        # Less than a full lock: rows that only refer to a run must not make it look alive.
        .with_for_update(skip_locked=True, key_share=True)
    )
    connection.execute(update(runs).where(runs.c.id.in_(dead)).values(ended_at=now, ending=LOST, **gone))
    ended = select(runs.c.id).where(runs.c.campaign == campaign, runs.c.ended_at.is_not(None))
    left = (
        select(calls.c.id)
        .where(
            calls.c.campaign == campaign,
            calls.c.state == CallState.SENDING,
            calls.c.run.in_(ended),
        )
        .with_for_update(skip_locked=True)
    )
    stuck = connection.execute(
        update(calls)
        .where(calls.c.id.in_(left))
        .values(state=CallState.UNCERTAIN, reason=_REASON, updated_at=now)
        .returning(calls.c.id, calls.c.run)
    ).all()
    if not stuck:
        return 0
    for row in stuck:
        record_transition(
            connection,
            call=row.id,
            run=row.run,
            at=now,
            before=CallState.SENDING,
            after=CallState.UNCERTAIN,
            reason=_REASON,
        )
    connection.execute(
        update(attempts)
        .where(attempts.c.call.in_([row.id for row in stuck]), attempts.c.finished_at.is_(None))
        .values(finished_at=now, outcome=CallState.UNCERTAIN, reason=_REASON)
    )
    return len(stuck)
