"""How often each number was or may be dialled, over all campaigns of the ledger."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
)

from runner.calls import MAY_BE_DIALLED, CallState
from runner.campaign.rules.rule_set import Cap
from runner.ledger.rows import reading, some_at_a_time
from runner.ledger.tables import LIVE, calls, results
from runner.planning.contact_limits import Dials

_AT_ONCE = 5_000
_NEVER_SENT = (CallState.PLANNED, CallState.SKIPPED, CallState.REFUSED)
_SENT = calls.c.state.not_in(_NEVER_SENT)
_COLUMNS = (
    calls.c.id,
    calls.c.campaign,
    calls.c.phone,
    calls.c.state,
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    calls.c.max_attempts,
    results.c.attempts,
    results.c.first_dial,
    results.c.last_attempt_timestamp,
)
_WITH_RESULTS = calls.outerjoin(results, results.c.call == calls.c.id)
_TO_NUMBERS = (
    select(*_COLUMNS)
    .select_from(_WITH_RESULTS)
    .where(calls.c.phone.in_(bindparam("numbers", expanding=True)), _SENT)
)


def dials(
    engine: Engine, campaign: str, caps: Collection[Cap], now: float, numbers: Iterable[str]
) -> Iterator[tuple[str, Dials]]:
    """(number, dials) of each call to these numbers that limits a plan of this campaign as of `now` (UTC Unix
    seconds): all that count for one of the caps, and those of other campaigns that may be dialled yet.
    """
    query = select(*_COLUMNS).select_from(_WITH_RESULTS).where(LIVE, _counted(campaign, caps, now))
    rows = _read(engine, query.limit(_AT_ONCE))
    if len(rows) < _AT_ONCE:
        yield from ((row["phone"], _dials(row, campaign)) for row in rows)
        return
    # Other campaigns may have many more calls than this one has contacts.
    for some in some_at_a_time(numbers, _AT_ONCE):
        for row in _read(engine, query.where(calls.c.phone.in_(some)).order_by(calls.c.id)):
            yield row["phone"], _dials(row, campaign)


def _read(engine: Engine, query: Select[Any]) -> Sequence[RowMapping]:
    """All at once: a reader that stops half-way would keep others from writing."""
    with reading(engine) as connection:
        return connection.execute(query).mappings().all()


def _counted(campaign: str, caps: Iterable[Cap], now: float) -> ColumnElement[bool]:
    periods = [cap.per_seconds for cap in caps]
    since = int(now) - max((period for period in periods if period is not None), default=0)
    # A call whose result is known is over, whatever its slot was.
    states = calls.c.state.in_((*MAY_BE_DIALLED, CallState.PLANNED))
    if periods:
        states = calls.c.state.not_in((CallState.SKIPPED, CallState.REFUSED))
    others = and_(calls.c.campaign != campaign, states, calls.c.end_timestamp > since)
    if not periods:
        return others
    own = and_(calls.c.campaign == campaign, _SENT)
    return or_(others, own if None in periods else and_(own, calls.c.end_timestamp > since))


def dials_of(
    connection: Connection, campaign: str, numbers: Collection[str]
) -> Mapping[str, list[tuple[int, Dials]]]:
    """For each of these numbers, every call that was sent or may have been, each with its id. A
    transaction that asks about one of them later waits until this one ends.
    """
    if connection.dialect.name == "postgresql":
        _take_turns(connection, numbers)
    found: dict[str, list[tuple[int, Dials]]] = {}
    for some in some_at_a_time(sorted(numbers)):
        for row in connection.execute(_TO_NUMBERS, {"numbers": some}).mappings():
            found.setdefault(row["phone"], []).append((row["id"], _dials(row, campaign)))
    return found


def _take_turns(connection: Connection, numbers: Collection[str]) -> None:
    """SQLite has one writer at a time. In one order, so that two claims never wait for each other."""
    number = func.unnest(cast(sorted(numbers), ARRAY(Text))).column_valued("number")
    keys = select(func.hashtextextended(number, 0).label("key")).distinct().order_by("key").subquery()
    connection.execute(select(func.pg_advisory_xact_lock(keys.c.key))).all()


def _dials(row: RowMapping, campaign: str) -> Dials:
    """Until a result tells how often and when it was dialled: as often as it may be, over its whole slot."""
    first, last, number = row["start_timestamp"], row["end_timestamp"], row["max_attempts"]
    if row["state"] not in MAY_BE_DIALLED and row["attempts"] is not None:
        number = row["attempts"]
        if row["first_dial"] is not None and row["last_attempt_timestamp"] is not None:
            first, last = sorted((row["first_dial"], row["last_attempt_timestamp"]))
    return Dials(first=first, last=last, number=number, is_own=row["campaign"] == campaign)
