"""How calls ended, written into the ledger: whatever is said of them, in whatever order, how often, by whom.

`runner.ledger.evidence` decides. What it decides is recorded in the transaction that read the calls, and what
is not simply applied is kept for people, a few rows for each call. What is said while a call is being sent is
held: `settle_held` decides on it in the transaction that records the fate of the request.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from runner.calls import FINAL, CallState, ReasonCode, StateReason
from runner.errors import LedgerError, LedgerUnavailableError
from runner.ledger import asking, kept_evidence, reached
from runner.ledger.asking import FIRST_ASK, AskedCall, Patience
from runner.ledger.evidence import EvidenceSource, Report, Verdict, decide
from runner.ledger.reached import CallRow
from runner.ledger.rows import reading, some_at_a_time
from runner.ledger.tables import calls, results
from runner.ledger.transitions import Transition, record_transitions

INSIGHT = "Insight"
"""The actor of what Insight reported."""

_CALLS = (
    select(
        calls.c.id,
        calls.c.campaign,
        calls.c.contact,
        calls.c.phone,
        calls.c.round,
        calls.c.run,
        calls.c.fence,
        calls.c.state,
        exists().where(results.c.call == calls.c.id).label("has_result"),
    )
    .where(calls.c.id.in_(bindparam("of_calls", expanding=True)))
    # Always in one order, so that two receivers never wait for each other.
    .order_by(calls.c.id)
    .with_for_update(of=calls)
)
_MOVE = (
    update(calls)
    .where(calls.c.id == bindparam("of_call"), calls.c.state == bindparam("was"))
    .values(
        state=bindparam("becomes"),
        fence=bindparam("of_fence"),
        reason=bindparam("why"),
        updated_at=bindparam("moment"),
    )
)
_END = _MOVE.values(ask_at=None)
_QUEUE = _MOVE.values(ask_at=text(FIRST_ASK))
_INSERT = insert(results)

Recorded = Verdict | LedgerError | None
"""What became of a report; None for a call that the ledger does not know."""


class Results:
    """What is learned of the calls of one ledger. Times are UTC Unix seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, reports: Sequence[Report], now: float) -> list[Recorded]:
        """Records reports in one commit; returns what became of each, in order.

        None stands for a call that the ledger does not know. Where the commit fails, each is tried alone, and
        its error returned.
        """
        try:
            with self._engine.begin() as connection:
                return list(record_reports(connection, reports, now))
        except LedgerUnavailableError as error:
            return [error for _ in reports]
        except LedgerError as error:
            if len(reports) == 1:
                return [error]
        return [outcome for report in reports for outcome in self.record([report], now)]

    def due_to_ask(self, campaign: str, now: float, patience: Patience, most: int) -> list[AskedCall]:
        with self._engine.begin() as connection:
            return asking.due_to_ask(connection, campaign, now, patience, most)

    def waiting(self, campaign: str, now: float, *, after: int, most: int) -> list[AskedCall]:
        with reading(self._engine) as connection:
            return asking.waiting_for_results(connection, campaign, now, after=after, most=most)

    def next_ask(self, campaign: str) -> int | None:
        with reading(self._engine) as connection:
            return asking.next_ask(connection, campaign)

    def give_up(self, of_calls: Sequence[int], now: float) -> int:
        with self._engine.begin() as connection:
            return asking.give_up(connection, of_calls, now)


def record_reports(
    connection: Connection, reports: Sequence[Report], now: float, actor: str = INSIGHT
) -> list[Verdict | None]:
    """What became of each report, in order; None for a call that the ledger does not know.

    `actor` is who said it: Insight, or a person (user@host).
    """
    batch = _Batch(connection, {report.call for report in reports}, now, actor)
    verdicts = [batch.judge(report) for report in reports]
    batch.write()
    kept_evidence.keep(
        connection,
        [(report, verdict) for report, verdict in zip(reports, verdicts, strict=True) if verdict is not None],
        now,
    )
    return verdicts


def settle_held(connection: Connection, of_calls: Collection[int], now: float) -> None:
    """Decides on what was said of these calls while they were being sent, now that their fate is known."""
    held = kept_evidence.held_reports(connection, of_calls)
    if not held:
        return
    batch = _Batch(connection, {report.call for report in held.values()}, now)
    verdicts = {row: batch.judge(report) for row, report in held.items()}
    batch.write()
    kept_evidence.settle(connection, verdicts)


@dataclass(slots=True)
class _Call:
    """One call as this transaction finds and leaves it."""

    row: CallRow
    state: CallState
    fence: int
    moves: list[Transition] = field(default_factory=list)
    result: Report | None = None
    """The report that the state follows from."""


class _Batch:
    """Reports that are decided on together; the calls are locked."""

    def __init__(
        self, connection: Connection, of_calls: Collection[int], now: float, actor: str = INSIGHT
    ) -> None:
        self._connection = connection
        self._now = now
        self._actor = actor
        self._calls = {
            row.id: _Call(row, CallState(row.state), row.fence)
            for some in some_at_a_time(sorted(of_calls))
            for row in connection.execute(_CALLS, {"of_calls": some})
        }

    def judge(self, report: Report) -> Verdict | None:
        """Decides on one report, after those before it."""
        call = self._calls.get(report.call)
        if call is None:
            return None
        if not report.is_readable:
            return Verdict.UNREADABLE
        verdict, after = decide(call.state, report.says, is_earlier=report.fence < call.fence)
        if after is None:
            return verdict
        if call.state is CallState.SKIPPED and not reached.make_room(self._connection, call.row, self._now):
            return Verdict.CONTRADICTION
        call.moves.append(Transition(report.call, call.state, after, self._reason(report, after)))
        call.state, call.result = after, report
        # A ledger that lost the claim of this attempt knows of it now.
        call.fence = max(call.fence, report.fence)
        return verdict

    def write(self) -> None:
        moved = [call for call in self._calls.values() if call.moves]
        for statement, some in (
            (_END, [call for call in moved if call.state in FINAL]),
            (_QUEUE, [call for call in moved if call.state is CallState.QUEUED]),
        ):
            if some and self._connection.execute(
                statement, [self._values(call) for call in some]
            ).rowcount != len(some):
                raise LedgerError("a call was changed while its result was recorded")
        self._write_results([call for call in moved if call.state in FINAL])
        for run in {call.row.run for call in moved}:
            moves = [move for call in moved if call.row.run == run for move in call.moves]
            record_transitions(self._connection, moves, run=run, at=self._now, actor=self._actor)
        completed = [call.row for call in moved if call.state is CallState.COMPLETED]
        if completed:
            reached.skip_later_rounds(self._connection, completed, self._now)

    def _reason(self, report: Report, after: CallState) -> StateReason:
        if report.source is EvidenceSource.OPERATOR:
            return StateReason.of(ReasonCode.RESOLVED, resolution=after.value, by=self._actor)
        return StateReason.of(ReasonCode.RESULT, source=report.source.value)

    def _values(self, call: _Call) -> dict[str, object]:
        return {
            "of_call": call.row.id,
            "was": call.row.state,
            "becomes": call.state,
            "of_fence": call.fence,
            "why": call.moves[-1].reason,
            "moment": self._now,
        }

    def _write_results(self, ended: Sequence[_Call]) -> None:
        replaced = [call.row.id for call in ended if call.row.has_result]
        for some in some_at_a_time(replaced):
            self._connection.execute(delete(results).where(results.c.call.in_(some)))
        rows = [_result(call.row, call.result, self._now) for call in ended if call.result is not None]
        if rows:
            self._connection.execute(_INSERT, rows)


def results_learned_at(connection: Connection, campaign: str) -> float | None:
    """When the newest result of this campaign was learned."""
    newest: float | None = connection.scalar(
        select(func.max(results.c.learned_at)).where(results.c.campaign == campaign)
    )
    return newest


class ResultsSoFar(NamedTuple):
    """How many results a campaign has, and when the newest was learned."""

    number: int
    learned_at: float | None


def results_so_far(connection: Connection, campaign: str) -> ResultsSoFar:
    """Reads all of its index entries: the time alone does not show what a slower clock or commit adds."""
    query = select(func.count(), func.max(results.c.learned_at)).where(results.c.campaign == campaign)
    return ResultsSoFar(*connection.execute(query).one())


def _result(row: CallRow, report: Report, now: float) -> dict[str, object]:
    return {
        "call": row.id,
        "campaign": row.campaign,
        "status": report.says,
        "source": report.source,
        "learned_at": now,
        "attempts": report.attempts,
        "first_dial": report.first_dial,
        "last_attempt_timestamp": report.last_attempt_timestamp,
        "ended_at": report.ended_at,
        "events": [{"event": name, "timestamp": at} for name, at in report.events],
    }
