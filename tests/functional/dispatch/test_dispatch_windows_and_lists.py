"""Nobody is called at a wrong time, and nobody who is on a list by now."""

import asyncio
from contextlib import closing

import pytest
from dispatch_harness import NOT_SENT, LeapingClock, Stage, StoppedClock, accepted
from planned_calls import CAMPAIGN, NOW, call, calls, phone

from runner.calls import ReasonCode, StateReason
from runner.dispatch.events import (
    CallEnded,
    CallsMoved,
    CallsWithdrawn,
    ListsReadAgain,
    ListUnreadable,
    OptedOutTooLate,
    RunEnd,
)
from runner.errors import SourceError
from runner.ledger.ledger import Ledger
from runner.ledger.overview import overview
from runner.ledger.suppressions import SuppressionActs, Target
from runner.planning.pacing import LATE_SECONDS
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
    assert stage.run() is RunEnd.DONE
    assert stage.heard(CallsMoved) == [CallsMoved(moved=5, skipped=0)]
    assert sent_at == [NEXT_DAY + 60 * n for n in range(5)]
    assert [c.start_timestamp for c in stage.sent] == [NEXT_DAY + 60 * n + 300 for n in range(5)]
    assert [c.end_timestamp for c in stage.sent] == [NEXT_DAY + 60 * n + 900 for n in range(5)]


def test_a_late_call_for_which_no_time_is_left_is_skipped_with_the_reason(ledger):
    stage = Stage(ledger, [call("c0", start=NOW - 1000), call("c1")])
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c1"]
    assert stage.states() == {"c0": "skipped", "c1": "queued"}
    assert stage.value("c0", "reason") == "no_time_left"
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
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1", "c2", "c3"]
    assert [c.start_timestamp for c in stage.sent[2:]] == [NEXT_DAY + 300, NEXT_DAY + 360]


def test_a_call_whose_window_closes_between_claim_and_sending_does_not_leave_and_is_not_lost(ledger):
    stage = Stage(ledger, calls(2), reschedule=slots_from(NEXT_DAY))

    async def wait_for_a_connection(claim):
        if claim.key == "c0" and stage.clock.time < NEXT_DAY:
            stage.clock.time = claim.end_timestamp

    stage.before = wait_for_a_connection
    assert stage.run() is RunEnd.DONE
    assert stage.states() == {"c0": "queued", "c1": "queued"}
    assert sorted(stage.sent_keys) == ["c0", "c1"]
    assert min(c.start_timestamp for c in stage.sent) >= NEXT_DAY


def test_a_call_that_waits_too_long_for_a_connection_and_has_no_other_window_is_skipped(ledger):
    stage = Stage(ledger, calls(1))

    async def wait_for_a_connection(claim):
        stage.clock.time = claim.start_timestamp + LATE_SECONDS + 1

    stage.before = wait_for_a_connection
    assert stage.run() is RunEnd.DONE
    assert stage.sent == []
    assert stage.states() == {"c0": "skipped"}


def test_a_contact_listed_since_the_plan_is_withdrawn_before_the_next_batch(ledger):
    lists = iter([None, lambda key, _phone: "on do-not-call.csv:7" if key == "c2" else None])
    stage = Stage(ledger, calls(4), newly_suppressed=lambda: next(lists, None), requests_per_second=20)
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1", "c3"]
    assert stage.states()["c2"] == "skipped"
    assert stage.value("c2", "reason") == 'excluded {"why": "on do-not-call.csv:7"}'
    assert stage.heard(CallsWithdrawn) == [CallsWithdrawn(count=1)]


def test_a_list_is_compared_by_number_too(ledger):
    number = call("c1").phone
    lists = iter([lambda _key, phone: "on list:2" if phone == number else None])
    stage = Stage(ledger, calls(3), newly_suppressed=lambda: next(lists, None))
    stage.run()
    assert stage.sent_keys == ["c0", "c2"]


def test_a_contact_listed_while_under_way_is_not_tried_again(ledger):
    """The call misses the comparison because it is being sent; then it turns out that nothing left."""

    def opted_out(key, _phone):
        return "on list:2" if key == "c0" else None

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
        newly_suppressed=lambda: opted_out if "c0" in stage.sent_keys else None,
        max_in_flight=2,
        requests_per_second=20,
    )
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1"]
    assert stage.states() == {"c0": "skipped", "c1": "queued"}


class RingingClock(LeapingClock):
    """Leaps to the next alarm also while a list cannot be read, or a request is under way."""

    def set_alarm(self, at, *, idle):  # noqa: ARG002
        super().set_alarm(at, idle=True)


class List:
    """A suppression list that cannot be read while `broken` says so; `looks` counts the tries."""

    def __init__(self, broken):
        self.broken = broken
        self.looks = 0

    def __call__(self):
        self.looks += 1
        if self.broken():
            raise SourceError("do-not-call.csv:3: it has 1 field, the header 2")


def test_a_list_that_cannot_be_read_holds_sending_until_it_can_and_says_both(ledger):
    never_call = List(lambda: len(stage.sent) >= 2 and never_call.looks < 6)
    stage = Stage(ledger, calls(6), newly_suppressed=never_call, clock=RingingClock())
    looks_at_sending = []
    stage.answer = lambda claim: looks_at_sending.append(never_call.looks) or accepted(f"1{claim.key[1:]}")
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert looks_at_sending[2] == 6, "nothing is sent while the list cannot be read"
    told = [event for event in stage.events if isinstance(event, ListUnreadable | ListsReadAgain)]
    assert told == [
        ListUnreadable(problem="do-not-call.csv:3: it has 1 field, the header 2"),
        ListsReadAgain(),
    ]


def test_a_person_whom_the_list_names_when_it_can_be_read_again_is_not_called(ledger):
    def read():
        never_call()
        return lambda key, _phone: "on do-not-call.csv:3" if key == "c1" else None

    never_call = List(lambda: never_call.looks < 4)
    stage = Stage(ledger, calls(3), newly_suppressed=read, clock=RingingClock())
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c2"]


def test_a_request_that_has_not_left_when_a_list_cannot_be_read_does_not_leave(ledger):
    """It was claimed before, and waits for its connection."""
    cannot_be_read = asyncio.Event()

    async def wait_for_a_connection(claim):
        if claim.key == "c0" and not cannot_be_read.is_set():
            await cannot_be_read.wait()

    def on_event(event):
        if isinstance(event, ListUnreadable):
            cannot_be_read.set()

    never_call = List(lambda: 1 < never_call.looks < 5)
    stage = Stage(
        ledger,
        calls(2),
        before=wait_for_a_connection,
        newly_suppressed=never_call,
        on_event=on_event,
        max_in_flight=2,
        requests_per_second=20,
        clock=RingingClock(),
    )
    assert stage.run() is RunEnd.DONE
    (held,) = [event for event in stage.heard(CallEnded) if event.reason]
    assert (held.key, held.state, held.reason) == ("c0", "planned", StateReason(ReasonCode.LIST_UNREADABLE))
    assert sorted(stage.sent_keys) == ["c0", "c1"]


def test_calls_whose_window_passes_while_a_list_cannot_be_read_get_new_slots_or_none(ledger):
    class SlowClock(RingingClock):
        def set_alarm(self, at, *, idle):
            super().set_alarm(at + (200 if self.time < NOW + 400 else 0), idle=idle)

    never_call = List(lambda: stage.clock.time < NOW + 400)
    planned = [call("c0"), call("c1", start=NOW + 90_000)]
    stage = Stage(ledger, planned, newly_suppressed=never_call, clock=SlowClock())
    assert stage.run() is RunEnd.DONE
    assert stage.states() == {"c0": "skipped", "c1": "queued"}
    assert stage.heard(CallsMoved) == [CallsMoved(moved=0, skipped=1)]


def test_a_run_that_is_held_by_a_list_can_be_ended(ledger):
    never_call = List(lambda: True)
    stage = Stage(ledger, calls(3), newly_suppressed=never_call, clock=StoppedClock())
    stage.on_event = lambda event: stage.dispatcher.stop() if isinstance(event, ListUnreadable) else None
    assert stage.run() is RunEnd.INTERRUPTED
    assert stage.sent == []
    assert set(stage.states().values()) == {"planned"}


def test_a_clock_that_leaps_forward_by_days_sends_nothing_outside_its_window(ledger):
    stage = Stage(ledger, calls(3), clock=LeapingClock(NOW + 10 * 86_400))
    assert stage.run() is RunEnd.DONE
    assert stage.sent == []
    assert set(stage.states().values()) == {"skipped"}


def test_who_was_put_on_a_list_after_their_call_was_sent_is_reported_once_with_until_when(ledger):
    def lists():
        # Before each of the batches: unchanged, then changed twice.
        return next(found, None)

    found = iter([None, lambda key, _: "on stop.csv:2" if key == "c0" else None] * 2)
    stage = Stage(ledger, calls(4), newly_suppressed=lists, requests_per_second=20)
    stage.run()
    (event,) = stage.heard(OptedOutTooLate)
    (late,) = event.found
    assert (late.key, late.reason, late.until) == ("c0", "on stop.csv:2", NOW + 3900)
    assert stage.value("c0", "opted_out") == "on stop.csv:2"
    seen = overview(ledger.engine, CAMPAIGN, NOW, 0).late_opt_outs
    assert [(each.key, each.state) for each in seen] == [("c0", "queued")]
    assert overview(ledger.engine, CAMPAIGN, NOW + 3900, 0).late_opt_outs == []


def test_who_is_suppressed_while_their_request_waits_for_a_connection_is_not_called(ledger, url):
    """The entry comes from another process, after the claim and before the bytes."""
    live = ledger.suppressions(CAMPAIGN)

    def suppress():
        with closing(Ledger.open(url)) as other:
            acts = SuppressionActs(other.engine, "ann@desk")
            acts.add([(Target(phone(1), ""), "a label")], None, None, "", NOW)

    async def before(claim):
        if claim.key == "c1" and not live.revision:
            await asyncio.to_thread(suppress)
            async with asyncio.timeout(10):
                while not live.revision:  # noqa: ASYNC110 - a thread of the run reads it
                    await asyncio.sleep(0.01)

    stage = Stage(
        ledger,
        calls(3),
        before=before,
        suppressions=live,
        lists=lambda key, number: live.entries.match(key, number, NOW),
    )
    assert stage.run() is RunEnd.DONE
    assert stage.sent_keys == ["c0", "c2"]
    assert stage.states() == {"c0": "queued", "c1": "skipped", "c2": "queued"}
