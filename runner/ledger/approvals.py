"""Which content of a campaign file people approved: `serve` carries out no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, insert, select

from runner.ledger.tables import actions, approvals

VERB = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody approved exactly this content, `at` UTC Unix seconds."""

    content: str
    by: str
    at: float


def approve(engine: Engine, campaign: str, approval: Approval) -> None:
    """Keeps the approval, in the history too. It replaces any earlier one of the campaign."""
    with engine.begin() as connection:
        connection.execute(
            insert(approvals).values(
                campaign=campaign, content=approval.content, at=approval.at, actor=approval.by
            )
        )
        connection.execute(
            insert(actions).values(
                campaign=campaign,
                at=approval.at,
                actor=approval.by,
                verb=VERB,
                detail=f"content {short(approval.content)}",
            )
        )


def approvals_of(connection: Connection, names: Sequence[str]) -> Mapping[str, Approval]:
    """The newest approval of each of these campaigns that has one, of whatever content."""
    newest = (
        select(func.max(approvals.c.id)).where(approvals.c.campaign.in_(names)).group_by(approvals.c.campaign)
    )
    found = connection.execute(select(approvals).where(approvals.c.id.in_(newest)))
    return {row.campaign: Approval(content=row.content, by=row.actor, at=row.at) for row in found}


def short(content: str) -> str:
    """The first characters of a content's hash, for people."""
    return content[:12]
