"""The alarm clock: what time it is, and who is woken when. APScheduler's only door.

The ledger is the only memory; APScheduler keeps two small jobs in its own. One job per call would be wrong:
measured, 60,000 date jobs at one instant with the default grace of a second ran none of them, and with no
grace all at once.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

RECHECK_SECONDS = 2
"""The ledger is asked this often, however wrong an alarm may be (suspend, a wall clock that was set), and so
that what an operator does in another terminal takes effect soon.
"""


class Timer:
    """Wall-clock time and one alarm. Times are UTC Unix seconds."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._on_alarm: Callable[[], None] = lambda: None
        self._ahead = 0.0
        self._rings_at: float | None = None

    def now(self) -> float:
        return time.time() + self._ahead

    def follow(self, ahead: float) -> None:
        """Goes by a clock that is `ahead` seconds of this machine's: runs that share a campaign share it."""
        self._ahead = ahead

    def start(self, on_alarm: Callable[[], None]) -> None:
        """Begins to ring: at every alarm that is set, and every `RECHECK_SECONDS`. Needs a running loop."""
        self._on_alarm = on_alarm
        self._scheduler.start()
        self._scheduler.add_job(self._ring, "interval", seconds=RECHECK_SECONDS, id="recheck")

    def set_alarm(self, at: float, *, idle: bool) -> None:  # noqa: ARG002 - `idle` matters to rehearsals
        """Rings at `at`, instead of at any earlier setting. `idle` says that nothing is under way."""
        self._ring_at(at)

    async def stop(self) -> None:
        """Rings no more."""
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        # A ring that is just about to be heard is: cancelled, APScheduler would report it as a failure.
        await asyncio.sleep(0)
        self._scheduler.shutdown(wait=False)

    def _ring_at(self, at: float) -> None:
        by_this_machine = at - self._ahead
        if by_this_machine == self._rings_at:
            return
        self._rings_at = by_this_machine
        self._scheduler.add_job(
            self._ring_alarm,
            "date",
            run_date=datetime.fromtimestamp(by_this_machine, UTC),
            id="alarm",
            replace_existing=True,
        )

    # Coroutines, because APScheduler would run a plain function in a thread.
    async def _ring_alarm(self) -> None:
        self._rings_at = None
        await self._ring()

    async def _ring(self) -> None:
        self._on_alarm()


class RehearsalTimer(Timer):
    """A clock for rehearsals: while nothing is under way, it leaps to the next alarm instead of waiting.

    A campaign of two weeks can so be rehearsed against the sandbox in the time that its requests take.
    """

    def follow(self, ahead: float) -> None:
        """Nobody shares a rehearsal, so that its clock follows none."""

    def set_alarm(self, at: float, *, idle: bool) -> None:
        if idle:
            self._ahead += max(0.0, at - self.now())
        self._ring_at(at)
