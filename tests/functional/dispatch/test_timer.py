"""The alarm clock on APScheduler: it rings in the loop, at the last setting, and leaps in rehearsals."""

import asyncio
import threading
import time

import pytest

from runner.dispatch.timer import RehearsalTimer, Timer

HANGS_AFTER_SECONDS = 20


def ring(clock, *alarms, idle=False):
    """Sets `alarms` (seconds from now) one after the other, and returns the thread that rang first."""

    async def wait():
        rang, threads = asyncio.Event(), []

        def on_alarm():
            threads.append(threading.get_ident())
            rang.set()

        alarm = clock.alarm(on_alarm)
        try:
            for seconds in alarms:
                alarm.set(clock.now() + seconds, idle=idle)
            async with asyncio.timeout(HANGS_AFTER_SECONDS):
                await rang.wait()
        finally:
            await alarm.stop()
        return threads[0]

    return asyncio.run(wait())


@pytest.mark.parametrize("seconds", [-1_000_000, -1, 0, 0.01])
def test_an_alarm_rings_in_the_loop_even_if_its_time_is_long_past(seconds):
    assert ring(Timer(), seconds) == threading.get_ident()


def test_the_last_setting_counts():
    assert ring(Timer(), 90_000, 0) == threading.get_ident()


def test_the_real_clock_never_leaps():
    clock = Timer()
    ring(clock, 90_000, 0, idle=True)
    assert clock.now() < time.time() + 1


def test_a_rehearsal_leaps_to_the_alarm_while_nothing_is_under_way():
    clock = RehearsalTimer()
    before = time.time()
    ring(clock, 90_000, idle=True)
    assert clock.now() >= before + 90_000


def test_a_rehearsal_does_not_leap_while_something_is_under_way():
    clock = RehearsalTimer()
    ring(clock, 90_000, 0, idle=False)
    assert clock.now() < time.time() + 1


def test_leaps_add_up_and_never_go_back():
    clock = RehearsalTimer()
    before = time.time()
    ring(clock, 5000, 6000, -3000, idle=True)
    assert clock.now() >= before + 11_000


def test_an_alarm_that_would_ring_just_when_it_is_stopped_reports_no_failure(caplog):
    async def stop_and_ring():
        timer = Timer()
        alarm = timer.alarm(lambda: None)
        alarm.set(timer.now() - 1, idle=False)
        # The scheduler submits the ring; it would run in the next round of the loop.
        await asyncio.sleep(0)
        await alarm.stop()
        await asyncio.sleep(0.01)

    asyncio.run(stop_and_ring())
    assert caplog.records == []


def test_two_alarms_share_a_scheduler_and_one_goes_on_when_the_other_stops():
    async def stop_one():
        timer, rang = Timer(), asyncio.Event()
        stopped, other = timer.alarm(lambda: pytest.fail("a stopped alarm rang")), timer.alarm(rang.set)
        stopped.set(timer.now() + 0.05, idle=False)
        await stopped.stop()
        other.set(timer.now() + 0.1, idle=False)
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await rang.wait()
        await other.stop()

    asyncio.run(stop_one())
