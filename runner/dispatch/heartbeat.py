"""Keeps a run alive: renews its lease, and reads clocks, sharers and operators' acts from the ledger."""

import asyncio
import time

from runner.dispatch.events import CallsLost, RunsShare
from runner.dispatch.run import Run
from runner.errors import CampaignHeldError, LedgerError, StoppedError
from runner.ledger.claim import LedgerRolledBackError
from runner.ledger.lease import RENEW_SECONDS, Renewal

LOOK_SECONDS = 1
"""How often a run looks whether an operator forbids to send, or `runner suppress` changed the ledger's list,
also while requests are under way.
"""


class Heartbeat:
    """Of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.sharers = 1
        """The runs that send now, this one included."""

    async def keep(self) -> None:
        """Renews the lease until the run ends. Where the ledger fails, it tries again while the lease lasts.

        Between two renewals it checks whether an operator forbids to send: a request may wait long for its
        connection.
        """
        renews_at = time.monotonic() + RENEW_SECONDS
        while self._run.error is None:
            await asyncio.sleep(min(self._run.looked_at + LOOK_SECONDS, renews_at) - time.monotonic())
            try:
                # The run may have looked by itself meanwhile.
                if time.monotonic() >= self._run.looked_at + LOOK_SECONDS:
                    seen = self._run.status
                    if (await self._run.look()).is_news_after(seen):
                        # Such as to withdraw the calls to people whom the list newly names.
                        self._run.wake.set()
                if time.monotonic() >= renews_at:
                    renews_at = time.monotonic() + RENEW_SECONDS
                    await self.renew()
            except (CampaignHeldError, LedgerRolledBackError, StoppedError) as error:
                self._run.fail(error)
            except LedgerError as error:
                if not self._run.lease.holds():
                    self._run.fail(error)
                await asyncio.sleep(LOOK_SECONDS)

    async def renew(self) -> None:
        """Raises LedgerError, and StoppedError where the clocks are too far apart."""
        renewal = await self._run.in_ledger(self._renew_and_note)
        self._run.clock_check.compare_database(renewal.clock_ahead)
        self._run.clock.follow(renewal.clock_ahead)
        self._run.rate.share(renewal.sharers)
        if renewal.orphaned:
            self._run.on_event(CallsLost(count=renewal.orphaned))
        if renewal.sharers != self.sharers:
            self.sharers = renewal.sharers
            self._run.on_event(RunsShare(runs=renewal.sharers))

    def _renew_and_note(self) -> Renewal:
        # Together: a claim between the two would know of later attempts than the renewal did.
        renewal = self._run.lease.renew()
        self._run.noted(renewal.ledger_revision)
        return renewal
