"""Runs `runner` by a clock that several processes share, and that leaps while all of them wait.

    python shared_clock.py FOLDER NAME crash kill-before commit:7 ARGUMENT...
    python shared_clock.py FOLDER NAME ARGUMENT...

The clock is a file in FOLDER, and outlives a process that is killed. Each run keeps there, under its NAME,
for what time it waits; `SharedClock` leaps to the earliest of these times. With `crash`, see crash_at.py.
"""

import asyncio
import math
import os
import runpy
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from runner import cli
from runner.dispatch.timer import Alarm, Timer, next_leap
from runner.serve import receiving
from runner.services import environment

LOOK_SECONDS = 0.005
AHEAD = "ahead"
BUSY = -math.inf
NOTHING_AWAITED = math.inf


class Figure:
    """A number in a file, which several processes read and write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)

    def read(self, default: float) -> float:
        content = os.pread(self._file, 8, 0)
        return struct.unpack("d", content)[0] if content else default

    def write(self, number: float) -> None:
        os.pwrite(self._file, struct.pack("d", number), 0)

    def close(self) -> None:
        os.close(self._file)


class SharedClock:
    """The clock, for the process that lets it leap."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ahead = Figure(folder / AHEAD)
        self._waits: dict[str, Figure] = {}

    def now(self) -> float:
        return time.time() + self._ahead.read(0)

    def leap(self, seconds: float) -> None:
        self._ahead.write(self._ahead.read(0) + seconds)

    def begin(self, name: str) -> None:
        """Somebody starts under this name: the clock does not leap before it waits."""
        waits = Figure(self.folder / f"waits-{name}")
        waits.write(BUSY)
        self._waits[name] = waits

    def end(self, name: str) -> None:
        """It is gone."""
        self._waits.pop(name).close()

    def leap_to(self, at: float | None) -> bool:
        """Leaps to the time for which somebody waits, or to `at` if that is earlier; if all only wait."""
        waits = [each.read(BUSY) for each in tuple(self._waits.values())]
        to, now = min([*waits, at or NOTHING_AWAITED]), self.now()
        can_leap = bool(waits) and now < to < NOTHING_AWAITED
        if can_leap:
            self.leap(to - now)
        return can_leap


class SharedTimer(Timer):
    """Of a run in a process of its own: the timer that follows the clock, and says for what it waits."""

    ahead_seconds = 0

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self._shared_ahead = Figure(folder / AHEAD)
        self._waits = Figure(folder / f"waits-{name}")
        self._ahead = self._shared_ahead.read(0)
        self._looking: asyncio.Task[None] | None = None

    def now(self) -> float:
        self._ahead = self._shared_ahead.read(0)
        return super().now()

    def follow(self, ahead: float) -> None:
        """The runs share the file in place of the database's clock."""

    def alarm(self, on_ring: Callable[[], None]) -> Alarm:
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())
        return super().alarm(on_ring)

    async def _keep_looking(self) -> None:
        scheduled_by = None
        try:
            while True:
                self.now()
                if self._ahead != scheduled_by:
                    scheduled_by = self._ahead
                    for alarm in self._alarms:
                        alarm.schedule()
                self._waits.write(self._waits_for())
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._waits.write(BUSY)

    def _waits_for(self) -> float:
        if not self._alarms or not all(alarm.idle for alarm in self._alarms):
            return BUSY
        return next_leap((alarm.at, alarm.idle) for alarm in self._alarms) or NOTHING_AWAITED


def main() -> None:
    folder, name, *arguments = sys.argv[1:]
    environment.Timer = partial(SharedTimer, Path(folder), name)  # type: ignore[misc,assignment]
    receiving.Receiver = partial(receiving.Receiver, now=SharedClock(Path(folder)).now)  # type: ignore[misc,assignment]
    if arguments[0] == "crash":
        sys.argv = ["crash_at.py", *arguments[1:]]
        runpy.run_path(str(Path(__file__).with_name("crash_at.py")), run_name="__main__")
    else:
        sys.argv = ["runner", *arguments]
        cli.main()


if __name__ == "__main__":
    main()
