"""The right of a run to send, which it must renew: a run that dies, hangs or sleeps loses it.

Several runs may share a campaign on PostgreSQL, where they agree on its file, contacts and lists. Each holds
a lease in its row of `runs`, by the database's clock. A run whose lease has passed may be declared dead by
any other, and by those of the same machine as soon as its process has ended; whether its calls reached
Insight is unknown then, and they become uncertain. Before each send the run looks at its own lease by a clock
that also counts while the machine sleeps, from the moment before it asked for the renewal: so it stops
sending before anybody may take over.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
    update,
)

from runner.calls import CallState, ReasonCode, StateReason
from runner.errors import CampaignHeldError
from runner.ledger import postgresql
from runner.ledger.process_ids import has_ended
from runner.ledger.results import settle_held
from runner.ledger.revision import LedgerRevision, ledger_revision
from runner.ledger.tables import attempts, calls, campaigns, runs
from runner.ledger.transitions import Transition, move_calls

LEASE_SECONDS = 15
RENEW_SECONDS = 4
"""Often enough that two renewals may fail before the lease passes."""
_MARGIN_SECONDS = 2
# Linux' monotonic clock stops in suspend, its boot-time clock does not; macOS' monotonic one goes on.
_CLOCK_THROUGH_SLEEP = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_ORPHANED = StateReason(ReasonCode.SENDER_DIED)
LOST = "lost"
"""The ending of a run that was declared dead."""
_OF_CAMPAIGN = runs.c.campaign == bindparam("of_campaign")
_MAY_BE_ORPHANED = select(
    or_(
        exists(runs.c.id).where(_OF_CAMPAIGN, runs.c.ended_at.is_(None), runs.c.id != bindparam("mine")),
        exists(calls.c.id)
        .where(calls.c.campaign == bindparam("of_campaign"), calls.c.state == CallState.SENDING)
        .where(calls.c.run.in_(select(runs.c.id).where(_OF_CAMPAIGN, runs.c.ended_at.is_not(None)))),
    )
)
"""Whether another run goes on, or one that has ended left a call that it was sending."""


def mark_orphaned_calls(
    connection: Connection, campaign: str, *, alone: bool, survivor: int | None = None
) -> int:
    """Declares runs dead whose lease has passed or whose process has ended, and marks what they were sending
    as uncertain.

    Returns how many calls that were. `alone` says that no other process can hold the campaign, so every run
    but `survivor` is dead, whatever its lease says.
    """
    others = {"mine": survivor or 0, "of_campaign": campaign}
    if not connection.scalar(_MAY_BE_ORPHANED, others):
        # Every run asks every few seconds.
        return 0
    if connection.dialect.name == "postgresql":
        postgresql.end_overdue_transactions(connection)
    now = database_now(connection)
    is_dead: ColumnElement[bool] = (
        true() if alone else or_(runs.c.lease_until <= now, runs.c.id.in_(_ended(connection, campaign)))
    )
    # Where no other process can hold the campaign, this run's process is certainly gone: no grace is needed.
    gone = {"lease_until": 0} if alone else {}
    # A process that stops in the middle of a transaction locks its rows; the server ends that soon.
    dead = (
        select(runs.c.id)
        .where(
            runs.c.campaign == campaign,
            runs.c.ended_at.is_(None),
            runs.c.id != (survivor if survivor is not None else 0),
            is_dead,
        )
        # Less than a full lock: rows that only refer to a run must not make it look alive.
        .with_for_update(skip_locked=True, key_share=True)
    )
    connection.execute(update(runs).where(runs.c.id.in_(dead)).values(ended_at=now, ending=LOST, **gone))
    ended = select(runs.c.id).where(runs.c.campaign == campaign, runs.c.ended_at.is_not(None))
    left = (
        select(calls.c.id, calls.c.run)
        .where(
            calls.c.campaign == campaign,
            calls.c.state == CallState.SENDING,
            calls.c.run.in_(ended),
        )
        .with_for_update(skip_locked=True)
    )
    stuck = connection.execute(left).all()
    if not stuck:
        return 0
    for row in stuck:
        orphaned = Transition(row.id, CallState.SENDING, CallState.UNCERTAIN, _ORPHANED)
        move_calls(connection, [orphaned], run=row.run, at=now)
    connection.execute(
        update(attempts)
        .where(attempts.c.call.in_([row.id for row in stuck]), attempts.c.finished_at.is_(None))
        .values(finished_at=now, outcome=CallState.UNCERTAIN, reason=_ORPHANED)
    )
    settle_held(connection, [row.id for row in stuck], now)
    return len(stuck)


def _ended(connection: Connection, campaign: str) -> list[int]:
    """The runs whose processes have ended, though they do not say so."""
    unended = select(runs.c.id, runs.c.pid, runs.c.pid_space).where(
        runs.c.campaign == campaign, runs.c.ended_at.is_(None)
    )
    return [run.id for run in connection.execute(unended) if has_ended(run.pid, run.pid_space)]


LiveRuns = Sequence[Row[*tuple[Any, ...]]]


def live_runs(connection: Connection, campaign: str) -> LiveRuns:
    """The runs of `campaign` that have not ended and whose lease holds, oldest first."""
    mine = select(runs).where(runs.c.campaign == campaign)
    return _alive(connection, mine.order_by(runs.c.id), database_now(connection))


def _alive(connection: Connection, query: Select[Any], now: float) -> LiveRuns:
    found = connection.execute(query.where(runs.c.ended_at.is_(None), runs.c.lease_until > now))
    return [run for run in found if not has_ended(run.pid, run.pid_space)]


def wait_for_renewals(connection: Connection, campaign: str) -> None:
    """Waits until no run is in the middle of renewing its lease: read before, the lease would seem passed."""
    unended = select(runs.c.id).where(runs.c.campaign == campaign, runs.c.ended_at.is_(None))
    # Less than a full lock: what a run records of its calls only refers to its row, and need not wait.
    connection.execute(unended.with_for_update(key_share=True)).all()


def describe_runs(found: LiveRuns) -> str | None:
    """For people: which processes, where, since when. None for no run."""
    return "; ".join(_describe(run) for run in found) or None


def check_same_campaign(others: LiveRuns, inputs: str, *, limited: bool) -> None:
    """Raises CampaignHeldError when a new run does not fit the active ones."""
    if any(run.inputs != inputs for run in others):
        raise CampaignHeldError(
            f"the campaign is being applied from another version of its file by {describe_runs(others)}",
            hint="stop it there with Ctrl-C first, or use the same version here",
        )
    if limited:
        raise CampaignHeldError(
            f"--limit cannot be used while the campaign is being applied by {describe_runs(others)}",
            hint="leave --limit out to share the work, or wait until the others have finished",
        )


def _describe(run: Row[*tuple[Any, ...]]) -> str:
    since = datetime.fromtimestamp(run.started_at, UTC)
    return f"process {run.pid} on {run.host}, since {since:%Y-%m-%d %H:%M:%S} UTC"


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
            orphaned = mark_orphaned_calls(connection, self._campaign, alone=self._alone, survivor=self._run)
            sharers = self._sharers(connection, now)
            reached = ledger_revision(connection)
        self._renewed_at = asked_at
        return Renewal(clock_ahead=now - local, sharers=sharers, orphaned=orphaned, ledger_revision=reached)

    def holds(self) -> bool:
        """Whether the run may still send, as far as this process can know by itself."""
        return _now_through_sleep() < self._renewed_at + LEASE_SECONDS - _MARGIN_SECONDS

    def _sharers(self, connection: Connection, now: float) -> int:
        account = select(campaigns.c.account).where(campaigns.c.name == self._campaign).scalar_subquery()
        of_account = (
            select(runs.c.pid, runs.c.pid_space, func.count().label("number"))
            .join(campaigns)
            .where(campaigns.c.account == account)
            .group_by(runs.c.pid, runs.c.pid_space)
        )
        return sum(process.number for process in _alive(connection, of_account, now))


def declared_dead() -> CampaignHeldError:
    """What a run learns that renews or claims after another one declared it dead."""
    return CampaignHeldError(
        "this process was suspended for so long that another one took over the campaign",
        hint="nothing was sent since; `runner status` shows who applies it now",
    )


def database_now(connection: Connection) -> float:
    """The clock that all runs of a ledger share, in UTC Unix seconds; SQLite's is this machine's."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
    return time.time()


def _now_through_sleep() -> float:
    return time.clock_gettime(_CLOCK_THROUGH_SLEEP)
