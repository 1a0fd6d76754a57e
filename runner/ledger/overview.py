"""What the ledger knows of a campaign, counted, for people who ask how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, and_, func, select

from runner.calls import PROBLEMS, CallState, StateReason
from runner.ledger import late_opt_outs
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import PauseInfo, pause_info
from runner.ledger.tables import attempts, calls, campaigns, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refused or uncertain call, and what is known of its last request. Times are UTC Unix seconds."""

    key: str
    ref: str
    state: CallState
    reason: StateReason
    """How far the exchange came, and what Insight answered, if it did."""
    at: float
    sent_at: float
    """When the intent to send was committed; the bytes left right after, if they did."""
    http_status: int | None
    call_id: str | None
    """Of an uncertain call: the one that its contradictory answer held."""
    sender: str
    """The process that sent it."""
    acknowledged: bool
    """Whether an operator has seen to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts of every state, when the next call is due, and what needs a person. UTC Unix seconds."""

    campaign: str
    as_of: float
    states: Mapping[CallState, int]
    next_due: int | None
    queued_last_minute: int
    problems: tuple[Problem, ...]
    pause_info: PauseInfo | None
    """Whether an operator paused or canceled it."""
    origin: str
    """The API it was first applied at; empty where the ledger does not know the campaign."""
    account: str
    """Keyed hash of the user name it was first applied with; empty for the same reason."""
    repository: Mapping[str, str] = field(default_factory=dict)
    """Where its file came from at the last apply, as keyed hashes; empty where unknown."""

    late_opt_outs: Sequence[LateOptOut]
    """Calls to people on a list that Insight may dial yet, as the last apply found them."""
    unacknowledged: int
    """Refused and uncertain calls that no operator has acknowledged."""

    @property
    def problems_left(self) -> int:
        """Those that `problems` does not hold."""
        return sum(self.states[state] for state in PROBLEMS) - len(self.problems)


def overview(engine: Engine, campaign: str, now: float, most_problems: int) -> Overview:
    """The state of `campaign` as of `now`, with up to `most_problems` problems: those that nobody has
    acknowledged first, then the newest.
    """
    mine = calls.c.campaign == campaign
    with engine.begin() as connection:
        halted = pause_info(connection, campaign)
        bound = connection.execute(
            select(campaigns.c.origin, campaigns.c.account, campaigns.c.repository).where(
                campaigns.c.name == campaign
            )
        ).one_or_none()
        counted = connection.execute(
            select(calls.c.state, func.count()).where(mine).group_by(calls.c.state)
        ).all()
        next_due = connection.scalar(
            select(func.min(calls.c.queue_at)).where(mine, calls.c.state == CallState.PLANNED)
        )
        recent = connection.scalar(
            select(func.count())
            .select_from(calls)
            .where(mine, calls.c.state == CallState.QUEUED, calls.c.updated_at > now - 60)
        )
        of_attempt = and_(attempts.c.call == calls.c.id, attempts.c.fence == calls.c.fence)
        opted_out = late_opt_outs.noted(connection, campaign, now)
        unacknowledged = connection.scalar(
            select(func.count())
            .select_from(calls.outerjoin(attempts, of_attempt))
            .where(mine, calls.c.state.in_(PROBLEMS), attempts.c.acknowledged_at.is_(None))
        )
        problems = connection.execute(
            select(
                calls.c.contact,
                calls.c.ref,
                calls.c.state,
                calls.c.reason,
                calls.c.updated_at,
                attempts.c.intended_at,
                attempts.c.http_status,
                attempts.c.acknowledged_at,
                calls.c.call_id,
                runs.c.pid,
                runs.c.host,
            )
            .select_from(calls.join(attempts, of_attempt).join(runs, attempts.c.run == runs.c.id))
            .where(mine, calls.c.state.in_(PROBLEMS))
            .order_by(attempts.c.acknowledged_at.is_not(None), calls.c.updated_at.desc(), calls.c.id)
            .limit(most_problems)
        ).all()
    found = {CallState(state): count for state, count in counted}
    return Overview(
        campaign=campaign,
        as_of=now,
        states={state: found.get(state, 0) for state in CallState},
        next_due=next_due,
        queued_last_minute=recent or 0,
        problems=tuple(
            Problem(
                key=row.contact,
                ref=row.ref,
                state=CallState(row.state),
                reason=row.reason,
                at=row.updated_at,
                sent_at=row.intended_at,
                http_status=row.http_status,
                call_id=row.call_id,
                sender=f"process {row.pid} on {row.host}",
                acknowledged=row.acknowledged_at is not None,
            )
            for row in problems
        ),
        late_opt_outs=opted_out,
        unacknowledged=unacknowledged or 0,
        pause_info=halted,
        origin=bound.origin if bound else "",
        account=bound.account if bound else "",
        repository=bound.repository if bound else {},
    )
