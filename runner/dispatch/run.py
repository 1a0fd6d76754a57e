"""One run of one campaign: what its parts share, whether it goes on, and whether it may send."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from runner.dispatch.events import Event
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import ClockCheck, Timer
from runner.insight.outcome import Exchange
from runner.ledger.call_queue import CallQueue, QueueStatus
from runner.ledger.claim import Claim
from runner.ledger.late_calls import Reschedule
from runner.ledger.lease import Lease
from runner.ledger.operators import CampaignState
from runner.ledger.revision import LedgerRevision

P = ParamSpec("P")
R = TypeVar("R")

Exclude = Callable[[str, str], str | None]
"""(key, number) → why this contact must not be called, or None."""
Post = Callable[[Claim, Callable[[], None]], Awaitable[Exchange]]
"""Sends a request of one claim; the second argument is called just before the first byte leaves."""


async def no_records(_claim: Claim, _before_send: Callable[[], None]) -> Exchange:
    """How a run pushes records whose claims ask for no push."""
    raise ValueError("this campaign pushes no records")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPlan:
    """What the plan and the suppression lists say while the run goes on."""

    excluded_now: Exclude
    newly_suppressed: Callable[[], Exclude | None]
    """Reads the suppression lists again if they changed. Raises SourceError."""
    reschedule: Reschedule


def _ledger_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")


async def nothing_awaited() -> bool:
    """For a run that ends when every call is queued."""
    return False


@dataclass(kw_only=True)
class Run:
    """`clock` and `rate` may be shared with other runs of the same ledger and event loop."""

    queue: CallQueue
    lease: Lease
    plan: CurrentPlan
    clock: Timer
    rate: RateLimit
    clock_check: ClockCheck
    on_event: Callable[[Event], None]
    awaits: Callable[[], Awaitable[bool]] = nothing_awaited
    """Whether results are awaited that may bring further calls; asked when nothing is left to send."""
    noted: Callable[[LedgerRevision], None] = lambda _revision: None
    """Called with the ledger's revision each time the lease is renewed."""

    wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    """Every part of the run that waits, waits for this."""
    status: QueueStatus | None = field(default=None, init=False)
    """As the ledger said last; None where that is over, as after a claim."""
    looked_at: float = field(default=float("-inf"), init=False)
    """When it said so, by the monotonic clock."""
    may_send: bool = field(default=True, init=False)
    """Whether operators allow it, as far as is known."""
    interrupted: bool = field(default=False, init=False)
    error: BaseException | None = field(default=None, init=False)
    """The first failure. It ends the run."""
    _thread: ThreadPoolExecutor = field(default_factory=_ledger_thread, init=False)

    async def in_ledger(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` returns or raises. It runs in one thread: commits stay in order, and never hold up the
        event loop.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def stopping(self) -> bool:
        return self.interrupted or self.error is not None

    def interrupt(self) -> None:
        self.interrupted = True
        self.wake.set()

    def fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.wake.set()

    async def look(self) -> QueueStatus:
        """Asks the ledger what operators allow, and when the next call is due."""
        self.status = status = await self.in_ledger(self.queue.queue_status)
        self.looked_at = time.monotonic()
        self.may_send = status.state is CampaignState.ACTIVE
        return status

    def close(self) -> None:
        """After its last use of the ledger."""
        self._thread.shutdown()
