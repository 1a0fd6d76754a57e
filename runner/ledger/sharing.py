"""The active runs of a campaign, and what they must agree on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from runner.errors import CampaignHeldError
from runner.ledger.lease import database_now
from runner.ledger.tables import runs

LiveRuns = Sequence[Row[*tuple[Any, ...]]]


def live_runs(connection: Connection, campaign: str) -> LiveRuns:
    """The runs of `campaign` that have not ended and whose lease holds, oldest first."""
    return connection.execute(
        select(runs)
        .where(
            runs.c.campaign == campaign,
            runs.c.ended_at.is_(None),
            runs.c.lease_until > database_now(connection),
        )
        .order_by(runs.c.id)
    ).all()


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
            f"--limit needs the campaign for itself, and it is being applied by {describe_runs(others)}",
            hint="leave --limit out to share the work, or wait until the others are through",
        )


def _describe(run: Row[*tuple[Any, ...]]) -> str:
    since = datetime.fromtimestamp(run.started_at, UTC)
    return f"process {run.pid} on {run.host}, since {since:%Y-%m-%d %H:%M:%S} UTC"
