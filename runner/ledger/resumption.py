"""Whether a new run may go on with the plan that the ledger holds, without a new one being made.

It may where a new plan would say the same of everybody, but for calls that are late, which get new starts
under the same pace and windows either way. Being wrong here could mean to call somebody who opted out, so
that every doubt is an answer: then it may not, and everything is read and planned as it always was.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, update

from runner.ledger.lease import database_now
from runner.ledger.states import CallState
from runner.ledger.tables import actions, calls, runs

_HARMLESS = ("pause", "resume")
"""What operators do that leaves every plan as it is."""
_UNDER_WAY = (CallState.SENDING, CallState.UNCERTAIN)
"""An answer may still make something else of these."""
_QUEUED = (CallState.QUEUED, CallState.COMPLETED, CallState.FAILED, CallState.CANCELED, CallState.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan was made from: `digest` is a keyed hash of all of it.

    From `until` (UTC Unix seconds) on the same makes another plan, because the days that the campaign has by
    default move on; None for never.
    """

    digest: str
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What is left of a plan that a new run may go on with."""

    session: int
    plan_id: str
    entered_at: float
    """UTC Unix seconds."""
    planned: int
    late: int
    """Of these, how many should have started already: they get new starts."""
    queued: int


def nothing_is_under_way(connection: Connection, campaign: str) -> bool:
    """Whether no call awaits an answer that may come after a plan which knows nothing of it."""
    return connection.scalar(_some(campaign, calls.c.state.in_(_UNDER_WAY))) is None


def note_basis(connection: Connection, campaign: str, run: int, basis: Basis) -> None:
    """Keeps what the plan was made from that this run has just entered."""
    mark = _mark(connection, campaign, basis.digest)
    connection.execute(update(runs).where(runs.c.id == run).values(basis=mark, basis_until=basis.until))


def remainder(
    connection: Connection, campaign: str, digest: str, now: float, *, late_before: float
) -> Remainder | None:
    """What is left of the newest plan of `campaign`; None where nobody may go on with it, or nothing is left.

    `digest` is that of the basis on which a plan would be made now. A call is late that should have started
    before `late_before`. Times are UTC Unix seconds.
    """
    first = _resumable(connection, campaign, digest, now)
    if first is None:
        return None
    states = _counted(connection, campaign)
    planned = states.get(CallState.PLANNED, 0)
    if not planned:
        return None
    return Remainder(
        session=first.id,
        plan_id=first.plan_id,
        entered_at=first.started_at,
        planned=planned,
        late=_late(connection, campaign, late_before),
        queued=sum(states.get(state, 0) for state in _QUEUED),
    )


def may_go_on(connection: Connection, campaign: str, left: Remainder, digest: str, now: float) -> bool:
    """Whether what `remainder` found still holds."""
    first = _resumable(connection, campaign, digest, now)
    return first is not None and first.id == left.session


def _resumable(
    connection: Connection, campaign: str, digest: str, now: float
) -> Row[*tuple[Any, ...]] | None:
    """The run that entered the newest plan, where another may go on with it."""
    first = _first_run(connection, campaign)
    if first is None or not _is_in_time(first, now) or _others_are_at_it(connection, campaign, first):
        return None
    return first if digest and first.basis == _mark(connection, campaign, digest) else None


def _first_run(connection: Connection, campaign: str) -> Row[*tuple[Any, ...]] | None:
    """The run that entered the plan to which the newest run belongs."""
    newest = select(runs.c.session).where(runs.c.campaign == campaign).order_by(runs.c.id.desc()).limit(1)
    return connection.execute(select(runs).where(runs.c.id == newest.scalar_subquery())).one_or_none()


def _mark(connection: Connection, campaign: str, digest: str) -> str:
    """What a plan is made from, with all in the ledger that changes plans and is no ordinary sending.

    That is counted, for nothing of it goes away while a plan is carried out, and clocks differ. Every act of
    a person that changes a call is kept, so that the trail need not be searched. And a list may have named
    somebody whose call was skipped for it, and name them no more: a new plan would call them.
    """
    acts = select(func.count()).where(actions.c.campaign == campaign, actions.c.verb.not_in(_HARMLESS))
    skipped = select(func.count()).where(calls.c.campaign == campaign, calls.c.state == CallState.SKIPPED)
    return f"{digest} {connection.scalar(acts)} {connection.scalar(skipped)}"


def _is_in_time(first: Row[*tuple[Any, ...]], now: float) -> bool:
    # With a clock that went back, calls could start earlier than planned.
    return bool(first.started_at <= now and (first.basis_until is None or now < first.basis_until))


def _others_are_at_it(connection: Connection, campaign: str, first: Row[*tuple[Any, ...]]) -> bool:
    """Whether a call of another session may come back unsent, or another session is at work."""
    session = select(runs.c.id).where(runs.c.session == first.id)
    doubts = (
        # It was left out of this plan; if it comes back it belongs in a new one.
        _some(campaign, calls.c.state.in_(_UNDER_WAY), calls.c.run.not_in(session)),
        select(runs.c.id)
        .where(
            runs.c.campaign == campaign,
            runs.c.session != first.id,
            runs.c.ended_at.is_(None),
            runs.c.lease_until > database_now(connection),
        )
        .limit(1),
    )
    return any(connection.scalar(doubt) is not None for doubt in doubts)


def _some(campaign: str, *which: ColumnElement[bool]) -> Select[tuple[int]]:
    """One call of the campaign of which all this is true."""
    return select(calls.c.id).where(calls.c.campaign == campaign, *which).limit(1)


def _counted(connection: Connection, campaign: str) -> dict[CallState, int]:
    counted = connection.execute(
        select(calls.c.state, func.count()).where(calls.c.campaign == campaign).group_by(calls.c.state)
    )
    return {CallState(state): count for state, count in counted}


def _late(connection: Connection, campaign: str, late_before: float) -> int:
    query = (
        select(func.count())
        .select_from(calls)
        .where(
            calls.c.campaign == campaign,
            calls.c.state == CallState.PLANNED,
            # A request goes out before its call starts; saying so lets the index on queue_at serve.
            calls.c.queue_at < late_before,
            calls.c.start_timestamp < late_before,
        )
    )
    return connection.execute(query).scalar_one()
