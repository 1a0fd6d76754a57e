"""Counts of all campaigns together, for machines that watch them: a few queries, however many there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, and_, func, select

from runner.calls import PROBLEMS, CallState
from runner.ledger.operators import CampaignState
from runner.ledger.rows import reading
from runner.ledger.tables import attempts, calls, campaigns


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of one campaign, all rounds together."""

    state: CampaignState = CampaignState.ACTIVE
    """What operators allow."""
    states: Mapping[CallState, int] = field(default_factory=dict)
    """Each state that has calls."""
    next_due: int | None = None
    """When the next planned call is to be sent, in UTC Unix seconds."""
    awaited: int = 0
    """Queued calls whose results are awaited."""
    unacknowledged: int = 0
    """Refused and uncertain calls that no operator has acknowledged."""


_COUNTED = select(
    calls.c.campaign, calls.c.state, func.count().label("calls"), func.min(calls.c.queue_at).label("first")
).group_by(calls.c.campaign, calls.c.state)
_AWAITED = (
    select(calls.c.campaign, func.count().label("calls"))
    .where(calls.c.ask_at.is_not(None))
    .group_by(calls.c.campaign)
)
_UNACKNOWLEDGED = (
    select(calls.c.campaign, func.count().label("calls"))
    .outerjoin(attempts, and_(attempts.c.call == calls.c.id, attempts.c.fence == calls.c.fence))
    .where(calls.c.state.in_(PROBLEMS), attempts.c.acknowledged_at.is_(None))
    .group_by(calls.c.campaign)
)


def totals(engine: Engine) -> Mapping[str, Totals]:
    """Of every campaign that the ledger knows."""
    with reading(engine) as connection:
        states: dict[str, dict[CallState, int]] = {}
        due: dict[str, int] = {}
        for row in connection.execute(_COUNTED):
            state = CallState(row.state)
            states.setdefault(row.campaign, {})[state] = row.calls
            if state is CallState.PLANNED:
                due[row.campaign] = row.first
        awaited = {row.campaign: row.calls for row in connection.execute(_AWAITED)}
        unacknowledged = _unacknowledged(connection, states)
        return {
            name: Totals(
                state=CampaignState(state),
                states=states.get(name, {}),
                next_due=due.get(name),
                awaited=awaited.get(name, 0),
                unacknowledged=unacknowledged.get(name, 0),
            )
            for name, state in connection.execute(select(campaigns.c.name, campaigns.c.state))
        }


def _unacknowledged(
    connection: Connection, states: Mapping[str, Mapping[CallState, int]]
) -> Mapping[str, int]:
    """Asked only where there is something to acknowledge."""
    if not any(PROBLEMS & counted.keys() for counted in states.values()):
        return {}
    return {row.campaign: row.calls for row in connection.execute(_UNACKNOWLEDGED)}


def unacknowledged(engine: Engine, names: Collection[str]) -> Mapping[str, int]:
    """Refused and uncertain calls that no operator has acknowledged, of those of these campaigns that have
    some.
    """
    problems = select(calls.c.campaign).where(calls.c.campaign.in_(names), calls.c.state.in_(PROBLEMS))
    with reading(engine) as connection:
        if connection.scalar(problems.limit(1)) is None:
            return {}
        asked = _UNACKNOWLEDGED.where(calls.c.campaign.in_(names))
        return {row.campaign: row.calls for row in connection.execute(asked)}
