"""How far the memory of a ledger reaches: what a copy that was made earlier has less of."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from runner.ledger.tables import actions, attempts


class LedgerRevision(NamedTuple):
    """The numbers of the newest of each; 0 for none. They only grow, as nothing is ever deleted."""

    attempt: int
    """Of any run: whoever it called must not be called again."""
    act: int
    """Of any operator: a campaign that was canceled stays canceled."""


def ledger_revision(connection: Connection) -> LedgerRevision:
    return LedgerRevision(
        attempt=connection.scalar(select(func.max(attempts.c.id))) or 0,
        act=connection.scalar(select(func.max(actions.c.id))) or 0,
    )
