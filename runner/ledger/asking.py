"""Which calls to ask Insight about, and when to stop: several runs share the asking through the ledger."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from runner.calls import CallState, ReasonCode, ResultStatus, StateReason
from runner.ledger.evidence import EvidenceSource
from runner.ledger.rows import some_at_a_time
from runner.ledger.tables import calls, results
from runner.ledger.transitions import Transition, record_transitions

FIRST_ASK = (
    "CASE WHEN start_timestamp + (max_attempts - 1) * COALESCE(reattempt_wait, 0) + 600 < end_timestamp "
    "THEN start_timestamp + (max_attempts - 1) * COALESCE(reattempt_wait, 0) + 600 ELSE end_timestamp END"
)
"""When the attempts of a call must be over, in SQL."""
_LONGEST_PAUSE_SECONDS = 6 * 3600
_CALLBACK_DELAY_SECONDS = 900
_NO_RESULT = StateReason(ReasonCode.NO_RESULT)


class Patience(NamedTuple):
    """How often to ask about one call, and how long after its end to wait for a result; in seconds."""

    every: float
    give_up: float


class AskedCall(NamedTuple):
    """A call whose result is awaited. Times are UTC Unix seconds."""

    call: int
    fence: int
    call_id: str | None
    """None where Insight's answer was lost: nothing can be asked."""
    end_timestamp: int


_AWAITED = (calls.c.id, calls.c.fence, calls.c.call_id, calls.c.end_timestamp)


def due_to_ask(
    connection: Connection, campaign: str, now: float, patience: Patience, most: int
) -> list[AskedCall]:
    """Up to `most` calls to ask about now. No other run is given them; they are due again after a while."""
    due = (
        select(*_AWAITED)
        .where(calls.c.campaign == campaign, calls.c.ask_at <= now)
        .order_by(calls.c.ask_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    found = [AskedCall(*row) for row in connection.execute(due)]
    if found:
        again = update(calls).where(calls.c.id.in_([each.call for each in found]))
        connection.execute(again.values(ask_at=_next_time(now, patience)))
    return found


def waiting_for_results(
    connection: Connection, campaign: str, now: float, *, after: int, most: int
) -> list[AskedCall]:
    """Up to `most` calls that have begun and have no result, whether due or not: those after a call id."""
    waiting = (
        select(*_AWAITED)
        .where(
            calls.c.campaign == campaign,
            calls.c.state == CallState.QUEUED,
            calls.c.start_timestamp <= now,
            calls.c.call_id.is_not(None),
            calls.c.id > after,
        )
        .order_by(calls.c.id)
        .limit(most)
    )
    return [AskedCall(*row) for row in connection.execute(waiting)]


def next_ask(connection: Connection, campaign: str) -> int | None:
    """When the next call of this campaign is due; None while no result is awaited."""
    awaited = and_(calls.c.campaign == campaign, calls.c.ask_at.is_not(None))
    found: int | None = connection.scalar(select(func.min(calls.c.ask_at)).where(awaited))
    return found


def awaits_results(connection: Connection, campaign: str, now: float) -> bool:
    """Whether a call may still bring a result: one that Insight has, or may have and may still dial.

    The callback of an uncertain call comes when the call is over; silence says nothing, so it is not awaited
    for longer.
    """
    if next_ask(connection, campaign) is not None:
        return True
    may_call_back = select(calls.c.id).where(
        calls.c.campaign == campaign,
        calls.c.state == CallState.UNCERTAIN,
        calls.c.end_timestamp + _CALLBACK_DELAY_SECONDS > now,
    )
    return connection.scalar(may_call_back.limit(1)) is not None


def give_up(connection: Connection, of_calls: Sequence[int], now: float) -> int:
    """Counts the results of those of these calls that have none yet as unknown, and returns how many.

    The calls stay queued: a result that comes after all is taken.
    """
    given_up = 0
    for some in some_at_a_time(sorted(of_calls)):
        awaited = (
            select(calls.c.id, calls.c.campaign, calls.c.run)
            .where(calls.c.id.in_(some), calls.c.state == CallState.QUEUED, calls.c.ask_at.is_not(None))
            .order_by(calls.c.id)
            .with_for_update()
        )
        found = connection.execute(awaited).all()
        if not found:
            continue
        them = [row.id for row in found]
        connection.execute(update(calls).where(calls.c.id.in_(them)).values(ask_at=None))
        connection.execute(delete(results).where(results.c.call.in_(them)))
        unknown = {"status": ResultStatus.UNKNOWN, "source": EvidenceSource.GAVE_UP, "learned_at": now}
        connection.execute(
            insert(results),
            [{"call": row.id, "campaign": row.campaign, "events": [], **unknown} for row in found],
        )
        for run in {row.run for row in found}:
            stay = [
                Transition(row.id, CallState.QUEUED, CallState.QUEUED, _NO_RESULT)
                for row in found
                if row.run == run
            ]
            record_transitions(connection, stay, run=run, at=now)
        given_up += len(found)
    return given_up


def _next_time(now: float, patience: Patience) -> ColumnElement[int]:
    """The pause grows with the time that a result is overdue: one that did not come in an hour may not come
    in the next quarter of one. No call is passed over at the moment to give up.
    """
    overdue = (now - calls.c.end_timestamp) / 4
    longest = max(patience.every, _LONGEST_PAUSE_SECONDS)
    pause = case((overdue > longest, longest), (overdue > patience.every, overdue), else_=patience.every)
    last = calls.c.end_timestamp + patience.give_up
    return cast(case((and_(last > now, last < now + pause), last), else_=now + pause), Integer)
