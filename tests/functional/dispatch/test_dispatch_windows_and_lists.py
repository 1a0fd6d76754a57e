"""Nobody is called at a wrong time, and nobody who is on a list by now."""

import asyncio
import itertools

import pytest
from stage import (
    NOT_SENT,
    NOW,
    LeapingClock,
    Stage,
    accepted,
    call,
    calls,
)

from runner.dispatch.events import CallsMoved, CallsWithdrawn, Finish
from runner.dispatch.sender import LATE_SECONDS
from runner.errors import SourceError
from runner.planning.plan import Slot

NEXT_DAY = NOW + 86_400


def slots_from(first):
    """Gives late calls the slots a minute apart from `first` on."""

    def reschedule(late, _taken, _now):
        return {
            each.id: Slot(
                queue_at=first + 60 * n,
                start_timestamp=first + 60 * n + 300,
                end_timestamp=first + 60 * n + 900,
            )
            for n, each in enumerate(late)
        }

    return reschedule


def test_calls_that_became_late_while_runner_was_down_leave_at_their_new_slots(ledger):
    stage = Stage(ledger, calls(5, start=NOW - 1000), reschedule=slots_from(NEXT_DAY))
    sent_at = []
    stage.answer = lambda claim: sent_at.append(stage.clock.time) or accepted(claim.key[1:] + "1")
    assert stage.run() is Finish.DONE
    assert stage.heard(CallsMoved) == [CallsMoved(moved=5, skipped=0)]
    assert sent_at == [NEXT_DAY + 60 * n for n in range(5)]
    assert [c.start_timestamp for c in stage.sent] == [NEXT_DAY + 60 * n + 300 for n in range(5)]
    assert [c.end_timestamp for c in stage.sent] == [NEXT_DAY + 60 * n + 900 for n in range(5)]


def test_a_late_call_for_which_no_time_is_left_is_skipped_with_the_reason(ledger):
    stage = Stage(ledger, [call("c0", start=NOW - 1000), call("c1")])
    assert stage.run() is Finish.DONE
    assert stage.sent_keys == ["c1"]
    assert stage.states() == {"c0": "skipped", "c1": "queued"}
    assert "late" in stage.value("c0", "reason")
    assert stage.heard(CallsMoved) == [CallsMoved(moved=0, skipped=1)]


def test_a_new_slot_is_asked_for_with_the_starts_that_are_taken(ledger):
    asked = []

    def reschedule(late, taken, now):
        asked.append((len(late), list(taken), now))
        return dict.fromkeys(each.id for each in late)

    stage = Stage(ledger, [call("c0", start=NOW - 61), call("c1", start=NOW + 420)], reschedule=reschedule)
    stage.run()
    assert asked == [(1, [NOW + 420], NOW)]


@pytest.mark.parametrize(
    ("seconds_after_its_start", "sent"), [(0, True), (LATE_SECONDS, True), (LATE_SECONDS + 1, False)]
)
def test_a_call_may_leave_up_to_a_minute_after_its_start_and_not_later(ledger, seconds_after_its_start, sent):
    stage = Stage(ledger, [call("c0", start=NOW - seconds_after_its_start)])
    stage.run()
    assert bool(stage.sent) is sent


def test_a_machine_that_slept_through_a_slot_sends_nothing_late(ledger):
    stage = Stage(ledger, calls(4), reschedule=slots_from(NEXT_DAY))

    def answer(claim):
        if claim.key == "c1":
            stage.clock.time = NOW + 30_000
        return accepted(claim.key[1:] + "1")

    stage.answer = answer
    assert stage.run() is Finish.DONE
    assert stage.sent_keys == ["c0", "c1", "c2", "c3"]
    assert [c.start_timestamp for c in stage.sent[2:]] == [NEXT_DAY + 300, NEXT_DAY + 360]


def test_a_call_whose_window_closes_between_claim_and_sending_does_not_leave_and_is_not_lost(ledger):
    stage = Stage(ledger, calls(2), reschedule=slots_from(NEXT_DAY))

    async def wait_for_a_connection(claim):
        if claim.key == "c0" and stage.clock.time < NEXT_DAY:
            stage.clock.time = claim.end_timestamp

    stage.before = wait_for_a_connection
    assert stage.run() is Finish.DONE
    assert stage.states() == {"c0": "queued", "c1": "queued"}
    assert sorted(stage.sent_keys) == ["c0", "c1"]
    assert min(c.start_timestamp for c in stage.sent) >= NEXT_DAY


def test_a_call_that_waits_too_long_for_a_connection_and_has_no_other_window_is_skipped(ledger):
    stage = Stage(ledger, calls(1))

    async def wait_for_a_connection(claim):
        stage.clock.time = claim.start_timestamp + LATE_SECONDS + 1

    stage.before = wait_for_a_connection
    assert stage.run() is Finish.DONE
    assert stage.sent == []
    assert stage.states() == {"c0": "skipped"}


def test_whoever_was_put_on_a_list_since_the_plan_is_withdrawn_before_the_next_batch(ledger):
    lists = iter([None, lambda key, _phone: "on do-not-call.csv:7" if key == "c2" else None])
    stage = Stage(ledger, calls(4), newly_suppressed=lambda: next(lists, None), requests_per_second=20)
    assert stage.run() is Finish.DONE
    assert stage.sent_keys == ["c0", "c1", "c3"]
    assert stage.states()["c2"] == "skipped"
    assert stage.value("c2", "reason") == "on do-not-call.csv:7"
    assert stage.heard(CallsWithdrawn) == [CallsWithdrawn(count=1)]


def test_a_list_is_compared_by_number_too(ledger):
    number = call("c1").phone
    lists = iter([lambda _key, phone: "on list:2" if phone == number else None])
    stage = Stage(ledger, calls(3), newly_suppressed=lambda: next(lists, None))
    stage.run()
    assert stage.sent_keys == ["c0", "c2"]


def test_whoever_was_put_on_a_list_while_under_way_is_not_tried_again(ledger):
    """The call misses the comparison because it is being sent; then it turns out that nothing left."""
    lists = iter([None, lambda key, _phone: "on list:2" if key == "c0" else None])
    second_left = asyncio.Event()

    async def answer(claim):
        if claim.key == "c0":
            await second_left.wait()
            return NOT_SENT
        second_left.set()
        return accepted("11")

    stage = Stage(
        ledger,
        calls(2),
        answer=answer,
        newly_suppressed=lambda: next(lists, None),
        max_in_flight=2,
        requests_per_second=20,
    )
    assert stage.run() is Finish.DONE
    assert stage.sent_keys == ["c0", "c1"]
    assert stage.states() == {"c0": "skipped", "c1": "queued"}


def test_a_list_that_cannot_be_read_stops_the_sending_and_leaves_the_rest_planned(ledger):
    def read():
        if len(stage.sent) >= 2:
            raise SourceError("do-not-call.csv: it cannot be read")

    stage = Stage(ledger, calls(6), newly_suppressed=read)
    with pytest.raises(SourceError):
        stage.run()
    assert stage.sent_keys == ["c0", "c1"]
    assert sorted(stage.states().values()) == ["planned"] * 4 + ["queued"] * 2


def test_a_list_that_cannot_be_read_lets_what_is_under_way_be_recorded(ledger):
    list_failed = asyncio.Event()

    async def answer(_claim):
        await list_failed.wait()
        return accepted("1")

    def read():
        if next(readings) == 0:
            return
        loop.call_soon_threadsafe(list_failed.set)
        raise SourceError("do-not-call.csv: it cannot be read")

    async def run():
        nonlocal loop
        loop = asyncio.get_running_loop()
        await stage._run()  # noqa: SLF001 - the list's thread needs its loop

    loop, readings = None, itertools.count()
    stage = Stage(
        ledger,
        calls(3),
        answer=answer,
        newly_suppressed=read,
        max_in_flight=2,
        requests_per_second=20,
    )
    with pytest.raises(SourceError):
        asyncio.run(run())
    assert stage.states() == {"c0": "queued", "c1": "planned", "c2": "planned"}


def test_a_clock_that_leaps_forward_by_days_sends_nothing_outside_its_window(ledger):
    stage = Stage(ledger, calls(3), clock=LeapingClock(NOW + 10 * 86_400))
    assert stage.run() is Finish.DONE
    assert stage.sent == []
    assert set(stage.states().values()) == {"skipped"}
