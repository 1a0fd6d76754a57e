"""Simulated time that processes share: each `runner` leaps over waiting times, and kills change nothing.

As a script it runs `runner` by such a clock, with the sandbox's callbacks at their times:

    python simulated_time.py CLOCK ARGUMENT...
"""

import asyncio
import json
import mmap
import os
import struct
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from runner.dispatch.timer import RehearsalTimer
from runner.insight.client import InsightClient
from runner.results.receiver import Receiver
from runner.serve import receiving
from runner.services import environment
from runner.services.rehearsal import callbacks_by


class SharedClock:
    """How far simulated time is ahead of the machine's, in a file that all processes map."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    @property
    def ahead(self) -> float:
        return struct.unpack("d", self._map[:8])[0]

    def advance_to(self, ahead: float) -> None:
        """Time never goes back, whichever process leaps."""
        self._map[:8] = struct.pack("d", max(ahead, self.ahead))

    def now(self) -> float:
        return time.time() + self.ahead


def leaping(clock: SharedClock) -> Callable[[], RehearsalTimer]:
    class SharedTimer(RehearsalTimer):
        _ahead = property(lambda _self: clock.ahead, lambda _self, ahead: clock.advance_to(ahead))

    return SharedTimer


@dataclass
class RemoteSandbox:
    """A sandbox in another process, as `callbacks_by` uses it."""

    root: str
    store: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(on_earlier_callback=[]))

    async def deliver_callbacks(self) -> float | None:
        return await asyncio.to_thread(self._deliver)

    def _deliver(self) -> float | None:
        request = urllib.request.Request(f"{self.root}/_sandbox/callbacks", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["next"]


def run_in_simulated_time(clock: SharedClock) -> None:
    sandbox = RemoteSandbox(os.environ["RUNNER_INSIGHT_BASE_URL"].removesuffix("/api"))
    environment.Timer = leaping(clock)
    make = environment.Environment

    def with_callbacks(*args, **kwargs):
        made = make(*args, **kwargs)
        return replace(made, callbacks=lambda: callbacks_by(made.clock, sandbox))

    environment.Environment = with_callbacks
    post = InsightClient.post

    async def post_then_look(self, *args, **kwargs):
        exchange = await post(self, *args, **kwargs)
        for hear in sandbox.store.on_earlier_callback:
            hear()
        return exchange

    InsightClient.post = post_then_look
    receiving.Receiver = partial(Receiver, now=clock.now)


if __name__ == "__main__":
    run_in_simulated_time(SharedClock(Path(sys.argv[1])))
    sys.argv = ["runner", *sys.argv[2:]]
    from runner.cli import main

    main()
