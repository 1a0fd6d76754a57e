"""Reads what the page of one campaign is made from."""

import asyncio
import time
from typing import NamedTuple

from runner.ledger.overview import acts, overview
from runner.ledger.schedule import schedule
from runner.results.figures import Figures
from runner.serve.pages.campaign_view import MOST_EVENTS, MOST_PEOPLE, CampaignFacts
from runner.serve.pages.live import Shared
from runner.serve.private_site import PrivateSite
from runner.services.campaign_results import figures_by_call
from runner.services.operators import identity_of

_FIGURES_SECONDS = 20.0
_FIGURES_SHARE = 0.01
"""Of the time may be taken by counting: it reads every call of a campaign."""
_PATIENCE_SECONDS = 0.5


class Counted(NamedTuple):
    """`at` is in UTC Unix seconds."""

    figures: Figures
    at: float


class FactReader:
    """Of one campaign. Use it in one event loop."""

    def __init__(self, site: PrivateSite, name: str) -> None:
        self._site = site
        self._name = name
        self._counted = Shared(self._count, least_age=_FIGURES_SECONDS, share=_FIGURES_SHARE)

    async def read(self, *, is_operator: bool) -> CampaignFacts:
        """Raises LedgerError."""
        served = self._site.served.campaign(self._name)
        counted = await self._counted_soon()

        def facts() -> CampaignFacts:
            environment = self._site.environment
            engine = environment.ledger.engine
            return CampaignFacts(
                name=self._name,
                served=served,
                overview=overview(engine, self._name, time.time(), MOST_PEOPLE),
                is_known=environment.ledger.knows(self._name),
                schedule=schedule(engine, self._name),
                acts=acts(engine, self._name, MOST_EVENTS),
                figures=None if counted is None else counted.figures,
                figures_at=None if counted is None else counted.at,
                identity=identity_of(environment),
                is_operator=is_operator,
            )

        return await asyncio.to_thread(facts)

    async def _counted_soon(self) -> Counted | None:
        """None while the figures of a large campaign are counted for the first time."""
        if (found := self._counted.newest()) is None:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    found = await self._counted.fresh()
            except TimeoutError:
                return None
        return found

    async def _count(self) -> Counted:
        ledger = self._site.environment.ledger
        return Counted(await asyncio.to_thread(figures_by_call, ledger, self._name), time.time())
