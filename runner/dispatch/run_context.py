"""What all parts of one run use."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.events import Event
from runner.dispatch.ledger_thread import LedgerThread
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.run_state import RunState
from runner.dispatch.timer import Timer
from runner.ledger.call_queue import CallQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """`clock` and `rate` may be shared with other runs of the same ledger and event loop."""

    queue: CallQueue
    clock: Timer
    rate: RateLimit
    clock_check: ClockCheck
    on_event: Callable[[Event], None]
    ledger: LedgerThread = field(default_factory=LedgerThread)
    state: RunState = field(default_factory=RunState)
