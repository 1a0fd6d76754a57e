"""Whatever the clock does, nobody is called outside a window: jumps, sleep, a slow disk."""

import time
from types import SimpleNamespace

import pytest
from dispatch_harness import LeapingClock, Stage, accepted, declare_dead
from planned_calls import NOW, call, calls

from runner.dispatch.events import CallsMoved
from runner.dispatch.timer import ClockCheck
from runner.errors import CampaignHeldError, StoppedError
from runner.insight.outcome import Exchange
from runner.ledger import lease as leases
from runner.ledger.lease import LEASE_SECONDS
from runner.planning.plan import Slot

HOUR, YEAR = 3600, 365 * 86400


@pytest.fixture
def boot_clock(monkeypatch):
    """The clock by which a run judges its own lease: it counts through sleep, and the test moves it."""
    ahead = SimpleNamespace(seconds=0.0)
    real = leases._now_through_sleep  # noqa: SLF001 - the one seam between the lease and the machine
    monkeypatch.setattr(leases, "_now_through_sleep", lambda: real() + ahead.seconds)
    return ahead


@pytest.mark.parametrize("jump", [HOUR * 2, HOUR * 24, YEAR])
def test_a_clock_that_jumps_past_the_windows_lets_nothing_leave(ledger, jump):
    clock = LeapingClock()

    def jump_after_the_first(claim):
        clock.time = NOW + jump
        return accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(4), answer=jump_after_the_first, clock=clock)
    stage.run()
    assert stage.sent_keys == ["c0"]
    assert stage.states() == {"c0": "queued", "c1": "skipped", "c2": "skipped", "c3": "skipped"}
    assert stage.value("c1", "reason") == "no_time_left"


@pytest.mark.parametrize("jump", [5, 59])
def test_a_jump_of_seconds_changes_nothing(ledger, jump):
    clock = LeapingClock()

    def jump_each_time(claim):
        clock.time += jump
        return accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(4), answer=jump_each_time, clock=clock)
    stage.run()
    assert set(stage.states().values()) == {"queued"}


@pytest.mark.parametrize("jump", [5, HOUR, YEAR])
def test_a_clock_that_is_set_back_makes_calls_wait_again_and_sends_none_twice(ledger, jump):
    clock = LeapingClock()
    sent_at = []

    def set_back(claim):
        sent_at.append(clock.time)
        if claim.key == "c0":
            clock.time -= jump
        return accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(3), answer=set_back, clock=clock)
    stage.run()
    assert stage.sent_keys == ["c0", "c1", "c2"]
    assert min(sent_at) >= NOW, "nothing leaves before its time by the clock of that moment"


def test_a_jump_between_claim_and_send_is_noticed_in_the_last_look(ledger):
    clock = LeapingClock()

    async def jump(_claim):
        clock.time = NOW + 2 * HOUR

    stage = Stage(ledger, [call("c0")], before=jump, clock=clock)
    stage.run()
    assert stage.sent == []
    assert stage.states() == {"c0": "skipped"}


def test_after_a_long_sleep_late_calls_get_new_slots_or_none_and_never_leave_in_a_burst(ledger):
    clock = LeapingClock()
    slots = iter(range(NOW + HOUR + 60, NOW + 2 * HOUR, 60))

    def spread(late, _taken, _now):
        starts = {each.id: next(slots) for each in late[:2]}
        return {
            each.id: Slot(
                queue_at=starts[each.id] - 30,
                start_timestamp=starts[each.id],
                end_timestamp=starts[each.id] + 600,
            )
            if each.id in starts
            else None
            for each in late
        }

    def sleep_after_the_first(claim):
        clock.time = max(clock.time, NOW + HOUR)
        return accepted(claim.key[1:] + "1")

    stage = Stage(ledger, calls(4), answer=sleep_after_the_first, clock=clock, reschedule=spread)
    stage.run()
    assert stage.heard(CallsMoved) == [CallsMoved(moved=2, skipped=1)]
    assert [claim.start_timestamp for claim in stage.sent] == [NOW + 300, NOW + HOUR + 60, NOW + HOUR + 120]


def test_a_process_that_slept_through_its_lease_sends_nothing_until_it_holds_it_again(ledger, boot_clock):
    slept = []

    async def sleep(claim):
        if not slept:
            slept.append(claim.key)
            boot_clock.seconds += LEASE_SECONDS

    stage = Stage(ledger, calls(2), before=sleep)
    stage.run()
    assert slept == ["c0"]
    assert sorted(stage.sent_keys) == ["c0", "c1"]
    assert stage.states() == {"c0": "queued", "c1": "queued"}


def test_a_process_that_was_overtaken_in_its_sleep_sends_nothing_more(ledger, boot_clock):
    async def sleep_and_be_overtaken(_claim):
        boot_clock.seconds += LEASE_SECONDS
        declare_dead(ledger)

    stage = Stage(ledger, calls(3), before=sleep_and_be_overtaken)
    with pytest.raises(CampaignHeldError, match="was suspended for so long"):
        stage.run()
    assert stage.sent == []
    assert set(stage.states().values()) == {"planned"}, "it proved itself that nothing was sent"


def test_a_disk_so_slow_that_the_start_passes_while_the_intent_is_written_lets_nothing_leave(ledger):
    clock = LeapingClock()
    stage = Stage(ledger, [call("c0", start=NOW + 300, end_timestamp=NOW + 3900)], clock=clock)

    async def slow_commit(_claim):
        clock.time = NOW + 300 + 61

    stage.before = slow_commit
    stage.run()
    assert stage.sent == []
    assert stage.states() == {"c0": "skipped"}


def test_a_clock_far_from_insights_stops_the_run(ledger):
    def answer(_claim):
        answered = accepted("11")
        return Exchange(
            sent=True, status=200, headers=answered.headers, body=answered.body, date=time.time() - YEAR
        )

    stage = Stage(ledger, calls(3), answer=answer)
    with pytest.raises(StoppedError, match="clock"):
        stage.run()
    assert len(stage.sent) == 1


@pytest.mark.parametrize("ahead", [-301, 301])
def test_a_database_whose_clock_is_far_off_stops_the_run(ahead):
    check = ClockCheck(lambda: NOW, lambda _event: None)
    check.compare_database(ahead / 2)
    with pytest.raises(StoppedError, match="clock of the ledger's database"):
        check.compare_database(ahead)
