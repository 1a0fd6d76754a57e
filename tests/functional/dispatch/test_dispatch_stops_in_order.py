"""However a run ends, what is under way is finished and recorded, and the rest stays planned."""

import asyncio
import threading

import pytest
from dispatch_harness import Stage, StoppedClock, accepted, answered, declare_dead
from planned_calls import NOW, call, calls
from sqlalchemy import event

from runner.dispatch.events import AnswersUnrecorded, CallEnded, ClockIsOff, RunEnd, Waiting
from runner.dispatch.run import nothing_awaited
from runner.errors import CampaignHeldError, LedgerUnavailableError, StoppedError
from runner.insight.outcome import Exchange


class OddError(Exception):
    pass


def stop_after(stage, key):
    """Asks for the stop while the call of `key` is under way."""

    async def ask(claim):
        if claim.key == key:
            stage.dispatcher.stop()

    stage.before = ask


def test_a_stop_while_the_database_is_gone_ends_soon_and_counts_what_is_not_recorded(ledger, monkeypatch):
    monkeypatch.setattr("runner.dispatch.outcome_recorder._LEDGER_MAY_BE_GONE_SECONDS", 0)
    monkeypatch.setattr("runner.dispatch.outcome_recorder._PAUSES_OF_THE_LEDGER_SECONDS", (0.001,) * 1000)
    all_left = asyncio.Event()

    async def answer(_claim):
        if len(stage.sent) == 4:
            stage.dispatcher.stop()
            event.listen(ledger.engine, "do_connect", refuse_to_connect)
            ledger.engine.dispose()
            all_left.set()
        await all_left.wait()
        return accepted("11")

    def refuse_to_connect(dialect, *_):
        raise dialect.loaded_dbapi.OperationalError("gone")

    stage = Stage(ledger, calls(9), answer=answer, max_in_flight=4)
    with pytest.raises(LedgerUnavailableError):
        stage.run()
    assert stage.heard(AnswersUnrecorded) == [AnswersUnrecorded(count=4)]
    assert sorted(stage.states().values()) == ["planned"] * 5 + ["sending"] * 4


@pytest.mark.parametrize("max_in_flight", [1, 4])
def test_a_stop_finishes_what_is_under_way_and_leaves_the_rest_planned(ledger, max_in_flight):
    stage = Stage(ledger, calls(20), max_in_flight=max_in_flight)
    stop_after(stage, "c2")
    assert stage.run() is RunEnd.INTERRUPTED
    states = stage.states()
    assert {key for key, state in states.items() if state == "queued"} == set(stage.sent_keys)
    assert set(states.values()) == {"queued", "planned"}
    assert 3 <= len(stage.sent) <= 2 + max_in_flight


def test_a_stop_ends_a_wait_for_the_next_call(ledger):
    stage = Stage(ledger, [call("c0"), call("c1", start=NOW + 90_000)], clock=StoppedClock())
    stage.on_event = lambda event: stage.dispatcher.stop() if isinstance(event, Waiting) else None
    assert stage.run() is RunEnd.INTERRUPTED
    assert stage.states() == {"c0": "queued", "c1": "planned"}


def test_a_stop_ends_a_wait_for_the_request_rate(ledger):
    stage = Stage(ledger, calls(3), requests_per_second=0.001)
    stage.on_event = lambda event: stage.dispatcher.stop() if isinstance(event, CallEnded) else None
    assert stage.run() is RunEnd.INTERRUPTED
    assert stage.states() == {"c0": "queued", "c1": "planned", "c2": "planned"}


def test_after_a_stop_that_comes_while_the_lists_are_read_nothing_is_claimed(ledger):
    stage = Stage(ledger, calls(3))

    def read():
        stage.dispatcher.stop()

    stage.newly_suppressed = read
    assert stage.run() is RunEnd.INTERRUPTED
    assert stage.sent == []
    assert set(stage.states().values()) == {"planned"}


def test_a_cancelled_run_still_records_what_is_under_way(ledger):
    async def cancelled():
        under_way, answer_may_come = asyncio.Event(), asyncio.Event()

        async def hold_up(_claim):
            under_way.set()
            await answer_may_come.wait()

        stage = Stage(ledger, calls(3), before=hold_up, max_in_flight=2)
        running = asyncio.create_task(stage.run_in_loop())
        await under_way.wait()
        running.cancel()
        await asyncio.sleep(0)
        answer_may_come.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        return stage

    stage = asyncio.run(cancelled())
    assert "sending" not in stage.states().values()
    assert [state for state in stage.states().values() if state == "queued"] == ["queued"] * len(stage.sent)


def test_until_idle_sends_what_is_due_within_a_minute_and_leaves_the_rest(ledger):
    soon = [call("c0"), call("c1", start=NOW + 360)]
    stage = Stage(ledger, [*soon, call("c2", start=NOW + 3900)], until_idle=True)
    assert stage.run() is RunEnd.IDLE
    assert stage.states() == {"c0": "queued", "c1": "queued", "c2": "planned"}
    assert stage.clock.time == NOW + 60


def test_until_idle_is_done_when_nothing_is_left(ledger):
    stage = Stage(ledger, calls(2), until_idle=True)
    assert stage.run() is RunEnd.DONE


def test_until_idle_waits_for_the_answers_under_way(ledger):
    async def slowly(_claim):
        for _ in range(10):
            await asyncio.sleep(0)

    planned = [call("c0"), call("c1"), call("c2", start=NOW + 90_000)]
    stage = Stage(ledger, planned, before=slowly, max_in_flight=2, until_idle=True)
    assert stage.run() is RunEnd.IDLE
    assert stage.states() == {"c0": "queued", "c1": "queued", "c2": "planned"}


def test_an_unexpected_error_ends_the_run_after_the_others_were_recorded(ledger):
    c1_left, broken = asyncio.Event(), asyncio.Event()

    async def answer(claim):
        if claim.key == "c0":
            await c1_left.wait()
            broken.set()
            raise OddError
        c1_left.set()
        await broken.wait()
        return accepted("11")

    stage = Stage(ledger, calls(9), answer=answer, max_in_flight=2)
    with pytest.raises(OddError):
        stage.run()
    assert stage.sent_keys == ["c0", "c1"]
    states = stage.states()
    assert (states.pop("c0"), states.pop("c1")) == ("sending", "queued")
    assert set(states.values()) == {"planned"}


def test_a_call_whose_sending_broke_off_unexpectedly_is_never_sent_again(ledger):
    def answer(_claim):
        raise OddError

    with pytest.raises(OddError):
        Stage(ledger, calls(1), answer=answer).run()
    assert declare_dead(ledger) == 1
    stage = Stage(ledger, [])
    assert stage.run() is RunEnd.DONE
    assert stage.states() == {"c0": "uncertain"}


def test_a_run_that_was_declared_dead_records_its_answer_and_sends_nothing_more(ledger):
    def answer(claim):
        if claim.key == "c1":
            declare_dead(ledger)
        return accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(5), answer=answer)
    with pytest.raises(CampaignHeldError, match="was suspended for so long"):
        stage.run()
    assert stage.sent_keys == ["c0", "c1"]
    assert stage.states() == {
        "c0": "queued",
        "c1": "queued",
        "c2": "planned",
        "c3": "planned",
        "c4": "planned",
    }


def test_a_listener_that_breaks_ends_the_run_with_the_outcome_recorded(ledger):
    def break_down(event):
        if isinstance(event, CallEnded):
            raise BrokenPipeError

    stage = Stage(ledger, calls(3), on_event=break_down)
    with pytest.raises(BrokenPipeError):
        stage.run()
    assert stage.states() == {"c0": "queued", "c1": "planned", "c2": "planned"}


def dated(stage, ahead):
    """Answers of a server whose clock makes ours look `ahead` seconds ahead."""

    def answer(claim):
        good = accepted(claim.key[1:] + "1")
        return Exchange(
            sent=True, status=200, headers=good.headers, body=good.body, date=stage.clock.now() - ahead
        )

    stage.answer = answer


def test_a_clock_that_is_off_gives_one_warning_and_the_calls_go_on(ledger):
    stage = Stage(ledger, calls(3))
    dated(stage, 60)
    assert stage.run() is RunEnd.DONE
    assert stage.heard(ClockIsOff) == [ClockIsOff(seconds=60)]


def test_a_clock_that_is_far_off_stops_the_campaign_with_the_first_call_recorded(ledger):
    stage = Stage(ledger, calls(3))
    dated(stage, -600)
    with pytest.raises(StoppedError, match="clock is 600 s behind"):
        stage.run()
    assert stage.states() == {"c0": "queued", "c1": "planned", "c2": "planned"}


def test_an_answer_401_with_a_call_id_stops_the_campaign_at_once_and_is_uncertain(ledger):
    stage = Stage(ledger, calls(3), answer=lambda _claim: answered(401, error="no account", call_id=155761))
    with pytest.raises(StoppedError, match="Insight answered 401: no account") as caught:
        stage.run()
    assert "RUNNER_INSIGHT_USERNAME" in caught.value.hint
    assert stage.states() == {"c0": "uncertain", "c1": "planned", "c2": "planned"}


def test_the_first_error_is_the_one_that_is_shown(ledger):
    async def together(claim):
        await asyncio.sleep(0)
        return answered(404 if claim.key == "c0" else 401, error=f"about {claim.key}")

    stage = Stage(ledger, calls(2), answer=together, max_in_flight=2)
    with pytest.raises(StoppedError, match="about c0"):
        stage.run()


def test_no_thread_of_the_ledger_is_left_behind(ledger):
    Stage(ledger, calls(3)).run()
    assert not [t for t in threading.enumerate() if t.name.startswith("ledger")]


def test_a_run_that_is_stopped_goes_on_where_it_stopped(ledger):
    first = Stage(ledger, calls(6))
    stop_after(first, "c2")
    first.run()
    left = [each for each in calls(6) if first.states()[each.key] == "planned"]
    second = Stage(ledger, left)
    assert second.run() is RunEnd.DONE
    assert sorted(first.sent_keys + second.sent_keys) == [f"c{n}" for n in range(6)]
    assert set(second.states().values()) == {"queued"}


def test_a_call_that_is_added_just_before_the_end_is_sent(ledger):
    stage = Stage(ledger, [call("c0"), call("c1", "+16175550001")])

    def hold_back(_claim):
        change(ledger, "skipped")
        stage.context.awaits = add_and_await_nothing
        return accepted("1")

    async def add_and_await_nothing():
        change(ledger, "planned")
        stage.answer = None
        stage.context.awaits = nothing_awaited
        return False

    stage.answer = hold_back
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1"]


def change(ledger, state):
    """As another part of the run that writes into the ledger."""
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE calls SET state = '{state}' WHERE contact = 'c1'")
