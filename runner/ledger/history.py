"""The history of a campaign as it happened: transitions, attempts and the acts of operators, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine, Row, Select, func, or_, select

from runner.calls import NO_REASON, StateReason
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
    reason: StateReason
    detail: str = ""
    """What an operator's act was about."""
    who: str
    """The process or person that did it, with the git commit of the campaign file where there is one."""


_AT_ONCE = 5_000
_when = attrgetter("at")
_MOVES = select(
    transitions.c.at,
    calls.c.campaign,
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
    transitions.join(calls, transitions.c.call == calls.c.id).join(runs, transitions.c.run == runs.c.id)
)


def _process(row: Row[*tuple[Any, ...]]) -> str:
    commit = f" at {row.git_commit[:12]}" if row.git_commit else ""
    return f"{row.host} process {row.pid}{commit}"


def read_history(engine: Engine, campaign: str, contact: str | None) -> Iterator[Entry]:
    """Everything that happened, oldest first; for one contact (key or ref) only what concerns it."""
    if contact is not None:
        its_own = _MOVES.where(
            calls.c.campaign == campaign, or_(calls.c.contact == contact, calls.c.ref == contact)
        )
        # Sorting is stable: what happened in one transaction stays in its order.
        return iter(sorted(_moves(engine, campaign, its_own), key=_when))
    return merge(_all_moves(engine, campaign), _acts(engine, campaign), key=_when)


def _all_moves(engine: Engine, campaign: str) -> Iterator[Entry]:
    """In the order in which they were written, read some at a time, each in a transaction of its own: there
    may be millions, and a run that sends calls meanwhile must be able to write.
    """
    with engine.begin() as connection:
        newest = connection.scalar(select(func.max(transitions.c.id))) or 0
    for first in range(1, newest + 1, _AT_ONCE):
        some = _MOVES.where(transitions.c.id.between(first, first + _AT_ONCE - 1))
        yield from _moves(engine, campaign, some)


def _moves(engine: Engine, campaign: str, wanted: Select[Any]) -> list[Entry]:
    with engine.begin() as connection:
        return [
            Entry(
                at=row.at,
                key=row.contact,
                ref=row.ref,
                what=f"{row.before or 'new'} → {row.after}",
                reason=row.reason,
                who=row.actor or _process(row),
            )
            for row in connection.execute(wanted.order_by(transitions.c.id))
            # Chosen here: asked for the campaign too, SQLite would go through all its calls each time.
            if row.campaign == campaign
        ]


def _acts(engine: Engine, campaign: str) -> list[Entry]:
    """What people did to the whole campaign."""
    acts = select(actions).where(actions.c.campaign == campaign).order_by(actions.c.id)
    with engine.begin() as connection:
        return [
            Entry(
                at=row.at,
                key="",
                ref="",
                what=row.verb,
                reason=NO_REASON,
                detail=row.detail,
                who=row.actor,
            )
            for row in connection.execute(acts)
        ]
