"""Keeps a run alive: renews its lease, and reads clocks, sharers and operators' acts from the ledger."""

import asyncio
from collections.abc import Callable

from runner.dispatch.events import CallsLost, RunsShare
from runner.dispatch.run_context import RunContext
from runner.errors import CampaignHeldError, LedgerError, StoppedError
from runner.ledger.claim import LedgerRolledBackError
from runner.ledger.lease import RENEW_SECONDS, Lease, Renewal
from runner.ledger.revision import LedgerRevision

LOOK_SECONDS = 1
"""How often a run looks whether an operator forbids to send, also while requests are under way."""


class Heartbeat:
    """Of one run. `noted` is told how far the ledger reaches, at each renewal."""

    def __init__(self, run: RunContext, lease: Lease, noted: Callable[[LedgerRevision], None]) -> None:
        self._run = run
        self._lease = lease
        self._noted = noted
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
        while self._run.state.error is None:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                self._run.state.update(await self._run.ledger.do(self._run.queue.campaign_state))
                if looks * LOOK_SECONDS >= RENEW_SECONDS:
                    looks = 0
                    await self.renew()
            except (CampaignHeldError, LedgerRolledBackError, StoppedError) as error:
                self._run.state.fail(error)
            except LedgerError as error:
                if not self.holds():
                    self._run.state.fail(error)

    async def renew(self) -> None:
        """Raises LedgerError, and StoppedError where the clocks are too far apart."""
        renewal = await self._run.ledger.do(self._renew_and_note)
        self._run.clock_check.compare_database(renewal.clock_ahead)
        self._run.clock.follow(renewal.clock_ahead)
        self._run.rate.share(renewal.sharers)
        if renewal.orphaned:
            self._run.on_event(CallsLost(count=renewal.orphaned))
        if renewal.sharers != self.sharers:
            self.sharers = renewal.sharers
            self._run.on_event(RunsShare(runs=renewal.sharers))

    def _renew_and_note(self) -> Renewal:
        # In one go: a claim between the two would know of later attempts than the renewal did.
        renewal = self._lease.renew()
        self._noted(renewal.ledger_revision)
        return renewal
