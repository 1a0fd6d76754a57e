"""Revisions of a ledger: two are equal only where nothing changed in between."""

from typing import NamedTuple

from sqlalchemy import Connection, and_, func, select

from runner.calls import FINAL, CallState
from runner.ledger.tables import actions, attempts, imports, runs, transitions


class LedgerRevision(NamedTuple):
    """Of the whole ledger: the numbers of its newest rows; 0 for none. They only grow: nothing is deleted.
    An old copy of the ledger has a lower revision.
    """

    attempt: int
    """Of any run: without it, somebody who was called would be called again."""
    act: int
    """Of any operator: without it, a canceled campaign would go on."""


_NEWEST = select(
    select(func.max(attempts.c.id)).scalar_subquery(), select(func.max(actions.c.id)).scalar_subquery()
)


def ledger_revision(connection: Connection) -> LedgerRevision:
    attempt, act = connection.execute(_NEWEST).one()
    return LedgerRevision(attempt or 0, act or 0)


def campaign_revision(connection: Connection, campaign: str) -> str:
    """Of one campaign: differs once another run began, a call was added, sent, moved or skipped, or contacts
    were imported.

    Results come in at any time; they change it where a plan could have a call to the same person.
    """
    mine = select(runs.c.id).where(runs.c.campaign == campaign)
    run = connection.scalar(mine.order_by(runs.c.id.desc()).limit(1))
    imported = _newest_import(connection, campaign)
    and_imports = f"+{imported}" if imported else ""
    if run is None:
        return f"{NEVER_APPLIED}{and_imports}"
    # The newest first: they are mostly of the campaign that runs now.
    change = (
        select(transitions.c.id)
        .where(transitions.c.run.in_(mine), ~_CONCERNS_NO_PLAN)
        .order_by(transitions.c.id.desc())
    )
    return f"{run}.{connection.scalar(change.limit(1)) or 0}{and_imports}"


def has_imports_since(connection: Connection, campaign: str, revision: str) -> bool:
    """Whether contacts were imported since the campaign had this revision."""
    return _newest_import(connection, campaign) != int(revision.partition("+")[2] or 0)


def _newest_import(connection: Connection, campaign: str) -> int:
    """Its number; 0 for none."""
    newest = select(func.max(imports.c.id)).where(imports.c.campaign == campaign)
    return connection.scalar(newest) or 0


NEVER_APPLIED = "0.0"
"""The revision of a campaign that has no runs."""

# No plan has a call to somebody whose last call Insight has or may have.
_CONCERNS_NO_PLAN = and_(
    transitions.c.before.in_([CallState.QUEUED, CallState.UNCERTAIN, CallState.ABANDONED]),
    transitions.c.after.in_([CallState.QUEUED, *sorted(FINAL)]),
)
