"""Which content of a campaign file people approved: `serve` carries out no other."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select

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


def approval_of(connection: Connection, campaign: str) -> Approval | None:
    """The newest approval of this campaign, of whatever content."""
    newest = (
        select(approvals).where(approvals.c.campaign == campaign).order_by(approvals.c.id.desc()).limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return None if row is None else Approval(content=row.content, by=row.actor, at=row.at)


def short(content: str) -> str:
    """The first characters of a content's hash, for people."""
    return content[:12]
