"""Keeps a run alive: renews its lease, and hears what the ledger says of clocks, sharers and operators."""

import asyncio
from collections.abc import Callable

from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.events import CallsLost, Event, RunsShare
from runner.dispatch.ledger_thread import LedgerThread
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.run_state import RunState
from runner.dispatch.timer import Timer
from runner.errors import CampaignHeldError, LedgerError, StoppedError
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import LedgerRolledBackError
from runner.ledger.lease import RENEW_SECONDS, Lease, Renewal
from runner.ledger.revision import LedgerRevision

LOOK_SECONDS = 1
"""How often a run looks whether an operator forbids to send, also while requests are under way."""


class Heartbeat:
    """Of one run, which shares the request rate with the runs beside it."""

    def __init__(  # noqa: PLR0913 - the parts it is put together from, each by its name
        self,
        *,
        queue: CallQueue,
        lease: Lease,
        ledger: LedgerThread,
        clock: Timer,
        clock_check: ClockCheck,
        rate: RateLimit,
        noted: Callable[[LedgerRevision], None],
        run_state: RunState,
        on_event: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._lease = lease
        self._ledger = ledger
        self._clock = clock
        self._clock_check = clock_check
        self._rate = rate
        self._noted = noted
        self._run_state = run_state
        self._on_event = on_event
        self.sharers = 1
        """The runs that send now, this one included."""

    def holds(self) -> bool:
        """Whether the lease is this run's for some time yet."""
        return self._lease.holds()

    async def keep(self) -> None:
        """Renews the lease until the run ends. A ledger that fails now and then is tried again meanwhile.

        Between two renewals it looks whether an operator forbids to send: a request may wait long for its
        connection.
        """
        looks = 0
        while self._run_state.error is None:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                self._run_state.update(await self._ledger.do(self._queue.campaign_state))
                if looks * LOOK_SECONDS >= RENEW_SECONDS:
                    looks = 0
                    await self.renew()
            except (CampaignHeldError, LedgerRolledBackError, StoppedError) as error:
                self._run_state.fail(error)
            except LedgerError as error:
                if not self.holds():
                    self._run_state.fail(error)

    async def renew(self) -> None:
        """Raises LedgerError, and StoppedError where the clocks are too far apart."""
        renewal = await self._ledger.do(self._renew_and_note)
        self._clock_check.compare_database(renewal.clock_ahead)
        self._clock.follow(renewal.clock_ahead)
        self._rate.share(renewal.sharers)
        if renewal.buried:
            self._on_event(CallsLost(count=renewal.buried))
        if renewal.sharers != self.sharers:
            self.sharers = renewal.sharers
            self._on_event(RunsShare(runs=renewal.sharers))

    def _renew_and_note(self) -> Renewal:
        # In one go: a claim between the two would know of later attempts than the renewal did.
        renewal = self._lease.renew()
        self._noted(renewal.ledger_revision)
        return renewal
