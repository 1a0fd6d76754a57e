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


class DoubtError(Exception):
    """A new plan might say something else than the one that the ledger holds; `reason` tells people why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
    """What is left of the newest plan of `campaign`; None where there is none.

    `digest` is that of the basis on which a plan would be made now. A call is late that should have started
    before `late_before`. Times are UTC Unix seconds. Raises DoubtError where nobody may go on with the plan.
    """
    first = _first_run(connection, campaign)
    if first is None:
        return None
    _check(connection, campaign, first, digest, now)
    states = _counted(connection, campaign)
    return Remainder(
        session=first.id,
        plan_id=first.plan_id,
        entered_at=first.started_at,
        planned=states.get(CallState.PLANNED, 0),
        late=_late(connection, campaign, late_before),
        queued=sum(states.get(state, 0) for state in _QUEUED),
    )


def may_go_on(connection: Connection, campaign: str, left: Remainder, digest: str, now: float) -> bool:
    """Whether what `remainder` found still holds."""
    first = _first_run(connection, campaign)
    if first is None or first.id != left.session:
        return False
    try:
        _check(connection, campaign, first, digest, now)
    except DoubtError:
        return False
    return True


def _check(
    connection: Connection, campaign: str, first: Row[*tuple[Any, ...]], digest: str, now: float
) -> None:
    """Raises DoubtError where nobody may go on with the plan that the run `first` entered."""
    # With a clock that went back, calls could start earlier than planned.
    if first.started_at > now:
        raise DoubtError("the clock went back")
    if first.basis_until is not None and now >= first.basis_until:
        raise DoubtError("the days on which the campaign may call have moved on since its last plan")
    if not digest or not first.basis:
        raise DoubtError(
            "its last plan had a limit, was a saved one, or was made beside a run or calls under way"
        )
    if not first.basis.startswith(f"{digest} "):
        raise DoubtError(
            "the campaign, its contacts or lists, a setting, or runner changed since its last plan"
        )
    if first.basis != _mark(connection, campaign, digest):
        raise DoubtError("an operator settled calls, or calls were skipped, since its last plan")
    _check_others(connection, campaign, first)


def _first_run(connection: Connection, campaign: str) -> Row[*tuple[Any, ...]] | None:
    """The run that entered the plan to which the newest run belongs."""
    newest = select(runs.c.session).where(runs.c.campaign == campaign).order_by(runs.c.id.desc()).limit(1)
    return connection.execute(select(runs).where(runs.c.id == newest.scalar_subquery())).one_or_none()


def _mark(connection: Connection, campaign: str, digest: str) -> str:
    """What a plan is made from, with all in the ledger that changes plans and is no ordinary sending.

    That is counted, for clocks differ. Every act of a person that changes a call is kept, so that the trail
    need not be searched. And a list may have named somebody whose call was skipped for it, and name them no
    more: a new plan would call them. With the sum of the calls, one may not come for another that goes.
    """
    acts = select(func.count()).where(actions.c.campaign == campaign, actions.c.verb.not_in(_HARMLESS))
    skipped = select(func.count(), func.sum(calls.c.id)).where(
        calls.c.campaign == campaign, calls.c.state == CallState.SKIPPED
    )
    number, together = connection.execute(skipped).one()
    return f"{digest} {connection.scalar(acts)} {number} {together or 0}"


def _check_others(connection: Connection, campaign: str, first: Row[*tuple[Any, ...]]) -> None:
    """Raises DoubtError where runs that carry out another plan may have a say."""
    session = select(runs.c.id).where(runs.c.session == first.id)
    under_way = _some(campaign, calls.c.state.in_(_UNDER_WAY), calls.c.run.not_in(session))
    if connection.scalar(under_way) is not None:
        # It was left out of this plan, and may come back unsent: then it belongs in a new one.
        raise DoubtError("the end of a call of an earlier plan is not known")
    others = select(runs.c.id).where(
        runs.c.campaign == campaign,
        runs.c.session != first.id,
        runs.c.ended_at.is_(None),
        runs.c.lease_until > database_now(connection),
    )
    if connection.scalar(others.limit(1)) is not None:
        raise DoubtError("another run carries out another plan of it")


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
