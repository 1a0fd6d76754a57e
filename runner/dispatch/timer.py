"""What time it is, whether the clocks agree, and when each part of a run wakes up. The only module with
APScheduler.

The ledger is the only memory; APScheduler keeps two small jobs for each alarm in its own. One job per call
would be wrong: measured, 60,000 date jobs at one instant with the default grace of a second ran none of them,
and with no grace all at once.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from runner.dispatch.events import ClockIsOff, Event
from runner.errors import StoppedError
from runner.insight.outcome import Exchange

RECHECK_SECONDS = 2
"""The ledger is asked this often, however wrong an alarm may be (suspend, a wall clock that was set); less
often where there are many alarms. What an operator does is seen by the heartbeat of each run.
"""
# Where the loop was busy for long, a recheck may be due before the last one has run. APScheduler leaves one
# out then, which changes nothing, and warns.
logging.getLogger("apscheduler").setLevel(logging.ERROR)

_RECHECKS_A_SECOND = 20
"""Of all alarms together, so that they take as little time for a hundred campaigns as for ten."""
WARNING_SECONDS = 30
STOP_SECONDS = 300
"""Between two clocks: calls would start at wrong hours."""


class Timer:
    """Wall-clock time, and the alarms in one event loop. Times are UTC Unix seconds."""

    ahead_seconds = 0.25
    """So long before its time a call may be claimed, and then waits: calls of many campaigns are due in the
    same second, and their claims must not make them late.
    """

    def __init__(self) -> None:
        self._scheduler: AsyncIOScheduler | None = None
        self._alarms: list[Alarm] = []
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def follow(self, ahead: float) -> None:
        """Uses a clock that is `ahead` seconds of this machine's: the runs of one ledger share its clock."""
        self._ahead = ahead

    def alarm(self, on_ring: Callable[[], None]) -> "Alarm":
        """A new alarm. Needs a running event loop; all alarms share one scheduler."""
        if self._scheduler is None:
            self._scheduler = AsyncIOScheduler(
                timezone=UTC,
                job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            )
            self._scheduler.start()
        recheck_seconds = max(RECHECK_SECONDS, len(self._alarms) / _RECHECKS_A_SECOND)
        alarm = Alarm(self, self._scheduler, on_ring, recheck_seconds)
        self._alarms.append(alarm)
        return alarm

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Inside, a rehearsal does not leap: somebody works who has no alarm yet."""
        alarm = self.alarm(lambda: None)
        try:
            yield
        finally:
            await alarm.stop()

    def by_this_machine(self, at: float) -> float:
        """The same instant by this machine's clock."""
        return at - self._ahead

    def alarms_changed(self) -> None:
        """An alarm was set or stopped. Only rehearsals act on it."""

    def release(self, alarm: "Alarm") -> None:
        """Ends the scheduler with its last alarm."""
        self._alarms.remove(alarm)
        if self._alarms:
            self.alarms_changed()
        elif self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None


class Alarm:
    """Rings at the time it is set to, and every `recheck_seconds`.

    Its owner works from a ring until the next `set`; in between, a rehearsal does not leap.
    """

    _numbers = count()

    def __init__(
        self,
        timer: Timer,
        scheduler: AsyncIOScheduler,
        on_ring: Callable[[], None],
        recheck_seconds: float,
    ) -> None:
        self._timer = timer
        self._scheduler = scheduler
        self._on_ring = on_ring
        self._rings_at: float | None = None
        self.at: float | None = None
        """What it is set to (UTC Unix seconds); None until then, and where nothing is awaited."""
        self.idle = False
        """Whether its owner only waits."""
        number = next(self._numbers)
        self._jobs = alarm, recheck = f"alarm {number}", f"recheck {number}"
        self._alarm = alarm
        scheduler.add_job(self._recheck, "interval", seconds=recheck_seconds, id=recheck)

    def set(self, at: float | None, *, idle: bool) -> None:
        """Rings at `at`, in place of any earlier setting; with None at no time.

        `idle`: nothing is under way, so that time may leap.
        """
        self.at, self.idle = at, idle
        self.schedule()
        self._timer.alarms_changed()

    def busy(self) -> None:
        """Its owner works, until it sets the alarm again."""
        self.idle = False

    def ring(self) -> None:
        """Wakes its owner now."""
        self.busy()
        self._on_ring()

    def schedule(self) -> None:
        """Rings by the clock as it goes now."""
        rings_at = None if self.at is None else self._timer.by_this_machine(self.at)
        if rings_at == self._rings_at:
            return
        self._rings_at = rings_at
        if rings_at is None:
            self._remove(self._alarm)
            return
        self._scheduler.add_job(
            self._ring_alarm,
            "date",
            run_date=datetime.fromtimestamp(rings_at, UTC),
            id=self._alarm,
            replace_existing=True,
        )

    async def stop(self) -> None:
        """Ends it."""
        for job in self._jobs:
            self._remove(job)
        # A ring under way may finish: APScheduler would report a canceled one as a failure.
        await asyncio.sleep(0)
        self._timer.release(self)

    def _remove(self, job: str) -> None:
        if self._scheduler.get_job(job) is not None:
            self._scheduler.remove_job(job)

    # Coroutines, because APScheduler would run a plain function in a thread.
    async def _ring_alarm(self) -> None:
        self.at = self._rings_at = None
        self.ring()

    async def _recheck(self) -> None:
        self.ring()


class RehearsalTimer(Timer):
    """Of one rehearsal: while the owners of all alarms wait, it leaps to the earliest alarm.

    So a campaign of two weeks is rehearsed against the sandbox in the time that its requests take.
    """

    ahead_seconds = 0

    def follow(self, ahead: float) -> None:
        """A rehearsal shares its ledger with no other run."""

    def alarms_changed(self) -> None:
        # Not at once: an owner that was just woken runs first, and marks its alarm as busy.
        asyncio.get_running_loop().call_soon(self._leap)

    def _leap(self) -> None:
        to = next_leap((alarm.at, alarm.idle) for alarm in self._alarms)
        if to is None or to <= self.now():
            return
        self._ahead += to - self.now()
        for alarm in self._alarms:
            alarm.schedule()


def next_leap(alarms: Iterable[tuple[float | None, bool]]) -> float | None:
    """The earliest of these alarms, each (time, idle); None while one is not idle, or none has a time."""
    times: list[float] = []
    for at, idle in alarms:
        if not idle:
            return None
        if at is not None:
            times.append(at)
    return min(times, default=None)


class ClockCheck:
    """Compares this machine's clock with others. `now` gives UTC Unix seconds."""

    def __init__(self, now: Callable[[], float], on_event: Callable[[Event], None]) -> None:
        self._now = now
        self._on_event = on_event
        self._warned = False

    def compare_database(self, ahead: float) -> None:
        """`ahead` is the clock of the ledger's database less this machine's, in seconds.

        Runs that share a ledger go by its clock. Raises StoppedError above 5 minutes. Smaller differences
        show when Insight's clock is compared.
        """
        _refuse_difference("the clock of the ledger's database", ahead, "this machine's")

    def compare(self, exchange: Exchange) -> None:
        """Warns once of a difference over 30 seconds. Raises StoppedError above 5 minutes."""
        if exchange.date is None:
            return
        ahead = self._now() - exchange.date
        _refuse_difference("this machine's clock", ahead, "Insight's")
        if abs(ahead) > WARNING_SECONDS and not self._warned:
            self._warned = True
            self._on_event(ClockIsOff(seconds=ahead))


def _refuse_difference(clock: str, ahead: float, other: str) -> None:
    if abs(ahead) > STOP_SECONDS:
        raise StoppedError(
            f"{clock} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {other}",
            hint="set the clocks (for example with NTP), then run the command again",
        )
