"""The history of a campaign as it happened: transitions, attempts and the acts of operators, in order."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, or_, select

from runner.ledger.tables import actions, calls, runs, transitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened, at `at` (UTC Unix seconds).

    `key` and `ref` are empty for acts on the whole campaign.
    """

    at: float
    key: str
    ref: str
    what: str
    reason: str
    who: str
    """The process or person that did it, with the git commit of the campaign file where there is one."""


def _process(row: Row[*tuple[Any, ...]]) -> str:
    commit = f" at {row.git_commit[:12]}" if row.git_commit else ""
    return f"{row.host} process {row.pid}{commit}"


def chronicle(engine: Engine, campaign: str, contact: str | None) -> list[Entry]:
    """Everything that happened, oldest first; for one contact (key or ref) only what concerns it."""
    with engine.begin() as connection:
        moves = select(
            transitions.c.at,
            transitions.c.id,
            calls.c.contact,
            calls.c.ref,
            transitions.c.before,
            transitions.c.after,
            transitions.c.reason,
            transitions.c.actor,
            runs.c.host,
            runs.c.pid,
            runs.c.git_commit,
        ).select_from(
            transitions.join(calls, transitions.c.call == calls.c.id).join(
                runs, transitions.c.run == runs.c.id
            )
        )
        moves = moves.where(calls.c.campaign == campaign)
        if contact is not None:
            moves = moves.where(or_(calls.c.contact == contact, calls.c.ref == contact))
        found = [
            Entry(
                at=row.at,
                key=row.contact,
                ref=row.ref,
                what=f"{row.before or 'new'} → {row.after}",
                # "planned" beside "new → planned" says nothing more.
                reason="" if row.reason == row.after else row.reason,
                who=row.actor or _process(row),
            )
            for row in connection.execute(moves.order_by(transitions.c.id))
        ]
        if contact is None:
            acts = select(actions).where(actions.c.campaign == campaign).order_by(actions.c.id)
            found += [
                Entry(at=row.at, key="", ref="", what=row.verb, reason=row.detail, who=row.actor)
                for row in connection.execute(acts)
            ]
    # Sorting is stable: what happened in one transaction stays in its order.
    return sorted(found, key=lambda entry: entry.at)
