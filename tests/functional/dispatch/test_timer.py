"""The alarm clock on APScheduler: it rings in the loop, at the last setting, and leaps in rehearsals."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.dispatch.timer import RehearsalTimer, Timer, next_leap

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
    for seconds in (5000, 6000, -3000):
        ring(clock, seconds, idle=True)
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


class Worker:
    """Has an alarm, and works whenever it rings; `plan` are the times at which it wants to (seconds)."""

    def __init__(self, clock, started, plan, steps):
        self.clock, self.started, self.plan, self.steps = clock, started, sorted(plan), steps
        self.worked = []
        self.wake = asyncio.Event()
        self.alarm = clock.alarm(self.wake.set)

    async def run(self):
        for seconds in self.plan:
            self.alarm.set(self.started + seconds, idle=True)
            while self.clock.now() < self.started + seconds:
                await self.wake.wait()
                self.wake.clear()
                self.alarm.busy()
                if self.clock.now() < self.started + seconds:
                    self.alarm.set(self.started + seconds, idle=True)
            self.worked.append((seconds, self.clock.now() - self.started))
            for _ in range(self.steps):
                await asyncio.sleep(0)
        await self.alarm.stop()


def work(clock, *plans, steps=(0, 3, 7)):
    """Runs a worker for each plan; returns for each ring, in order: when it was wanted, and when it came."""

    async def together():
        started = clock.now()
        workers = [
            Worker(clock, started, plan, steps[number % len(steps)]) for number, plan in enumerate(plans)
        ]
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await asyncio.gather(*(worker.run() for worker in workers))
        return sorted(each for worker in workers for each in worker.worked)

    return asyncio.run(together())


DAY = 86_400
PLANS = st.lists(st.lists(st.integers(0, 14 * DAY), max_size=8), min_size=1, max_size=4)


@settings(deadline=None, max_examples=40)
@given(PLANS)
def test_a_rehearsal_with_several_alarms_rings_each_at_its_time(plans):
    worked = work(RehearsalTimer(), *plans)
    assert [wanted for wanted, _ in worked] == sorted(seconds for plan in plans for seconds in plan)
    # What is late by less came by the clock, which goes on during the work.
    assert all(-0.001 <= came - wanted < 5 for wanted, came in worked)


def test_two_days_of_a_rehearsal_that_two_share_are_over_at_once():
    began = time.monotonic()
    assert len(work(RehearsalTimer(), [DAY, 2 * DAY], [DAY - 1, DAY + 1])) == 4
    assert time.monotonic() - began < HANGS_AFTER_SECONDS / 2


def test_a_rehearsal_waits_for_an_owner_that_was_woken_before_the_last_one_went_idle():
    async def wake_then_wait():
        clock, woken = RehearsalTimer(), asyncio.Event()
        before = clock.now()
        sleeper, waker = clock.alarm(woken.set), clock.alarm(lambda: None)
        sleeper.set(before + DAY, idle=True)

        async def sleep():
            await woken.wait()
            sleeper.busy()
            await asyncio.sleep(0.1)
            return clock.now()

        sleeping = asyncio.create_task(sleep())
        await asyncio.sleep(0)
        woken.set()
        waker.set(before + 2 * DAY, idle=True)
        worked_at = await sleeping
        await sleeper.stop()
        await waker.stop()
        return worked_at - before

    assert asyncio.run(wake_then_wait()) < DAY


def test_an_alarm_set_to_no_time_holds_nobody_up():
    async def wait():
        clock, rang = RehearsalTimer(), asyncio.Event()
        before = clock.now()
        nothing, something = clock.alarm(lambda: None), clock.alarm(rang.set)
        nothing.set(None, idle=True)
        something.set(before + DAY, idle=True)
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await rang.wait()
        await nothing.stop()
        await something.stop()
        return clock.now() - before

    assert asyncio.run(wait()) >= DAY


def test_a_rehearsal_does_not_leap_while_it_is_held():
    async def hold():
        clock, rang = RehearsalTimer(), asyncio.Event()
        before = clock.now()
        alarm = clock.alarm(rang.set)
        async with clock.held():
            alarm.set(before + DAY, idle=True)
            await asyncio.sleep(0.05)
            assert clock.now() < before + DAY
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await rang.wait()
        await alarm.stop()

    asyncio.run(hold())


def test_when_somebody_busy_stops_the_others_leap():
    async def stop_the_busy_one():
        clock, rang = RehearsalTimer(), asyncio.Event()
        before = clock.now()
        idle, busy = clock.alarm(rang.set), clock.alarm(lambda: None)
        idle.set(before + DAY, idle=True)
        await asyncio.sleep(0.05)
        assert clock.now() < before + DAY
        await busy.stop()
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await rang.wait()
        await idle.stop()

    asyncio.run(stop_the_busy_one())


TIMES = st.tuples(st.none() | st.floats(0, 1e6), st.booleans())


@given(st.lists(TIMES))
def test_the_next_leap_is_to_the_earliest_alarm_when_all_are_idle(alarms):
    times = [at for at, _ in alarms if at is not None]
    to = next_leap(alarms)
    assert to == (min(times) if times and all(idle for _, idle in alarms) else None)
