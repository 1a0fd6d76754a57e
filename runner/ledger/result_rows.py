"""Every call of a campaign, read a part at a time: for exports and reports with how it ended."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Row, Text, and_, cast, false, func, select, tuple_

from runner.calls import FINAL, CallState, ResultStatus, StateReason
from runner.ledger.rows import reading
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
    # As text: most contacts share a few.
    cast(calls.c.timezones, Text),
    calls.c.reason,
    results.c.status,
    results.c.attempts,
    results.c.first_dial,
    results.c.last_attempt_timestamp,
    results.c.events,
).select_from(calls.outerjoin(results, results.c.call == calls.c.id))
_ORDER = (calls.c.contact, calls.c.round, calls.c.id)


def result_rows(engine: Engine, campaign: str, *, only_ended: bool = False) -> Iterator[CallRow]:
    """Contact by contact, and each contact's calls by round; with `only_ended`, those with a final state.

    Each part is read in a transaction of its own: a run that sends calls meanwhile must be able to write.
    """
    some = _ROWS.where(calls.c.campaign == campaign).order_by(*_ORDER).limit(_AT_ONCE)
    if only_ended:
        some = some.where(calls.c.state.in_(FINAL))
    rows = _read(engine, some)
    while rows:
        yield from map(_call, rows)
        rows = _read(engine, some.where(_after(rows[-1]))) if len(rows) == _AT_ONCE else []


_LISTED = select(
    calls.c.id,
    calls.c.contact,
    calls.c.ref,
    calls.c.round,
    calls.c.state,
    calls.c.updated_at,
    calls.c.reason,
    calls.c.fence,
    calls.c.call_id,
    calls.c.queue_at,
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    calls.c.timezones,
)


def listed_calls(
    engine: Engine, campaign: str, state: CallState | None, after: int | None, most: int
) -> list[Row[*tuple[Any, ...]]]:
    """Up to `most` calls as they are now, in the order of their keys: those after the call with this id, or
    the first.
    """
    some = _LISTED.where(calls.c.campaign == campaign).order_by(*_ORDER).limit(most)
    if state is not None:
        some = some.where(calls.c.state == state)
    with reading(engine) as connection:
        if after is not None:
            last = connection.execute(select(*_ORDER).where(calls.c.id == after)).one_or_none()
            some = some.where(false() if last is None else _after(last))
        return list(connection.execute(some))


def _after(last: Row[*tuple[Any, ...]]) -> ColumnElement[bool]:
    # The first condition alone finds the place in the index, on both databases.
    return and_(calls.c.contact >= last.contact, tuple_(*_ORDER) > (last.contact, last.round, last.id))


def first_start(engine: Engine, campaign: str) -> int | None:
    """The earliest start of a call that Insight has; None while it has none."""
    of_insight = (calls.c.campaign == campaign, calls.c.call_id.is_not(None))
    with reading(engine) as connection:
        found: int | None = connection.scalar(select(func.min(calls.c.start_timestamp)).where(*of_insight))
    return found


def _read(engine: Engine, some: Any) -> list[Row[*tuple[Any, ...]]]:  # noqa: ANN401 - a select of many columns
    with reading(engine) as connection:
        return list(connection.execute(some).all())


def _call(row: Row[*tuple[Any, ...]]) -> CallRow:
    # By place: by name, a million rows take seconds longer.
    _, *of_call, zones, reason, status, attempts, first, last, events = row
    state = CallState(of_call[4])
    of_call[4:5] = (state, _result(state, status))
    return CallRow._make((*of_call, _dials(events, first, last), attempts, _zones(zones), reason))


@lru_cache(maxsize=1024)
def _zones(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


def _result(state: CallState, status: str | None) -> ResultStatus | None:
    if status is not None:
        return ResultStatus(status)
    return ResultStatus(state) if state in FINAL else None


def _dials(
    events: Sequence[Mapping[str, Any]] | None, first: int | None, last: int | None
) -> tuple[int, ...]:
    """From the events; where Insight gave none, the first and the last dial at least."""
    dialled = {event["timestamp"] for event in events or () if event["event"] == _DIALING}
    return tuple(sorted(dialled or {known for known in (first, last) if known is not None}))
