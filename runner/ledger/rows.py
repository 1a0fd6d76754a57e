"""From rows of the ledger to values of the plan, and one way of writing that both databases share."""

from importlib import import_module

from sqlalchemy import Connection, RowMapping, Table

from runner.planning.plan import CallRequest


def insert_once(connection: Connection, table: Table, **values: object) -> None:
    """Inserts a row unless another process did so first."""
    # Only one of the two is ever loaded: that of PostgreSQL is large.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    connection.execute(dialect.insert(table).values(**values).on_conflict_do_nothing())


def call_request(row: RowMapping) -> CallRequest:
    """What Insight is asked to do for the call in this row of `calls`."""
    return CallRequest(
        phone_number=row["phone_number"],
        max_attempts=row["max_attempts"],
        reattempt_wait=row["reattempt_wait"],
        metadata=row["metadata"],
        result_url=row["result_url"],
    )
