"""Which calls an operator means, and whether their state allows the decision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from runner.calls import CallState
from runner.errors import LedgerError
from runner.ledger.lease import database_now
from runner.ledger.orphaned_calls import LOST
from runner.ledger.tables import attempts, calls, runs

Rows = Sequence[Row[*tuple[Any, ...]]]

_GRACE_SECONDS = 60
"""Twice the deadline of an exchange with Insight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an operator can do with a call: to every call in `state`, to one by name also from `others`."""

    verb: str
    state: CallState
    others: Collection[CallState] = ()


RESOLVE = Decision(verb="resolve", state=CallState.UNCERTAIN, others=(CallState.SENDING, CallState.ABANDONED))
RETRY = Decision(verb="retry", state=CallState.REFUSED)


def named_calls(connection: Connection, campaign: str, contacts: Sequence[str], decision: Decision) -> Rows:
    """The calls of these contacts (keys or refs), locked, each once. Raises LedgerError, naming the first
    contact without such a call.
    """
    found: dict[int, Row[*tuple[Any, ...]]] = {}
    for number, contact in enumerate(contacts, start=1):
        try:
            row = _call_of(connection, campaign, contact, decision)
        except LedgerError as error:
            if len(contacts) == 1:
                raise
            message = f"contact {number} of {len(contacts)}: {error.message}; nothing was changed"
            raise LedgerError(message, hint=error.hint) from None
        found[row.id] = row
    return list(found.values())


def all_calls(connection: Connection, campaign: str, decision: Decision) -> Rows:
    """Every call of the campaign that the decision is about, locked."""
    rows = connection.execute(_query(campaign).where(calls.c.state == decision.state)).all()
    now = database_now(connection)
    for row in rows:
        _check_owner_is_gone(row, now)
    return rows


def _call_of(
    connection: Connection, campaign: str, contact: str, decision: Decision
) -> Row[*tuple[Any, ...]]:
    """The newest call of this contact that the decision is about; other rounds may be in other states."""
    mine = _query(campaign).where(or_(calls.c.contact == contact, calls.c.ref == contact))
    found = connection.execute(mine.order_by(calls.c.id)).all()
    if not found:
        raise LedgerError(f"campaign {campaign} has no call to this contact")
    rows = [row for row in found if row.state == decision.state or row.state in decision.others]
    if not rows:
        states = " and ".join(sorted({row.state for row in found}))
        raise LedgerError(f"this call is {states}, not {decision.state}: there is nothing to {decision.verb}")
    _check_owner_is_gone(rows[-1], database_now(connection))
    return rows[-1]


def _query(campaign: str) -> Select[*tuple[Any, ...]]:
    latest = (
        select(attempts.c.intended_at)
        .where(attempts.c.call == calls.c.id)
        .order_by(attempts.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            calls.c.id,
            calls.c.run,
            calls.c.contact,
            calls.c.ref,
            calls.c.state,
            latest.label("intended_at"),
            runs.c.host,
            runs.c.pid,
            runs.c.ending,
            runs.c.lease_until,
        )
        .select_from(calls.join(runs, calls.c.run == runs.c.id))
        .where(calls.c.campaign == campaign)
        .with_for_update(of=calls)
    )


def _check_owner_is_gone(row: Row[*tuple[Any, ...]], now: float) -> None:
    """Raises LedgerError while the process that sent the call may still be at it.

    A run that was declared dead may only have been stopped: what it had begun to send before may go on for as
    long as an exchange can take.
    """
    owner = f"process {row.pid} on {row.host}"
    if row.state == CallState.SENDING:
        raise LedgerError(
            f"this call is being sent right now by {owner}",
            hint="wait for its answer, or stop that apply first",
        )
    if row.ending == LOST and now < row.lease_until + _GRACE_SECONDS:
        wait = row.lease_until + _GRACE_SECONDS - now
        raise LedgerError(
            f"{owner} was sending this call and may still be at it",
            hint=f"make sure that this process is gone, and run the command again in {wait:.0f} s",
        )
