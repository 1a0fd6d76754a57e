"""What `serve` reports to people: kept before it is posted, so that no restart loses it or repeats it.

Each is posted at least once: a process that dies right after it posted leaves it to be posted again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, select, update

from runner.ledger.rows import insert_once, reading
from runner.ledger.tables import notifications, runs

_UNSENT = and_(notifications.c.sent_at.is_(None), notifications.c.given_up_at.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Something to report of a campaign, at `at` (UTC Unix seconds)."""

    campaign: str
    event: str
    subject: str
    """What it is about: while it lasts, the same is reported once."""
    at: float
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """A report that is to be posted now, and by nobody else for a while."""

    id: int
    campaign: str
    connection: str
    event: str
    at: float
    body: Mapping[str, Any]
    tries: int
    """This one included."""


def is_reported(engine: Engine, campaign: str, event: str, subject: str, connections: Iterable[str]) -> bool:
    """Whether it need not be reported to any of these connections."""
    mine = (notifications.c.campaign == campaign, notifications.c.event == event)
    known = select(notifications.c.connection_name).where(
        *mine, notifications.c.subject == subject, notifications.c.over_at.is_(None)
    )
    with reading(engine) as connection:
        return set(connections) <= set(connection.scalars(known))


def report(engine: Engine, found: Report, connections: Iterable[str]) -> None:
    """To each of these connections, unless it was reported there and lasts still. What was reported of the
    same event before is over.
    """
    with engine.begin() as connection:
        _end(connection, found.campaign, found.event, found.at, but=found.subject)
        for name in connections:
            insert_once(
                connection,
                notifications,
                campaign=found.campaign,
                connection_name=name,
                event=found.event,
                subject=found.subject,
                at=found.at,
                body=dict(found.body),
            )


def end(engine: Engine, campaign: str, event: str, now: float) -> None:
    """What was reported is over: it is reported again when it happens again."""
    with engine.begin() as connection:
        _end(connection, campaign, event, now)


def _end(connection: Connection, campaign: str, event: str, now: float, but: str | None = None) -> None:
    lasts = notifications.c.over_at.is_(None)
    of_it = (notifications.c.campaign == campaign, notifications.c.event == event, lasts)
    others = () if but is None else (notifications.c.subject != but,)
    connection.execute(update(notifications).where(*of_it, *others).values(over_at=now))


def take_unsent(engine: Engine, now: float, seconds: float, most: int) -> Sequence[Unsent]:
    """The oldest of each campaign and connection, where it may be posted now, up to so many. Nobody gets it
    again before so many seconds are over.
    """
    oldest = (
        select(func.min(notifications.c.id))
        .where(_UNSENT)
        .group_by(notifications.c.campaign, notifications.c.connection_name)
    )
    may_go = select(notifications).where(notifications.c.id.in_(oldest), notifications.c.not_before <= now)
    may_go = may_go.order_by(notifications.c.id).limit(most)
    with reading(engine) as connection:
        rows = connection.execute(may_go).all()
    if not rows:
        return []
    taken: list[Unsent] = []
    with engine.begin() as connection:
        for row in rows:
            claim = (
                update(notifications)
                .where(notifications.c.id == row.id, _UNSENT, notifications.c.not_before == row.not_before)
                .values(not_before=now + seconds, tries=row.tries + 1)
            )
            if connection.execute(claim).rowcount:
                taken.append(
                    Unsent(
                        id=row.id,
                        campaign=row.campaign,
                        connection=row.connection_name,
                        event=row.event,
                        at=row.at,
                        body=row.body,
                        tries=row.tries + 1,
                    )
                )
    return taken


def was_sent(engine: Engine, unsent: Unsent, now: float) -> None:
    _settle(engine, unsent, sent_at=now)


def is_given_up(engine: Engine, unsent: Unsent, now: float) -> None:
    _settle(engine, unsent, given_up_at=now)


def try_again(engine: Engine, unsent: Unsent, not_before: float) -> None:
    _settle(engine, unsent, not_before=not_before)


def _settle(engine: Engine, unsent: Unsent, **values: float) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(notifications).where(notifications.c.id == unsent.id, _UNSENT).values(**values)
        )


def newest_run(engine: Engine, campaign: str) -> int:
    """The number of the campaign's newest run; 0 where it had none."""
    with reading(engine) as connection:
        return connection.scalar(select(func.max(runs.c.id)).where(runs.c.campaign == campaign)) or 0
