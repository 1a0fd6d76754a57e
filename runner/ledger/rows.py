"""Ways of reading and writing rows that both databases share, and one that fills an empty SQLite ledger."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Engine, RowMapping, Table, select, text

from runner.calls import CallRequest
from runner.ledger.sqlite import ONLY_READS
from runner.ledger.tables import facts


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes nothing. With SQLite, others may write meanwhile, up to their commit."""
    with engine.execution_options(**{ONLY_READS: True}).begin() as connection:
        yield connection


_INDEXES = text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql <> ''")
"""As they stand in this file, whatever release of runner made them."""


@contextmanager
def bulk_load(connection: Connection, *tables: Table) -> Iterator[None]:
    """Inside the block, those of these tables that are empty have no indexes.

    All of it is part of the caller's transaction. Rows that break a unique index are found at the end of the
    block, and undo everything as they would have before.
    """
    if connection.dialect.name != "sqlite":
        # Elsewhere it would keep everybody out of the tables.
        yield
        return
    indexes = [
        index
        for table in tables
        if connection.scalar(select(text("1")).select_from(table).limit(1)) is None
        for index in connection.execute(_INDEXES, {"name": table.name})
    ]
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        connection.exec_driver_sql(definition)


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


def fact(connection: Connection, name: str) -> str | None:
    return connection.scalar(select(facts.c.value).where(facts.c.name == name))


def stored_fact(engine: Engine, name: str, first: str) -> str:
    """The value that the ledger stores under this name; `first` is stored where there is none."""
    # It is asked for often, also at low priority: nobody who writes waits for that.
    with reading(engine) as connection:
        stored = fact(connection, name)
    if stored is not None:
        return stored
    with engine.begin() as connection:
        insert_once(connection, facts, name=name, value=first)
        # Another process may have stored it first.
        return fact(connection, name) or first


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
