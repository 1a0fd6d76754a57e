"""Every call of a campaign with how it ended, read a part at a time: for exports and reports."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, func, select, tuple_

from runner.calls import FINAL, CallState, ResultStatus, StateReason
from runner.ledger.tables import calls, results

_AT_ONCE = 5_000
_DIALING = "dialing"


class CallRow(NamedTuple):
    """One call. Times are UTC Unix seconds.

    `dials` holds the dials whose time is known, oldest first; `attempts` is Insight's own count, and None
    while there is no result.
    """

    contact: str
    """The contact's key."""
    ref: str
    phone: str
    round: int
    state: CallState
    result: ResultStatus | None
    call_id: str | None
    queue_at: int
    start: int
    end: int
    dials: tuple[int, ...]
    attempts: int | None
    zones: tuple[str, ...]
    reason: StateReason


_ROWS = select(
    calls.c.id,
    calls.c.contact,
    calls.c.ref,
    calls.c.phone,
    calls.c.round,
    calls.c.state,
    calls.c.call_id,
    calls.c.queue_at,
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    calls.c.timezones,
    calls.c.reason,
    results.c.status,
    results.c.attempts,
    results.c.first_dial,
    results.c.last_attempt_timestamp,
    results.c.events,
).select_from(calls.outerjoin(results, results.c.call == calls.c.id))
_ORDER = (calls.c.contact, calls.c.round, calls.c.id)


def result_rows(engine: Engine, campaign: str) -> Iterator[CallRow]:
    """Contact by contact, and each contact's calls by round.

    Each part is read in a transaction of its own: a run that sends calls meanwhile must be able to write.
    """
    some = _ROWS.where(calls.c.campaign == campaign).order_by(*_ORDER).limit(_AT_ONCE)
    rows = _read(engine, some)
    while rows:
        yield from map(_call, rows)
        last = rows[-1]
        # The first condition alone finds the place in the index, on both databases.
        after = (
            calls.c.contact >= last.contact,
            tuple_(*_ORDER) > (last.contact, last.round, last.id),
        )
        rows = _read(engine, some.where(*after)) if len(rows) == _AT_ONCE else []


def first_start(engine: Engine, campaign: str) -> int | None:
    """The earliest start of a call that Insight has; None while it has none."""
    of_insight = (calls.c.campaign == campaign, calls.c.call_id.is_not(None))
    with engine.begin() as connection:
        found: int | None = connection.scalar(select(func.min(calls.c.start_timestamp)).where(*of_insight))
    return found


def _read(engine: Engine, some: Any) -> list[Row[*tuple[Any, ...]]]:  # noqa: ANN401 - a select of many columns
    with engine.begin() as connection:
        return list(connection.execute(some))


def _call(row: Row[*tuple[Any, ...]]) -> CallRow:
    state = CallState(row.state)
    return CallRow(
        contact=row.contact,
        ref=row.ref,
        phone=row.phone,
        round=row.round,
        state=state,
        result=_result(state, row.status),
        call_id=row.call_id,
        queue_at=row.queue_at,
        start=row.start_timestamp,
        end=row.end_timestamp,
        dials=_dials(row),
        attempts=row.attempts,
        zones=tuple(row.timezones),
        reason=row.reason,
    )


def _result(state: CallState, status: str | None) -> ResultStatus | None:
    if status is not None:
        return ResultStatus(status)
    return ResultStatus(state) if state in FINAL else None


def _dials(row: Row[*tuple[Any, ...]]) -> tuple[int, ...]:
    """From the events; where Insight gave none, the first and the last dial at least."""
    dialled = {event["timestamp"] for event in row.events or () if event["event"] == _DIALING}
    return tuple(sorted(dialled or {row.first_dial, row.last_attempt_timestamp} - {None}))
