"""From rows of the ledger to values of the plan, and ways of writing that both databases share."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, RowMapping, Table

from runner.calls import CallRequest

_ROWS_AT_ONCE = 5_000
"""Enough that the steps between them do not count, few enough that they take little memory."""
_NAMED_AT_ONCE = 400
"""Old releases of SQLite take 999 values in a statement."""

_T = TypeVar("_T")


def insert_once(connection: Connection, table: Table, **values: object) -> None:
    """Inserts a row unless another process did so first."""
    # Only one of the two is ever loaded: that of PostgreSQL is large.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())


def write_many(connection: Connection, statement: str, rows: Iterable[tuple[object, ...]]) -> int:
    """Executes a statement once for each row of values, and returns how many rows of the table that changed.

    It has a `?` for each value, and no other. A million calls are written this way: SQLAlchemy's own lists of
    parameters take longer to make than the database takes to write them. Values must be those that both
    drivers know: JSON comes as text.
    """
    statement = _in_dialect(connection, statement)
    changed = 0
    remaining = iter(rows)
    while some := list(islice(remaining, _ROWS_AT_ONCE)):
        changed += connection.exec_driver_sql(statement, some).rowcount
    return changed


def execute_plain(connection: Connection, statement: str, values: tuple[object, ...]) -> int:
    """Executes a statement, written as for `write_many`, once; returns how many rows it changed."""
    return connection.exec_driver_sql(_in_dialect(connection, statement), values).rowcount


def _in_dialect(connection: Connection, statement: str) -> str:
    return statement if connection.dialect.paramstyle == "qmark" else statement.replace("?", "%s")


def some_at_a_time(all_of_them: Iterable[_T], most: int = _NAMED_AT_ONCE) -> Iterator[list[_T]]:
    """As many as one statement may name; fewer where it says more of each."""
    remaining = iter(all_of_them)
    while some := list(islice(remaining, most)):
        yield some


def call_request(row: RowMapping) -> CallRequest:
    """What Insight is asked to do for the call in this row of `calls`."""
    return CallRequest(
        phone_number=row["phone_number"],
        max_attempts=row["max_attempts"],
        reattempt_wait=row["reattempt_wait"],
        metadata=row["metadata"],
        result_url=row["result_url"],
    )
