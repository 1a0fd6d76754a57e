"""Asks Insight how calls ended, and records what it says."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from runner.dispatch.events import AskFailure, Event, ResultsLearned, ResultsUnavailable
from runner.dispatch.redaction import without_numbers
from runner.insight.answers import CallDetails, UnreadableError, error_text, excerpt, read_call_details
from runner.insight.outcome import OK, Exchange
from runner.ledger.asking import AskedCall
from runner.ledger.evidence import EvidenceSource, Report, Verdict
from runner.ledger.results import Recorded
from runner.results.reading import report_of, unreadable
from runner.results.token import Attempt

Ask = Callable[[str], Awaitable[Exchange]]
"""Sends GET /outbound/{call_id}."""
Record = Callable[[Sequence[Report], float], Awaitable[Sequence[Recorded]]]

_NOT_FOUND = 404
_FIRST_SERVER_ERROR = 500
_ANNOUNCED_EVERY_SECONDS = 60
_LONGEST_PAUSE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of asking about one call."""

    asked: AskedCall
    details: CallDetails | None = None
    failure: AskFailure | None = None
    problem: str = ""
    """For people."""
    said: str = ""
    """The beginning of an answer that cannot be read."""


def read_answer(asked: AskedCall, exchange: Exchange) -> Answer:
    """What an exchange about a call means. Pure."""
    if exchange.status == OK:
        try:
            return Answer(asked, details=read_call_details(exchange.headers, exchange.body))
        except UnreadableError as error:
            said = excerpt(exchange.body)
            return Answer(asked, failure=AskFailure.UNREADABLE, problem=str(error), said=said or "(empty)")
    if exchange.status is None:
        return Answer(asked, failure=AskFailure.UNREACHABLE, problem=exchange.problem)
    said = without_numbers(error_text(exchange.headers, exchange.body))
    problem = f"status {exchange.status}: {said}".rstrip(": ")
    if exchange.status == _NOT_FOUND:
        return Answer(asked, failure=AskFailure.UNKNOWN_CALL, problem=problem)
    is_server_error = exchange.status >= _FIRST_SERVER_ERROR
    failure = AskFailure.SERVER_ERROR if is_server_error else AskFailure.NOT_ALLOWED
    return Answer(asked, failure=failure, problem=problem)


class Asking:
    """Of one campaign. `turn` returns when the request rate allows a request; `now` is UTC Unix seconds."""

    def __init__(
        self,
        ask: Ask,
        record: Record,
        turn: Callable[[], Awaitable[None]],
        now: Callable[[], float],
        on_event: Callable[[Event], None],
    ) -> None:
        self._ask = ask
        self._record = record
        self._turn = turn
        self._now = now
        self._on_event = on_event
        self._failures_in_a_row = 0
        self._unannounced: Counter[AskFailure] = Counter()
        self._announced_at: dict[AskFailure, float] = {}
        self.not_before = 0.0
        """Nothing is asked before: Insight did not answer, or refuses to."""

    async def ask(self, calls: Sequence[AskedCall]) -> list[AskedCall]:
        """Asks about these calls at once, and records the answers.

        Returns those that were asked about and go on, or of which Insight knows nothing.
        """
        answers = await asyncio.gather(*[self._ask_about(call) for call in calls])
        said = [answer for answer in answers if answer.details is not None or answer.said]
        recorded = await self._record([_report(answer) for answer in said], self._now()) if said else []
        self._announce_learned(said, recorded)
        self._back_off(answers)
        for answer in answers:
            self._announce_failure(answer)
        learned = {
            answer.asked for answer, verdict in zip(said, recorded, strict=True) if verdict == Verdict.APPLIED
        }
        unasked = (AskFailure.UNREACHABLE, AskFailure.NOT_ALLOWED)
        return [each.asked for each in answers if each.asked not in learned and each.failure not in unasked]

    async def _ask_about(self, call: AskedCall) -> Answer:
        await self._turn()
        return read_answer(call, await self._ask(call.call_id or ""))

    def _back_off(self, answers: Sequence[Answer]) -> None:
        """Waits longer each time while nothing can be learned."""
        if any(answer.details is not None for answer in answers):
            self._failures_in_a_row = 0
            return
        hopeless = (AskFailure.UNREACHABLE, AskFailure.SERVER_ERROR, AskFailure.NOT_ALLOWED)
        if any(answer.failure in hopeless for answer in answers):
            self._failures_in_a_row += 1
            pause = min(_LONGEST_PAUSE_SECONDS, 2**self._failures_in_a_row)
            self.not_before = self._now() + pause

    def _announce_learned(self, said: Sequence[Answer], recorded: Sequence[Recorded]) -> None:
        learned = Counter(
            answer.details.status
            for answer, verdict in zip(said, recorded, strict=True)
            if answer.details is not None and verdict == Verdict.APPLIED
        )
        if learned:
            self._on_event(ResultsLearned(counts=dict(learned)))

    def _announce_failure(self, answer: Answer) -> None:
        """Each kind at once, and then at most once a minute: there may be a million."""
        if answer.failure is None:
            return
        self._unannounced[answer.failure] += 1
        now = self._now()
        if now - self._announced_at.get(answer.failure, float("-inf")) >= _ANNOUNCED_EVERY_SECONDS:
            self._announced_at[answer.failure] = now
            calls = self._unannounced.pop(answer.failure)
            event = ResultsUnavailable(failure=answer.failure, calls=calls, problem=answer.problem)
            self._on_event(event)


def _report(answer: Answer) -> Report:
    attempt = Attempt(answer.asked.call, answer.asked.fence)
    if answer.details is None:
        return unreadable(attempt, EvidenceSource.ASKED, answer.said)
    return report_of(attempt, EvidenceSource.ASKED, answer.details)
