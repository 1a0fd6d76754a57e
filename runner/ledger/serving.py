"""What `serve` asks the ledger about each of its campaigns every few seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from runner.calls import CallState
from runner.ledger.approvals import Approval, approval_of
from runner.ledger.operators import CampaignState, pause_info
from runner.ledger.rows import reading
from runner.ledger.tables import calls


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """Of one campaign. Times are UTC Unix seconds."""

    state: CampaignState = CampaignState.ACTIVE
    """What operators allow."""
    stopped: str = ""
    """The problem that paused it, until a person resumes it; empty where none did."""
    next_due: int | None = None
    """When the next planned call is to be sent; None where none is planned."""
    is_sending: bool = False
    approval: Approval | None = None
    """The newest, of whatever content."""


def ledger_facts(engine: Engine, names: Iterable[str]) -> Mapping[str, LedgerFacts]:
    """Of each of these campaigns, also of those that the ledger does not know."""
    with reading(engine) as connection:
        return {name: _facts(connection, name) for name in names}


def _facts(connection: Connection, name: str) -> LedgerFacts:
    mine = calls.c.campaign == name
    next_due = select(func.min(calls.c.queue_at)).where(mine, calls.c.state == CallState.PLANNED)
    sending = select(calls.c.id).where(mine, calls.c.state == CallState.SENDING).limit(1)
    paused = pause_info(connection, name)
    return LedgerFacts(
        state=CampaignState.ACTIVE if paused is None else paused.state,
        stopped="" if paused is None else paused.problem,
        next_due=connection.scalar(next_due),
        is_sending=connection.scalar(sending) is not None,
        approval=approval_of(connection, name),
    )
