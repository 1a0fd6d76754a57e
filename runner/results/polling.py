"""Asks about calls whose attempts must be over, next to a run that sends: the run comes first."""

import asyncio
import time
from collections.abc import Callable, Sequence

from runner.dispatch.events import Event
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import LedgerError
from runner.ledger.asking import AskedCall, Patience
from runner.ledger.evidence import Report
from runner.ledger.results import Recorded, Results
from runner.ledger.rows import some_at_a_time
from runner.results.asking import Ask, Asking

CONNECTIONS = 2
"""Of a client of its own: requests that queue calls never wait for one of these."""
_CLAIMED_AT_ONCE = 20
_LEDGER_PAUSE_SECONDS = 5


class Polling:
    """Of one campaign. `asks` says whether Insight is asked; without it, results are only given up on."""

    def __init__(
        self,
        campaign: str,
        results: Results,
        ask: Ask,
        *,
        rate: RateLimit,
        clock: Timer,
        patience: Patience,
        asks: bool,
        on_event: Callable[[Event], None],
    ) -> None:
        self._campaign = campaign
        self._results = results
        self._rate = rate
        self._clock = clock
        self._patience = patience
        self._asks = asks
        self._asking = Asking(ask, self._record, self._turn, clock.now, on_event)
        self._wake = asyncio.Event()
        self._not_before = 0.0

    async def keep(self) -> None:
        """Until it is cancelled. A ledger that fails is tried again; the run itself reports it."""
        alarm = self._clock.alarm(self._wake.set)
        try:
            while True:
                self._wake.clear()
                alarm.busy()
                due: float | None
                try:
                    due = await asyncio.to_thread(self._results.next_ask, self._campaign)
                    if due is not None and due <= self._clock.now():
                        await self._do_what_is_due()
                        due = await asyncio.to_thread(self._results.next_ask, self._campaign)
                except LedgerError:
                    due = self._not_before = self._clock.now() + _LEDGER_PAUSE_SECONDS
                at = None if due is None else max(due, self._not_before, self._asking.not_before)
                alarm.set(at, idle=True)
                await self._wake.wait()
        finally:
            await alarm.stop()

    async def _do_what_is_due(self) -> None:
        while self._clock.now() >= max(self._not_before, self._asking.not_before):
            due = await asyncio.to_thread(
                self._results.due_to_ask, self._campaign, self._clock.now(), self._patience, _CLAIMED_AT_ONCE
            )
            if not due:
                return
            for some in some_at_a_time(due, CONNECTIONS):
                await self._give_up(await self._ask(some))

    async def _ask(self, calls: Sequence[AskedCall]) -> list[AskedCall]:
        """Returns the calls that nothing more is to be learned about now."""
        can_be_asked = [call for call in calls if self._asks and call.call_id is not None]
        others = [call for call in calls if call not in can_be_asked]
        return others + await self._asking.ask(can_be_asked)

    async def _give_up(self, unknown: Sequence[AskedCall]) -> None:
        now = self._clock.now()
        over = [each.call for each in unknown if each.end_timestamp + self._patience.give_up <= now]
        if over:
            await asyncio.to_thread(self._results.give_up, over, now)

    async def _turn(self) -> None:
        """Returns when no request that queues a call wants the rate."""
        while pause := self._rate.spare(time.monotonic()):  # noqa: ASYNC110 - the rate has no event
            await asyncio.sleep(pause)
        self._rate.spend(time.monotonic(), 1)

    async def _record(self, reports: Sequence[Report], now: float) -> Sequence[Recorded]:
        return await asyncio.to_thread(self._results.record, reports, now)
