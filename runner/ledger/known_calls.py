"""The calls of one campaign, as a plan compares them with its own."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Text, bindparam, case, cast, func, select

from runner.calls import CallState
from runner.ledger import store
from runner.ledger.rows import reading
from runner.ledger.sqlite import BUSY_TIMEOUT_SECONDS
from runner.ledger.states import availability
from runner.ledger.tables import calls, results
from runner.planning.plan import KnownCall

_IDS_AT_ONCE = 5_000
"""Few enough that a run which sends calls meanwhile is not kept waiting."""


def _if_compared(column: ColumnElement[Any]) -> ColumnElement[str]:
    """As text, and only of calls that a plan may write over: there may be a million others."""
    return case(
        dict.fromkeys((CallState.PLANNED, CallState.REFUSED), cast(column, Text)),
        value=calls.c.state,
        else_="",
    )


_KNOWN_CALL = (
    calls.c.contact,
    calls.c.phone,
    calls.c.round,
    case({state: availability(state) for state in CallState}, value=calls.c.state),
    _if_compared(calls.c.timezones),
    calls.c.start_timestamp,
    calls.c.end_timestamp,
    _if_compared(calls.c.phone_number),
    calls.c.max_attempts,
    calls.c.reattempt_wait,
    _if_compared(calls.c.metadata),
    _if_compared(calls.c.result_url),
    calls.c.state,
    cast(calls.c.reason, Text),
    results.c.status,
    results.c.last_attempt_timestamp,
)
"""The fields of KnownCall."""
_SOME = (
    select(*_KNOWN_CALL)
    .select_from(calls.outerjoin(results, results.c.call == calls.c.id))
    .where(
        calls.c.id.between(bindparam("first"), bindparam("last")),
        # No index has this: by that of the campaign, SQLite would go through all its calls for some of them.
        calls.c.campaign.concat("") == bindparam("of_campaign"),
    )
    .order_by(calls.c.id)
)


class LedgerCalls:
    """The calls of one campaign, oldest first, read again each time.

    They are read some at a time, each in a transaction of its own: a reader that stops half-way does not
    keep others from writing. What others write meanwhile changes the campaign's revision.
    """

    def __init__(self, engine: Engine, campaign: str) -> None:
        self._engine = engine
        self._campaign = campaign

    def __iter__(self) -> Iterator[KnownCall]:
        return map(KnownCall._make, self._rows())

    def copy_to(self, database: sqlite3.Connection, insert: str) -> None:
        """Has `insert`, a statement without its values, store the fields of each."""
        if self._engine.dialect.name == "sqlite":
            self._copy_file_to(database, insert)
        else:
            values = ", ".join("?" * len(_KNOWN_CALL))
            database.executemany(f"{insert} VALUES ({values})", map(tuple, self._rows()))

    def _copy_file_to(self, database: sqlite3.Connection, insert: str) -> None:
        """As one SQLite database to another: through Python it would take five times as long."""
        some = _SOME.compile(self._engine)
        path = self._engine.url.database
        with store.explained_errors(str(path)):
            database.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
            database.execute("ATTACH ? AS ledger", (path,))
            for bounds in self._bounds():
                values = some.construct_params(bounds)
                database.execute(f"{insert} {some}", [values[name] for name in some.positiontup or ()])
            database.execute("DETACH ledger")

    def _rows(self) -> Iterator[Row[Any]]:
        for bounds in self._bounds():
            with reading(self._engine) as connection:
                found = connection.execute(_SOME, bounds).all()
            yield from found

    def _bounds(self) -> Sequence[dict[str, object]]:
        """The parameters that select some of them, for all together."""
        block = calls.c.id // _IDS_AT_ONCE
        query = (
            select(func.min(calls.c.id), func.max(calls.c.id))
            .where(calls.c.campaign == self._campaign)
            .group_by(block)
            .order_by(block)
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).all()
        return [{"of_campaign": self._campaign, "first": first, "last": last} for first, last in found]
