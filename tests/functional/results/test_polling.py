"""Asking Insight how calls ended, over a real ledger, with Insight's answers and the time made up."""

import asyncio
import json
from itertools import pairwise

import pytest
from ledger_values import begin, claim_all, rows, states
from planned_calls import CAMPAIGN, NOW, call, calls

from runner.calls import CallState
from runner.dispatch.events import AskFailure, ResultsLearned, ResultsUnavailable
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import LedgerUnavailableError
from runner.insight.outcome import Exchange
from runner.ledger.asking import AskedCall, Patience
from runner.ledger.claim import AttemptResult
from runner.ledger.evidence import EvidenceSource, Report, Verdict
from runner.ledger.results import Results
from runner.results.polling import Polling

HOUR = 3600
END = NOW + 300 + HOUR
"""When the calls of these tests end; their one attempt is over ten minutes after its start."""
OVER = NOW + 300 + 600
PATIENCE = Patience(every=900, give_up=48 * HOUR)


def details(status, **more):
    body = json.dumps({"call_details": {"status": status, **more}}).encode()
    return Exchange(sent=True, status=200, headers={"content-type": "application/json"}, body=body)


def failed(status, problem=""):
    return Exchange(sent=True, status=status, problem=problem)


class Clock(Timer):
    """Leaps from alarm to alarm, up to a last moment."""

    def __init__(self, until):
        super().__init__()
        self.time, self._until = float(NOW), until
        self.over = asyncio.Event()

    def now(self):
        return self.time

    def alarm(self, on_ring):
        self._on_ring = on_ring
        return self

    def busy(self):
        pass

    def set(self, at, *, idle):
        assert idle
        if at is None or at > self._until:
            self.over.set()
        else:
            self.time = max(self.time, at)
            asyncio.get_running_loop().call_soon(self._on_ring)

    async def stop(self):
        pass


class Story:
    """What was asked, when, and what was announced."""

    def __init__(self, ledger, answer, *, until=NOW + 100 * HOUR, asks=True, patience=PATIENCE):
        self.asked, self.events = [], []
        self._ledger, self._answer, self._until = ledger, answer, until
        self._asks, self._patience = asks, patience
        self.results = Results(ledger.engine)
        asyncio.run(self._run())

    async def _run(self):
        clock = Clock(self._until)

        async def ask(call_id):
            self.asked.append((int(clock.time), call_id))
            return self._answer(call_id, clock.time)

        polling = Polling(
            CAMPAIGN,
            self.results,
            ask,
            rate=RateLimit(100_000),
            clock=clock,
            patience=self._patience,
            asks=self._asks,
            on_event=self.events.append,
        )
        keeping = asyncio.create_task(polling.keep())
        async with asyncio.timeout(60):
            await asyncio.wait(
                [keeping, asyncio.ensure_future(clock.over.wait())], return_when="FIRST_COMPLETED"
            )
        if keeping.done():
            keeping.result()
        keeping.cancel()

    @property
    def failures(self):
        return [event.failure for event in self.events if isinstance(event, ResultsUnavailable)]


def queued(ledger, *planned, call_id=lambda number: str(100 + number)):
    _, queue = begin(ledger, *(planned or [call("c0")]))
    claims = claim_all(queue, most=1_000)
    ends = [AttemptResult(state=CallState.QUEUED, call_id=call_id(number)) for number, _ in enumerate(claims)]
    queue.finish_together(list(zip(claims, ends, strict=True)), NOW)
    return claims


def kept_results(ledger):
    return [(row["status"], row["source"]) for row in rows(ledger, "SELECT * FROM results ORDER BY call")]


def test_a_call_is_asked_about_when_its_attempts_are_over_and_not_again_once_it_ended(ledger):
    queued(ledger)
    story = Story(ledger, lambda _id, _now: details("completed", attempts="1"))
    assert story.asked == [(OVER, "100")]
    assert states(ledger) == {"c0": "completed"}
    assert kept_results(ledger) == [("completed", "asked")]
    assert story.events == [ResultsLearned(counts={"completed": 1})]


@pytest.mark.parametrize(
    ("attempts", "wait", "first"),
    [(1, None, NOW + 900), (2, 600, NOW + 1_500), (3, 45 * 60, END)],
)
def test_the_first_question_waits_for_all_attempts_but_not_beyond_the_end(ledger, attempts, wait, first):
    queued(ledger, call("c0", max_attempts=attempts, reattempt_wait=wait))
    assert Story(ledger, lambda _id, _now: details("failed")).asked == [(first, "100")]


def test_a_call_that_goes_on_is_asked_about_again_ever_more_rarely_until_it_counts_as_unknown(ledger):
    queued(ledger)
    story = Story(ledger, lambda _id, _now: details("queued"))
    times = [at for at, _ in story.asked]
    assert times[0] == OVER
    assert times[1] == OVER + 900
    assert times[-1] == END + 48 * HOUR
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) <= 6 * HOUR
    assert len(times) < 30
    assert states(ledger) == {"c0": "queued"}
    assert kept_results(ledger) == [("unknown", "gave_up")]
    assert rows(ledger, "SELECT ask_at FROM calls") == [{"ask_at": None}]


def test_a_result_that_comes_after_all_replaces_unknown(ledger):
    (claim,) = queued(ledger)
    story = Story(ledger, lambda _id, _now: details("queued"))
    report = Report(claim.call, claim.fence, EvidenceSource.CALLBACK, says=CallState.REJECTED)
    assert story.results.record([report], NOW + 200 * HOUR) == [Verdict.APPLIED]
    assert kept_results(ledger) == [("rejected", "callback")]
    assert states(ledger) == {"c0": "rejected"}


def test_a_call_that_insight_does_not_know_is_reported_and_counts_as_unknown_in_the_end(ledger):
    queued(ledger, *calls(3))
    story = Story(ledger, lambda _id, _now: failed(404))
    assert set(story.failures) == {AskFailure.UNKNOWN_CALL}
    assert kept_results(ledger) == [("unknown", "gave_up")] * 3


def test_an_answer_that_cannot_be_read_is_kept_for_people(ledger):
    queued(ledger)
    story = Story(ledger, lambda _id, now: failed(200) if now < END else details("failed"))
    assert set(story.failures) == {AskFailure.UNREADABLE}
    assert states(ledger) == {"c0": "failed"}
    kept = {row["verdict"] for row in rows(ledger, "SELECT verdict FROM evidence")}
    assert kept == {"unreadable"}


@pytest.mark.parametrize("status", [401, 403, None])
def test_while_insight_cannot_be_asked_no_result_is_given_up_on(ledger, status):
    queued(ledger, *calls(5))
    back = END + 60 * HOUR
    story = Story(ledger, lambda _id, now: failed(status, "no route") if now < back else details("failed"))
    assert set(states(ledger).values()) == {"failed"}
    assert set(story.failures) == {AskFailure.NOT_ALLOWED if status else AskFailure.UNREACHABLE}
    # It backs off: about one question in five minutes, whatever the number of calls.
    asked_in_vain = [at for at, _ in story.asked if at < back]
    assert len(asked_in_vain) < 2 * 65 * 12
    assert len(story.failures) < len(asked_in_vain)


def test_errors_of_the_server_are_reported_and_slow_asking_down(ledger):
    queued(ledger, *calls(100))
    story = Story(ledger, lambda _id, now: failed(500) if now < END else details("completed"))
    assert set(states(ledger).values()) == {"completed"}
    assert set(story.failures) == {AskFailure.SERVER_ERROR}
    assert len([at for at, _ in story.asked if at < END]) < 300


def test_without_asking_results_are_only_given_up_on(ledger):
    queued(ledger, *calls(3))
    story = Story(ledger, None, asks=False)
    assert story.asked == []
    assert kept_results(ledger) == [("unknown", "gave_up")] * 3


def test_a_call_without_a_call_id_is_not_asked_about(ledger):
    queued(ledger, call_id=lambda _number: None)
    story = Story(ledger, None)
    assert story.asked == []
    assert kept_results(ledger) == [("unknown", "gave_up")]


def test_a_ledger_that_fails_for_a_while_is_tried_again(ledger, monkeypatch):
    queued(ledger)
    record, failures = Results.record, iter([True, True])

    def fails_at_first(self, reports, now):
        if next(failures, False):
            raise LedgerUnavailableError("down")
        return record(self, reports, now)

    monkeypatch.setattr(Results, "record", fails_at_first)
    Story(ledger, lambda _id, _now: details("failed"))
    assert states(ledger) == {"c0": "failed"}


def test_several_runs_share_the_asking(ledger):
    queued(ledger, *calls(30))
    results = Results(ledger.engine)
    shares = [results.due_to_ask(CAMPAIGN, OVER, PATIENCE, 10) for _ in range(4)]
    assert [len(share) for share in shares] == [10, 10, 10, 0]
    assert len({each.call for share in shares for each in share}) == 30
    assert isinstance(shares[0][0], AskedCall)
    assert results.next_ask(CAMPAIGN) == OVER + 900


def test_calls_of_another_campaign_are_not_asked_about(ledger):
    queued(ledger)
    assert Results(ledger.engine).due_to_ask("another", OVER, PATIENCE, 10) == []
    assert Results(ledger.engine).next_ask("another") is None
