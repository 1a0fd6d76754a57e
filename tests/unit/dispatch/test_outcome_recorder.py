"""Results that come in while the ledger is busy are written together, and each caller gets its own."""

import asyncio

import pytest

from runner.calls import CallRequest, CallState
from runner.dispatch import outcome_recorder
from runner.dispatch.outcome_recorder import OutcomeRecorder
from runner.ledger.claim import AttemptResult, Claim, LostClaimError

REQUEST = CallRequest(
    phone_number="tel:+16175550000", max_attempts=1, reattempt_wait=None, metadata={}, result_url=""
)
RESULT = AttemptResult(state=CallState.QUEUED, call_id="1")


def claim(number):
    return Claim(
        call=number,
        fence=1,
        key=f"c{number}",
        ref="",
        phone="",
        queue_at=0,
        start_timestamp=0,
        end_timestamp=0,
        survey_id="",
        instance_id="",
        request=REQUEST,
    )


class Paper:
    """Keeps the batches it was given; a write lasts until it is let go, and none begins before."""

    def __init__(self, result=lambda _claim, ending: ending):
        self.batches = []
        self.let_go = asyncio.Event()
        self._result = result
        self._busy = False

    async def write(self, ended):
        assert not self._busy, "a write began before the last one was through"
        self._busy = True
        self.batches.append([claim.call for claim, _ in ended])
        await self.let_go.wait()
        self._busy = False
        return [self._result(claim, ending) for claim, ending in ended]


async def record(paper, *waves):
    """Records the calls of each wave when the one before is being written; what each of them got."""
    recorder, tasks = OutcomeRecorder(paper.write, lambda: 0), []
    for wave in waves:
        tasks += [asyncio.create_task(recorder.record(claim(number), RESULT)) for number in wave]
        for _ in range(5):
            await asyncio.sleep(0)
    paper.let_go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_results_that_come_in_during_a_write_are_written_together_next():
    async def run():
        paper = Paper()
        assert await record(paper, [1], [2, 3], [4]) == [RESULT] * 4
        return paper.batches

    assert asyncio.run(run()) == [[1], [2, 3, 4]]


def test_a_result_waits_until_half_of_what_is_under_way_can_be_recorded_with_it(monkeypatch):
    monkeypatch.setattr(outcome_recorder, "_GATHER_SECONDS", 3600)

    async def run():
        paper = Paper()
        paper.let_go.set()
        recorder, tasks = OutcomeRecorder(paper.write, lambda: 6), []
        for number in range(3):
            assert not paper.batches
            tasks.append(asyncio.create_task(recorder.record(claim(number), RESULT)))
            for _ in range(5):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return paper.batches

    assert asyncio.run(run()) == [[0, 1, 2]]


def test_where_requests_hang_a_result_is_recorded_alone():
    async def run():
        paper = Paper()
        paper.let_go.set()
        await OutcomeRecorder(paper.write, lambda: 64).record(claim(1), RESULT)
        return paper.batches

    assert asyncio.run(run()) == [[1]]


def test_each_caller_gets_its_own_result():
    def result(claim, ending):
        return LostClaimError("lost") if claim.call == 2 else ending

    first, second, third = asyncio.run(_record_with(result))
    assert [first, third] == [RESULT, RESULT]
    assert isinstance(second, LostClaimError)


async def _record_with(result):
    return await record(Paper(result), [1, 2, 3])


def test_a_defect_reaches_every_caller_and_later_results_are_written():
    async def run():
        failures = [ValueError("a defect")]

        async def write(ended):
            if failures:
                raise failures.pop()
            return [ending for _, ending in ended]

        recorder = OutcomeRecorder(write, lambda: 0)
        first = await asyncio.gather(
            *[recorder.record(claim(number), RESULT) for number in (1, 2)], return_exceptions=True
        )
        assert [type(each) for each in first] == [ValueError, ValueError]
        return await recorder.record(claim(3), RESULT)

    assert asyncio.run(run()) == RESULT


def test_a_caller_that_is_canceled_does_not_affect_the_others():
    async def run():
        paper = Paper()
        recorder = OutcomeRecorder(paper.write, lambda: 0)
        tasks = [asyncio.create_task(recorder.record(claim(number), RESULT)) for number in (1, 2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        paper.let_go.set()
        assert await tasks[1] == RESULT
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        return paper.batches

    assert asyncio.run(run()) == [[1, 2]]
