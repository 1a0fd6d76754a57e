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

        clock.start(on_alarm)
        try:
            for seconds in alarms:
                clock.set_alarm(clock.now() + seconds, idle=idle)
            async with asyncio.timeout(HANGS_AFTER_SECONDS):
                await rang.wait()
        finally:
            await clock.stop()
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


def test_a_clock_that_never_started_can_be_stopped():
    asyncio.run(Timer().stop())


def test_a_clock_that_would_ring_just_when_it_is_stopped_reports_no_failure(caplog):
    async def stop_and_ring():
        clock = Timer()
        clock.start(lambda: None)
        clock.set_alarm(clock.now() - 1, idle=False)
        stopping = asyncio.create_task(clock.stop())
        await asyncio.sleep(0)
        # What the scheduler does when its time has come; a ring on its way would be cancelled.
        clock._scheduler._process_jobs()  # noqa: SLF001 - nobody can wait for this moment
        await stopping
        await asyncio.sleep(0.01)

    asyncio.run(stop_and_ring())
    assert caplog.records == []
