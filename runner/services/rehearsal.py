"""Rehearses against the sandbox: a ledger that is thrown away, and a clock that leaps over waiting times."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Alarm, RehearsalTimer
from runner.insight.sandbox import Behavior, Sandbox, running_sandbox
from runner.ledger.ledger import Ledger
from runner.services.environment import Environment
from runner.settings import Settings, sqlite_url

_PER_SECOND = 1000
"""The sandbox needs no limit, and a rehearsal should not take long."""


@contextmanager
def rehearsal(settings: Settings, behavior: Behavior) -> Iterator[Environment]:
    """The sandbox on a free port, with simulated people that behave like this."""
    clock = RehearsalTimer()
    with (
        tempfile.TemporaryDirectory(prefix="runner-rehearsal-") as folder,
        running_sandbox(now=clock.now, behavior=behavior) as sandbox,
    ):
        rehearsed = settings.model_copy(
            update={
                "insight_base_url": sandbox.base_url,
                "insight_username": "rehearsal@example.org",
                "insight_developer_key": SecretStr("rehearsal"),
                "public_url": "",
                "ledger_url": sqlite_url(Path(folder) / "ledger.sqlite3"),
            }
        )
        with closing(Ledger.open(rehearsed.ledger_url)) as ledger:
            yield Environment(
                rehearsed,
                ledger,
                clock,
                RateLimit(_PER_SECOND),
                is_rehearsal=True,
                callbacks=lambda: callbacks_by(clock, sandbox),
            )


@asynccontextmanager
async def callbacks_by(clock: RehearsalTimer, sandbox: Sandbox) -> AsyncIterator[None]:
    """Inside the block the sandbox's callbacks arrive at their times, before the clock leaps further."""
    loop, due = asyncio.get_running_loop(), asyncio.Event()
    alarm = clock.alarm(due.set)

    def ring() -> None:
        # From the sandbox's thread, before it answers the request that queued the call.
        loop.call_soon_threadsafe(alarm.ring)

    sandbox.store.on_earlier_callback.append(ring)
    delivering = asyncio.create_task(_deliver(sandbox, alarm, due))
    try:
        yield
    finally:
        sandbox.store.on_earlier_callback.remove(ring)
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering
        await alarm.stop()
        await sandbox.deliver_callbacks()


async def _deliver(sandbox: Sandbox, alarm: Alarm, due: asyncio.Event) -> None:
    while True:
        due.clear()
        alarm.busy()
        alarm.set(await sandbox.deliver_callbacks(), idle=True)
        await due.wait()
