"""Opt-outs that came too late: calls that Insight may still dial to people who must no longer be called.

A single call at Insight cannot be canceled, so users are shown who is affected and until when.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, select, true, update

from runner.calls import MAY_BE_DIALLED, CallState
from runner.ledger.rows import reading
from runner.ledger.tables import LIVE, calls

Match = Callable[[str, str], str | None]
"""(key, number) → why this contact is not to be called, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateOptOut:
    """One call that may be dialled until `until` (UTC Unix seconds), though `reason` forbids it."""

    key: str
    ref: str
    state: CallState
    reason: str
    until: int


def note(
    engine: Engine, campaign: str, match: Match, now: float, phones: Sequence[str] | None = None
) -> list[LateOptOut]:
    """Stores the late opt-outs that `match` finds and that are not stored yet, and returns them. `phones` are
    the numbers that it can find; None where it can find others.
    """
    # Nobody who writes waits while a million calls are compared.
    with reading(engine) as connection:
        unknown = _dialled(campaign, now, phones).where(calls.c.opted_out.is_(None))
        rows = connection.execute(unknown).all()
    found = [(row, reason) for row in rows if (reason := match(row.contact, row.phone))]
    return [_late(row, reason) for row, reason in _stored(engine, found)] if found else []


_Found = tuple[Row[*tuple[Any, ...]], str]
"""A call, and why it is forbidden."""


def _stored(engine: Engine, found: Sequence[_Found]) -> list[_Found]:
    """Those of them that nobody else stored meanwhile."""
    with engine.begin() as connection:
        return [(row, reason) for row, reason in found if _store(connection, row.id, reason)]


def _store(connection: Connection, call: int, reason: str) -> bool:
    unknown = update(calls).where(calls.c.id == call, calls.c.opted_out.is_(None))
    return connection.execute(unknown.values(opted_out=reason)).rowcount == 1


def noted(connection: Connection, campaign: str, now: float) -> Sequence[LateOptOut]:
    """Those that were found before."""
    query = _dialled(campaign, now).where(calls.c.opted_out.is_not(None))
    return [_late(row, row.opted_out) for row in connection.execute(query)]


def named(
    engine: Engine, campaign: str, match: Match, now: float, phones: Sequence[str] | None = None
) -> Sequence[LateOptOut]:
    """Those that `match` finds now, and no others. Stores nothing."""
    with reading(engine) as connection:
        rows = connection.execute(_dialled(campaign, now, phones))
        return [_late(row, reason) for row in rows if (reason := match(row.contact, row.phone))]


def matching(engine: Engine, campaign: str, match: Match, now: float) -> Sequence[LateOptOut]:
    """Those that were found before, and those that `match` finds now. Stores nothing."""
    with reading(engine) as connection:
        return [
            _late(row, reason)
            for row in connection.execute(_dialled(campaign, now))
            if (reason := row.opted_out or match(row.contact, row.phone))
        ]


def any_dialled(engine: Engine, campaigns: Iterable[str], now: float) -> bool:
    """Whether Insight may still dial any call of these campaigns."""
    with reading(engine) as connection:
        return any(connection.execute(_dialled(each, now).limit(1)).first() for each in campaigns)


def _dialled(campaign: str, now: float, phones: Sequence[str] | None = None) -> Select[*tuple[Any, ...]]:
    return (
        select(
            calls.c.id,
            calls.c.contact,
            calls.c.ref,
            calls.c.phone,
            calls.c.state,
            calls.c.end_timestamp,
            calls.c.opted_out,
        )
        .where(
            calls.c.campaign == campaign,
            calls.c.state.in_(MAY_BE_DIALLED),
            calls.c.end_timestamp > now,
            true() if phones is None else and_(calls.c.phone.in_(phones), LIVE),
        )
        .order_by(calls.c.id)
    )


def _late(row: Row[*tuple[Any, ...]], reason: str) -> LateOptOut:
    return LateOptOut(
        key=row.contact, ref=row.ref, state=CallState(row.state), reason=reason, until=row.end_timestamp
    )
