"""What `serve` asks the ledger about each of its campaigns every few seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, bindparam, func, select

from runner.calls import CallState
from runner.ledger.approvals import Approval, approvals_of
from runner.ledger.operators import CampaignState, problems_of
from runner.ledger.rows import reading, some_at_a_time
from runner.ledger.tables import calls, campaigns


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


_mine = calls.c.campaign == campaigns.c.name
_next_due = select(func.min(calls.c.queue_at)).where(_mine, calls.c.state == CallState.PLANNED)
_sending = select(calls.c.id).where(_mine, calls.c.state == CallState.SENDING)
_KNOWN = select(
    campaigns.c.name,
    campaigns.c.state,
    _next_due.scalar_subquery().label("next_due"),
    _sending.exists().label("is_sending"),
).where(campaigns.c.name.in_(bindparam("names", expanding=True)))


def ledger_facts(engine: Engine, names: Iterable[str]) -> Mapping[str, LedgerFacts]:
    """Of each of these campaigns, also of those that the ledger does not know."""
    facts: dict[str, LedgerFacts] = {}
    with reading(engine) as connection:
        for some in some_at_a_time(names):
            facts |= _facts(connection, some)
    return facts


def _facts(connection: Connection, names: Sequence[str]) -> Mapping[str, LedgerFacts]:
    """In few statements: a statement costs more than what it finds of one campaign."""
    given = approvals_of(connection, names)
    facts = {name: LedgerFacts(approval=given.get(name)) for name in names}
    known = connection.execute(_KNOWN, {"names": names}).all()
    paused = [row.name for row in known if row.state == CampaignState.PAUSED]
    problems = problems_of(connection, paused) if paused else {}
    for row in known:
        facts[row.name] = replace(
            facts[row.name],
            state=CampaignState(row.state),
            stopped=problems.get(row.name, ""),
            next_due=row.next_due,
            is_sending=row.is_sending,
        )
    return facts
