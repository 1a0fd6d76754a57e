"""Everything leaves once, in order, within the limits, and its outcome is recorded."""

import asyncio
import itertools
import time

import pytest
from dispatch_harness import NO_ANSWER, NOT_SENT, Stage, accepted, answered
from planned_calls import CAMPAIGN, NOW, call, calls, phone
from sqlalchemy import select

from runner.calls import CallState
from runner.dispatch.events import BackingOff, CallEnded, RunEnd, Waiting
from runner.dispatch.timer import Timer
from runner.errors import StoppedError
from runner.insight.outcome import Exchange
from runner.ledger.tables import attempts


def keys(count):
    return [f"c{number}" for number in range(count)]


def test_everything_is_sent_once_and_in_order(ledger):
    stage = Stage(ledger, calls(25))
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == keys(25)
    assert set(stage.states().values()) == {"queued"}
    assert [event.key for event in stage.heard(CallEnded)] == keys(25)


def test_everything_is_sent_once_with_many_under_way(ledger):
    async def unevenly(claim):
        for _ in range(int(claim.key[1:]) % 5):
            await asyncio.sleep(0)

    stage = Stage(ledger, calls(60), before=unevenly, max_in_flight=8)
    assert stage.run() is RunEnd.DONE
    assert sorted(stage.sent_keys) == sorted(keys(60))
    assert set(stage.states().values()) == {"queued"}


def test_a_plan_without_calls_is_done_at_once(ledger):
    stage = Stage(ledger, [])
    assert stage.run() is RunEnd.DONE
    assert stage.events == []


def test_each_call_waits_for_its_time(ledger):
    at = {}
    stage = Stage(ledger, [call(f"c{n}", start=NOW + 300 + 80 * n) for n in (2, 0, 1)])
    stage.answer = lambda claim: at.setdefault(claim.key, stage.clock.time) and accepted(claim.key[1:] + "1")
    assert stage.run() is RunEnd.DONE
    assert at == {"c0": NOW, "c1": NOW + 80, "c2": NOW + 160}
    assert stage.heard(Waiting) == [Waiting(until=NOW + 80), Waiting(until=NOW + 160)]


def test_the_intent_of_a_call_is_in_the_ledger_before_its_bytes_leave(ledger):
    seen = []
    stage = Stage(ledger, calls(3))

    async def look(claim):
        seen.append(stage.states()[claim.key])

    stage.before = look
    stage.run()
    assert seen == ["sending"] * 3


def test_no_more_calls_are_claimed_than_may_be_under_way(ledger):
    most_claimed = []

    async def count(_claim):
        most_claimed.append(list(stage.states().values()).count("sending"))
        await asyncio.sleep(0)

    stage = Stage(ledger, calls(30), before=count, max_in_flight=4)
    stage.run()
    assert stage.most_at_once == 4
    assert max(most_claimed) == 4


def test_the_request_rate_holds(ledger):
    rate, burst, count = 100, 5, 25
    stage = Stage(ledger, calls(count), requests_per_second=rate, max_in_flight=count)
    before = time.monotonic()
    stage.run()
    # A bound that no slow machine can break: so long the rate limit itself must have waited.
    assert time.monotonic() - before >= (count - burst) / rate


@pytest.mark.parametrize(
    ("exchange", "state", "reason"),
    [
        (accepted("155761"), "queued", ""),
        (answered(400, error="bad phone_number"), "refused", "bad phone_number"),
        (answered(500, error="database error"), "uncertain", "500"),
        (answered(429), "uncertain", "429"),
        (answered(200, success=False), "uncertain", "without success"),
        (Exchange(sent=True, status=200, body=b"<<<"), "uncertain", "cannot be read"),
        (NO_ANSWER, "uncertain", "no whole answer"),
    ],
)
def test_an_outcome_is_recorded_and_the_others_go_on(ledger, exchange, state, reason):
    stage = Stage(ledger, calls(3))
    stage.answer = lambda claim: exchange if claim.key == "c1" else accepted("9" + claim.key[1:])
    assert stage.run() is RunEnd.DONE
    assert stage.states() == {"c0": "queued", "c1": state, "c2": "queued"}
    assert reason in stage.value("c1", "reason")
    assert stage.sent_keys == keys(3)
    assert [(e.key, e.state) for e in stage.heard(CallEnded)][1] == ("c1", CallState(state))


def test_a_call_id_is_kept_for_the_report(ledger):
    stage = Stage(ledger, calls(1), answer=lambda _claim: accepted("155761"))
    stage.run()
    assert stage.value("c0", "call_id") == "155761"
    assert stage.heard(CallEnded)[0].call_id == "155761"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415])
def test_a_status_that_concerns_the_whole_campaign_stops_it_and_leaves_every_call_planned(ledger, status):
    stage = Stage(ledger, calls(4), answer=lambda _claim: answered(status, error="not today"))
    with pytest.raises(StoppedError, match=rf"{status}.*not today") as caught:
        stage.run()
    assert caught.value.hint
    assert stage.sent_keys == ["c0"]
    assert set(stage.states().values()) == {"planned"}


def test_calls_that_wait_for_a_connection_when_the_campaign_is_stopped_do_not_leave(ledger):
    stopped = asyncio.Event()

    async def wait_if_second(claim):
        if claim.key == "c1":
            await stopped.wait()
            # c0's outcome is recorded and reacted to before c1 takes its last look.
            while stage.context.error is None:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)

    def answer(_claim):
        stopped.set()
        return answered(404, error="no such survey")

    stage = Stage(ledger, calls(2), before=wait_if_second, answer=answer, max_in_flight=2)
    with pytest.raises(StoppedError):
        stage.run()
    assert stage.sent_keys == ["c0"]
    assert stage.states() == {"c0": "planned", "c1": "planned"}


@pytest.mark.parametrize(
    ("exchange", "state"),
    [(answered(400, error="bad"), "refused"), (NO_ANSWER, "uncertain")],
)
def test_ten_strikes_in_a_row_stop_the_campaign_and_leave_the_others_planned(ledger, exchange, state):
    stage = Stage(ledger, calls(15), answer=lambda _claim: exchange)
    with pytest.raises(StoppedError, match="10 calls in a row"):
        stage.run()
    assert len(stage.sent) == 10
    assert sorted(stage.states().values()) == sorted([state] * 10 + ["planned"] * 5)


def test_an_api_that_gives_every_call_the_same_id_is_stopped_too(ledger):
    stage = Stage(ledger, calls(15), answer=lambda _claim: accepted("1"))
    with pytest.raises(StoppedError, match="call_id 1"):
        stage.run()
    assert sorted(stage.states().values()) == sorted(["queued"] + ["uncertain"] * 10 + ["planned"] * 4)


def test_what_was_not_sent_backs_off_and_is_tried_again(ledger):
    answers = [NOT_SENT, NOT_SENT, NOT_SENT]
    tried_at, states = [], []

    def answer(claim):
        tried_at.append(stage.clock.time)
        return answers.pop() if answers else accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(2), answer=answer)
    stage.on_event = lambda event: states.append(stage.states()["c0"]) if isinstance(event, BackingOff) else 0
    assert stage.run() is RunEnd.DONE
    assert states == ["planned"] * 3
    backing = stage.heard(BackingOff)
    assert [0.5 <= b.seconds / 2**n <= 1 for n, b in enumerate(backing)] == [True] * 3
    assert [later - sooner for sooner, later in itertools.pairwise(tried_at)][:3] == [
        pytest.approx(b.seconds, abs=1e-3) for b in backing
    ]
    assert stage.states() == {"c0": "queued", "c1": "queued"}


def test_the_back_off_starts_over_after_an_answer(ledger):
    answers = iter([NOT_SENT, NOT_SENT, accepted("1"), NOT_SENT, accepted("2")])
    stage = Stage(ledger, calls(2), answer=lambda _claim: next(answers))
    stage.run()
    seconds = [event.seconds for event in stage.heard(BackingOff)]
    assert 0.5 <= seconds[2] <= 1 <= seconds[1] <= 2


def test_calls_that_fail_together_back_off_once(ledger):
    answers = [NOT_SENT] * 4
    stage = Stage(ledger, calls(4), max_in_flight=4)
    stage.answer = lambda claim: answers.pop() if answers else accepted(claim.key[1:] + "1")
    assert stage.run() is RunEnd.DONE
    assert len(stage.heard(BackingOff)) == 1


def test_an_outage_of_days_is_sat_out(ledger):
    answers = [NOT_SENT]

    async def after_a_thousand_failures(_claim):
        stage.dispatcher._sender._failures_to_reach = 1100  # noqa: SLF001 - making them takes a thousand commits

    stage = Stage(ledger, calls(1), before=after_a_thousand_failures)
    stage.answer = lambda _claim: answers.pop() if answers else accepted("1")
    assert stage.run() is RunEnd.DONE
    (backing,) = stage.heard(BackingOff)
    assert 30 <= backing.seconds <= 60


def test_a_run_by_the_real_clock_ends_when_all_is_sent(ledger):
    now = time.time()
    stage = Stage(ledger, [call("c0", start=int(now) + 300)], clock=Timer())
    assert stage.run() is RunEnd.DONE
    assert [known.state for known in ledger.history(CAMPAIGN).calls] == ["queued"]


class EarlyTimer(Timer):
    ahead_seconds = 5


def test_a_call_may_be_claimed_before_its_time_and_leaves_at_it(ledger):
    due, left = int(time.time()) + 3, []

    async def note(_claim):
        left.append(time.time())

    planned = [call(f"c{number}", phone(number), start=due + 300) for number in range(3)]
    stage = Stage(ledger, planned, before=note, clock=EarlyTimer(), max_in_flight=3, requests_per_second=20)
    assert stage.run() is RunEnd.DONE
    with ledger.engine.connect() as connection:
        assert min(connection.scalars(select(attempts.c.intended_at))) < due
    assert len(left) == 3
    assert min(left) >= due
    # The rate counts them when they leave.
    assert max(left) - min(left) >= 2 / 20 - 0.02


def test_a_call_that_was_claimed_before_its_time_stays_planned_when_the_run_stops(ledger):
    class VeryEarlyTimer(Timer):
        ahead_seconds = 3600

    stage = Stage(ledger, [call("c0", start=int(time.time()) + 3600)], clock=VeryEarlyTimer())

    async def stop_once_claimed():
        run = asyncio.create_task(stage.run_in_loop())
        while [known.state for known in ledger.history(CAMPAIGN).calls] != ["sending"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stage.context.interrupt()
        return await run

    assert asyncio.run(stop_once_claimed()) is RunEnd.INTERRUPTED
    assert stage.sent == []
    assert [known.state for known in ledger.history(CAMPAIGN).calls] == ["planned"]


def test_requests_that_hang_do_not_keep_the_others_from_being_sent(ledger):
    others = [f"c{number}" for number in range(3, 12)]
    everything_else_sent = asyncio.Event()

    async def hang_if_first(claim):
        if claim.key in {"c0", "c1", "c2"}:
            await everything_else_sent.wait()
        elif claim.key == others[-1]:
            everything_else_sent.set()

    stage = Stage(ledger, calls(12), before=hang_if_first, max_in_flight=4)
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys[: len(others)] == others
