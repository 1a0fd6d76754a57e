"""Rehearses against the sandbox: a ledger that is thrown away, and a clock that leaps over waiting times."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Alarm, RehearsalTimer
from runner.insight.sandbox import Behavior, Sandbox, running_sandbox
from runner.ledger.evidence import Report
from runner.ledger.ledger import Ledger
from runner.ledger.results import Recorded, Results
from runner.ledger.rollback_guard import RollbackGuard
from runner.results.receiver import Receiver
from runner.results.token import Tokens
from runner.services.environment import Environment
from runner.services.planning import privacy_key
from runner.settings import Settings, sqlite_url

_PER_SECOND = 1000
"""The sandbox needs no limit, and a rehearsal should not take long."""


@contextmanager
def rehearsal(settings: Settings, behavior: Behavior) -> Iterator[Environment]:
    """The sandbox on a free port, with simulated people that behave like this. Results come in as from
    Insight: it posts them to a receiver, and answers when it is asked.
    """
    clock = RehearsalTimer()
    with (
        tempfile.TemporaryDirectory(prefix="runner-rehearsal-") as folder,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger") as thread,
    ):
        ledger_url = sqlite_url(Path(folder) / "ledger.sqlite3")
        with (
            closing(Ledger.open(ledger_url)) as ledger,
            running_sandbox(
                now=clock.now,
                behavior=behavior,
                receiver=_receiver(ledger, settings, Path(folder), clock, thread),
            ) as sandbox,
        ):
            rehearsed = settings.model_copy(
                update={
                    "insight_base_url": sandbox.base_url,
                    "insight_username": "rehearsal@example.org",
                    "insight_developer_key": SecretStr("rehearsal"),
                    "public_url": sandbox.root,
                    "ledger_url": ledger_url,
                }
            )
            yield Environment(
                rehearsed,
                ledger,
                clock,
                RateLimit(_PER_SECOND),
                is_rehearsal=True,
                callbacks=lambda: callbacks_by(clock, sandbox),
            )


def _receiver(
    ledger: Ledger, settings: Settings, states: Path, clock: RehearsalTimer, thread: ThreadPoolExecutor
) -> Receiver:
    """It records in a thread of its own: the others may all wait for its answers to callbacks."""
    guard = RollbackGuard(ledger, states)
    guard.check()
    results = Results(ledger.engine)

    async def record(reports: Sequence[Report], now: float) -> Sequence[Recorded]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(thread, results.record, reports, now)

    return Receiver(Tokens(privacy_key(settings, ledger), guard.ledger_id), record, clock.now)


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
