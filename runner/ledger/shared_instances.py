"""Other campaigns that call people for the same survey instance."""

from dataclasses import dataclass

from sqlalchemy import Engine, and_, case, func, or_, select

from runner.calls import CallState
from runner.ledger.tables import calls, campaigns

RECENT_SECONDS = 30 * 86_400
"""What was sent within this time may still be waiting at Insight, or be fresh in people's minds."""

_NEVER_SENT = (CallState.PLANNED, CallState.SKIPPED, CallState.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedInstance:
    """Another campaign, with how many of its calls are to be sent and how many were sent lately."""

    campaign: str
    waiting: int
    sent: int


def shared_instances(
    engine: Engine, campaign: str, survey_id: str, instance_id: str, origin: str, now: float
) -> list[SharedInstance]:
    """The other campaigns of this ledger, applied at the API at `origin`, that have such calls; by name.

    `now` is UTC Unix seconds. A planned call whose window is over no longer counts: it will not be sent.
    """
    waiting = or_(
        calls.c.state == CallState.SENDING,
        and_(calls.c.state == CallState.PLANNED, calls.c.end_timestamp > now),
    )
    sent = and_(
        calls.c.state.not_in([*_NEVER_SENT, CallState.SENDING]), calls.c.updated_at > now - RECENT_SECONDS
    )
    query = (
        select(
            campaigns.c.name,
            func.sum(case((waiting, 1), else_=0)).label("waiting"),
            func.sum(case((sent, 1), else_=0)).label("sent"),
        )
        .select_from(campaigns.join(calls, calls.c.campaign == campaigns.c.name))
        .where(
            campaigns.c.name != campaign,
            campaigns.c.survey_id == survey_id,
            campaigns.c.instance_id == instance_id,
            campaigns.c.origin == origin,
            or_(waiting, sent),
        )
        .group_by(campaigns.c.name)
        .order_by(campaigns.c.name)
    )
    with engine.begin() as connection:
        return [
            SharedInstance(campaign=row.name, waiting=row.waiting, sent=row.sent)
            for row in connection.execute(query)
        ]
