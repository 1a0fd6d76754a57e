"""Keeps the pace of one campaign in its claims, over all its runs.

The ledger holds the starts of the calls that were sent. They are read once, and from then on only those
that other runs add. Claims of one campaign are made one after another, so that each sees all before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, func, select, update

from runner.calls import CallState, ReasonCode, StateReason
from runner.ledger.claim import Claim, Claimed
from runner.ledger.tables import attempts, calls
from runner.ledger.transitions import Transition, record_transitions
from runner.planning.pacing import PaceLimit

_COUNTED_SECONDS = 60
_SENT = and_(
    calls.c.campaign == bindparam("of_campaign"),
    calls.c.state.not_in([CallState.PLANNED, CallState.SKIPPED]),
)
_STARTS = select(calls.c.id, calls.c.start_timestamp).where(
    _SENT, calls.c.start_timestamp > bindparam("since")
)
# As a run without a pace sends them.
_SENT_AFTER_THEIR_START = (
    select(calls.c.id, attempts.c.intended_at)
    .join(attempts, attempts.c.call == calls.c.id)
    .where(
        _SENT,
        attempts.c.intended_at > bindparam("since"),
        attempts.c.intended_at > calls.c.start_timestamp,
    )
)
_NEW_STARTS = (
    select(calls.c.start_timestamp)
    .join(attempts, attempts.c.call == calls.c.id)
    .where(_SENT, attempts.c.id > bindparam("seen"))
)
_NEWEST_ATTEMPT = select(func.coalesce(func.max(attempts.c.id), 0))
_MOVE = (
    update(calls)
    .where(calls.c.id == bindparam("of_call"), calls.c.state == CallState.PLANNED)
    .values(start_timestamp=bindparam("new_start"))
)
_MOVED = StateReason(ReasonCode.PACE)


class SentStarts:
    """Of one campaign, as one run knows them. To be used inside claims alone, but for `release`."""

    def __init__(self, limit: PaceLimit, campaign: str, run: int) -> None:
        self._limit = limit
        self._campaign = campaign
        self._run = run
        self._seen: int | None = None
        """The newest attempt that is counted; None where nothing is known."""

    def choose(self, connection: Connection, due: Sequence[Claim], now: float) -> Claimed:
        """Which of the `due` calls may leave now, each with the start that the pace allows.

        They are taken in their order: while the first has to wait, so do the others.
        """
        self._read(connection, now)
        claims: list[Claim] = []
        moved: list[Claim] = []
        crowded_out: dict[int, int] = {}
        held_until: float | None = None
        for claim in due:
            start = self._limit.take(claim.start_timestamp, claim.end_timestamp, now)
            if start is None:
                crowded_out[claim.call] = self._limit.first_free(claim.start_timestamp, now)
                continue
            if self._limit.leaves_at(start) > now:
                self._limit.release(start)
                held_until = self._limit.leaves_at(start)
                break
            claims.append(replace(claim, start_timestamp=start))
            if start != claim.start_timestamp:
                moved.append(claims[-1])
        self._record(connection, moved, now)
        return Claimed(claims=claims, crowded_out=crowded_out, held_until=held_until)

    def saw(self, attempt: int) -> None:
        """All attempts up to this one are counted."""
        self._seen = attempt

    def forget(self) -> None:
        """Reads everything again at the next claim: what was chosen last may not have been committed."""
        self._seen = None

    def release(self, claim: Claim) -> None:
        """The call was not sent."""
        self._limit.release(claim.start_timestamp)

    def _read(self, connection: Connection, now: float) -> None:
        if self._seen is None:
            self._limit.clear()
            since = {"of_campaign": self._campaign, "since": now - _COUNTED_SECONDS}
            starts: dict[int, float] = {
                row.id: row.start_timestamp for row in connection.execute(_STARTS, since)
            }
            for row in connection.execute(_SENT_AFTER_THEIR_START, since):
                starts[row.id] = max(starts.get(row.id, 0), row.intended_at)
            self._count(starts.values())
        else:
            new = {"of_campaign": self._campaign, "seen": self._seen}
            self._count(connection.scalars(_NEW_STARTS, new))
        self._seen = connection.scalar(_NEWEST_ATTEMPT)

    def _count(self, starts: Iterable[float]) -> None:
        for start in starts:
            self._limit.count(start)

    def _record(self, connection: Connection, moved: Sequence[Claim], now: float) -> None:
        """Writes down the starts that differ from the plan."""
        if not moved:
            return
        connection.execute(
            _MOVE, [{"of_call": claim.call, "new_start": claim.start_timestamp} for claim in moved]
        )
        moves = [Transition(claim.call, CallState.PLANNED, CallState.PLANNED, _MOVED) for claim in moved]
        record_transitions(connection, moves, run=self._run, at=now)
