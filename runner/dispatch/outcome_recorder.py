"""What the outcome of a request means for the call and the campaign, and how it gets into the ledger.

Results that come close together are committed together: a commit takes as long for many as for one. A lost
result only makes a call uncertain, so they may share a commit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from runner.calls import CallState, ReasonCode, StateReason
from runner.errors import LedgerError, LedgerUnavailableError, NeedsPersonError
from runner.insight.outcome import (
    Accepted,
    CampaignBlocked,
    NotSent,
    Outcome,
    PushOutcome,
    RecordAdded,
    Refused,
    Uncertain,
)
from runner.ledger.claim import AttemptResult, Claim, LedgerRolledBackError, LostClaimError

MOST_FAILURES = 10
_GATHER_SECONDS = 0.02
"""So long at most a result waits for others: some requests may hang."""
_PAUSES_OF_THE_LEDGER_SECONDS = (0.5, 1.0, 2.0)
"""Waited before a result is recorded once more: what is not recorded is uncertain for good."""
_LEDGER_MAY_BE_GONE_SECONDS = 10
"""Then results are given up: each try waits for a connection, and somebody waits for the run to end."""

Write = Callable[[Sequence[tuple[Claim, AttemptResult]]], Awaitable[Sequence[AttemptResult | LedgerError]]]
"""Commits these results; for each, in order, the result as recorded or why it was not."""


def attempt_result(outcome: Outcome, prevented: StateReason | None = None) -> AttemptResult:
    """The state of a call after its request ended with this outcome; `prevented` says why it was not sent."""
    match outcome:
        case Accepted():
            return AttemptResult(
                state=CallState.QUEUED, http_status=200, call_id=outcome.call_id, link=outcome.link
            )
        case Refused():
            return AttemptResult(state=CallState.REFUSED, http_status=400, reason=_refused(outcome.error))
        case CampaignBlocked():
            # Documented as errors of the account or survey as such: this call was not queued either.
            reason = _refused(outcome.error)
            return AttemptResult(state=CallState.PLANNED, http_status=outcome.status, reason=reason)
        case NotSent():
            reason = prevented or StateReason.of(ReasonCode.NOT_SENT, problem=outcome.reason)
            return AttemptResult(state=CallState.PLANNED, reason=reason)
        case Uncertain():
            return AttemptResult(
                state=CallState.UNCERTAIN,
                http_status=outcome.status,
                reason=_uncertain(outcome),
                call_id=_one_call_id(outcome),
            )


def push_result(outcome: Outcome, prevented: StateReason | None = None) -> AttemptResult:
    """The state of a call after the push of its record failed with this outcome: it was not sent itself."""
    match outcome:
        case Refused():
            reason = StateReason.of(ReasonCode.RECORD_REFUSED, error=outcome.error)
            return AttemptResult(state=CallState.REFUSED, http_status=400, reason=reason, push_again=True)
        case Uncertain():
            reason = _uncertain(outcome)._replace(code=ReasonCode.RECORD_UNCERTAIN)
            return AttemptResult(state=CallState.REFUSED, http_status=outcome.status, reason=reason)
        case _:
            return replace(attempt_result(outcome, prevented), push_again=True)


def _one_call_id(outcome: Uncertain) -> str | None:
    """Of several it is unknown which is this call's, and Insight's own are numbers."""
    only = outcome.call_ids[0] if len(outcome.call_ids) == 1 else ""
    return only if only.isdecimal() else None


def _refused(error: str) -> StateReason:
    return StateReason.of(ReasonCode.REFUSED, error=error)


def _uncertain(outcome: Uncertain) -> StateReason:
    answer = {"call_ids": ", ".join(outcome.call_ids), "body": outcome.body}
    given = {name: value for name, value in answer.items() if value}
    return StateReason.of(ReasonCode.UNCERTAIN, problem=outcome.reason, **given)


class _Asked(NamedTuple):
    """What requests asked for, and what a person does after many failed."""

    things: str
    after_refusals: str
    are_uncertain: str
    after_uncertain: str


_CALLS = _Asked(
    things="calls",
    after_refusals="correct the field that Insight names, in the campaign file or the contacts, "
    "and run apply: it sends changed requests again. If the cause was at Insight: "
    "runner retry CAMPAIGN --all",
    are_uncertain="calls in a row are uncertain",
    after_uncertain="Insight may have queued them, so they are not sent again; "
    "find the cause at Insight before you go on",
)
RECORDS = _Asked(
    things="records",
    after_refusals="correct `metadata` or `metadatabase` in the campaign file, or the contacts, and run "
    "apply: it sends changed requests again. If the cause was at Insight: runner retry CAMPAIGN --all",
    are_uncertain="records in a row may have been added or not",
    after_uncertain="their calls were not sent; find the cause at Insight before you go on, and "
    "look in the metadatabase for the records: runner retry sends the calls without pushing them again",
)


class FailureStreak:
    """Counts refused and uncertain requests in a row: so many of one kind have a common cause."""

    def __init__(self, asked: _Asked = _CALLS) -> None:
        self._asked = asked
        self._refused = 0
        self._uncertain = 0

    def count(self, outcome: Outcome | PushOutcome) -> None:
        """Raises NeedsPersonError at the tenth of a kind, and at once where no further call can succeed."""
        match outcome:
            case (
                CampaignBlocked(status=status, error=error, advice=advice)
                | Uncertain(status=status, body=error, advice=advice)
            ) if advice:
                raise NeedsPersonError(
                    f"the campaign was stopped: Insight answered {status}: {error}", hint=advice
                )
            case Accepted() | RecordAdded():
                self._refused = self._uncertain = 0
            case Refused():
                self._refused += 1
                self._uncertain = 0
                if self._refused == MOST_FAILURES:
                    raise NeedsPersonError(
                        f"Insight refused {MOST_FAILURES} {self._asked.things} in a row; "
                        f"its last answer: {outcome.error}",
                        hint=self._asked.after_refusals,
                    )
            case Uncertain():
                self._uncertain += 1
                if self._uncertain == MOST_FAILURES:
                    raise NeedsPersonError(
                        f"{MOST_FAILURES} {self._asked.are_uncertain}; the last one: {outcome.reason}",
                        hint=self._asked.after_uncertain,
                    )
            case CampaignBlocked() | NotSent():
                pass


class OutcomeRecorder:
    """`write` is never called again before its last call has returned. `under_way` tells how many requests
    have no result that is recorded: a result waits a moment for others, until half of those have theirs.
    """

    def __init__(self, write: Write, under_way: Callable[[], int]) -> None:
        self._write = write
        self._under_way = under_way
        self._are_enough = asyncio.Event()
        self._waiting: list[tuple[Claim, AttemptResult, asyncio.Future[AttemptResult]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._ledger_gone_since: float | None = None
        self.unrecorded = 0
        """Requests whose results could not be recorded: their calls are uncertain."""

    async def record(self, claim: Claim, result: AttemptResult) -> AttemptResult:
        """Returns the result as recorded, once it is committed; tries again where the ledger fails, as while
        its server restarts. Raises what `CallQueue.finish` raises.
        """
        try:
            for pause in _PAUSES_OF_THE_LEDGER_SECONDS:
                try:
                    recorded = await self._record_once(claim, result)
                except (LostClaimError, LedgerRolledBackError):
                    raise
                except LedgerError:
                    if self._ledger_is_given_up():
                        raise
                    await asyncio.sleep(pause)
                else:
                    self._ledger_gone_since = None
                    return recorded
            return await self._record_once(claim, result)
        except LedgerUnavailableError:
            self.unrecorded += 1
            raise

    def _ledger_is_given_up(self) -> bool:
        """For all results together: later ones must not each wait as long."""
        now = time.monotonic()
        if self._ledger_gone_since is None:
            self._ledger_gone_since = now
        return now - self._ledger_gone_since > _LEDGER_MAY_BE_GONE_SECONDS

    async def _record_once(self, claim: Claim, result: AttemptResult) -> AttemptResult:
        recorded: asyncio.Future[AttemptResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, result, recorded))
        if self._has_enough():
            self._are_enough.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await recorded

    async def _write_all(self) -> None:
        while self._waiting:
            await self._gather()
            batch, self._waiting = self._waiting, []
            results: Sequence[AttemptResult | Exception]
            try:
                results = await self._write([(claim, result) for claim, result, _ in batch])
            except Exception as error:  # noqa: BLE001 - a defect: everyone who waits must learn of it
                results = [error] * len(batch)
            for (_, _, waiting), result in zip(batch, results, strict=True):
                if waiting.done():
                    continue
                if isinstance(result, AttemptResult):
                    waiting.set_result(result)
                else:
                    waiting.set_exception(result)
        self._writer = None

    async def _gather(self) -> None:
        if not self._has_enough():
            self._are_enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._are_enough.wait()

    def _has_enough(self) -> bool:
        return 2 * len(self._waiting) >= self._under_way()
