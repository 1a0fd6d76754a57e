"""The right of a run to send, which it must renew: a run that dies, hangs or sleeps loses it.

Several runs may share a campaign on PostgreSQL. Each holds a lease in its row of `runs`, by the database's
clock. A run whose lease has passed may be declared dead by any other; what it was sending is then uncertain.
Before each send the run looks at its own lease by a clock that also counts while the machine sleeps, from the
moment before it asked for the renewal: so it stops sending before anybody may take over.
"""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select, update

from runner.errors import CampaignHeldError
from runner.ledger.orphaned_calls import mark_orphaned_calls
from runner.ledger.revision import LedgerRevision, ledger_revision
from runner.ledger.tables import campaigns, runs

LEASE_SECONDS = 15
RENEW_SECONDS = 4
"""Often enough that two renewals may fail before the lease passes."""
_MARGIN_SECONDS = 2
# Linux' monotonic clock stops in suspend, its boot-time clock does not; macOS' monotonic one goes on.
_CLOCK_THROUGH_SLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a run learns when it renews its lease."""

    clock_ahead: float
    """The database's clock less this machine's, in seconds."""
    sharers: int
    """How many runs send from this ledger for the same account now, this one included."""
    orphaned: int
    """How many calls were found that a dead run was sending: they are uncertain now."""
    ledger_revision: LedgerRevision
    """How far the ledger's memory reaches."""


class Lease:
    """The lease of one run. `alone` says that the campaign cannot have another run (SQLite)."""

    def __init__(self, engine: Engine, campaign: str, run: int, *, alone: bool) -> None:
        self._engine = engine
        self._campaign = campaign
        self._run = run
        self._alone = alone
        # `begin_run` gave the lease a moment ago; a renewal at the start makes sure.
        self._renewed_at = float("-inf")

    def renew(self) -> Renewal:
        """Holds the campaign for LEASE_SECONDS from now, and marks calls of runs that died as uncertain.

        Raises CampaignHeldError when another run declared this one dead.
        """
        asked_at = _now_through_sleep()
        with self._engine.begin() as connection:
            local = time.time()
            now = database_now(connection)
            renewed = connection.execute(
                update(runs)
                .where(runs.c.id == self._run, runs.c.ended_at.is_(None))
                .values(lease_until=now + LEASE_SECONDS)
            )
            if renewed.rowcount != 1:
                raise declared_dead()
            orphaned = mark_orphaned_calls(
                connection, self._campaign, now, alone=self._alone, survivor=self._run
            )
            sharers = self._sharers(connection, now)
            reached = ledger_revision(connection)
        self._renewed_at = asked_at
        return Renewal(clock_ahead=now - local, sharers=sharers, orphaned=orphaned, ledger_revision=reached)

    def holds(self) -> bool:
        """Whether the run may still send, as far as this process can know by itself."""
        return _now_through_sleep() < self._renewed_at + LEASE_SECONDS - _MARGIN_SECONDS

    def _sharers(self, connection: Connection, now: float) -> int:
        account = select(campaigns.c.account).where(campaigns.c.name == self._campaign).scalar_subquery()
        query = (
            select(func.count())
            .select_from(runs.join(campaigns, runs.c.campaign == campaigns.c.name))
            .where(campaigns.c.account == account, runs.c.ended_at.is_(None), runs.c.lease_until > now)
        )
        return connection.execute(query).scalar_one()


def declared_dead() -> CampaignHeldError:
    """What a run learns that renews or claims after another one declared it dead."""
    return CampaignHeldError(
        "this process was stopped for so long that another one took over the campaign",
        hint="nothing was sent since; `runner status` shows who applies it now",
    )


def database_now(connection: Connection) -> float:
    """The clock that all runs of a ledger share, in UTC Unix seconds; SQLite's is this machine's."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
    return time.time()


def _now_through_sleep() -> float:
    return time.clock_gettime(_CLOCK_THROUGH_SLEEP)
