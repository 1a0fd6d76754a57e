"""Reads what the page of one campaign is made from."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from runner.ledger.overview import acts, overview
from runner.ledger.schedule import schedule
from runner.serve.pages.campaign_view import MOST_EVENTS, MOST_PEOPLE, CampaignFacts, sections
from runner.serve.private_site import PrivateSite
from runner.serve.shared import Shared
from runner.serve.threads import in_thread, in_turn
from runner.services.campaign_results import figures_by_call
from runner.services.operators import identity_of

_T = TypeVar("_T")
_COUNT_SECONDS = 20.0
_COUNT_SHARE = 0.1
"""Of the time may be taken by counting: it reads every call of a campaign."""
_PATIENCE_SECONDS = 0.05


class Counted(NamedTuple, Generic[_T]):
    """`at` is in UTC Unix seconds."""

    found: _T
    at: float


class FactReader:
    """Of one campaign. Use it in one event loop."""

    def __init__(self, site: PrivateSite, name: str) -> None:
        self._site = site
        self._name = name
        ledger = site.environment.ledger
        self._schedule = _counted(partial(in_thread, schedule, ledger.engine, name))
        self._figures = _counted(
            partial(in_turn, lambda: sections(figures_by_call(ledger, name, site.ending)))
        )

    async def read(self, *, is_operator: bool) -> CampaignFacts:
        """Raises LedgerError."""
        served, totals = self._site.served.campaign(self._name), await self._site.totals.get()
        planned, figures = await asyncio.gather(_soon(self._schedule), _soon(self._figures))

        def facts() -> CampaignFacts:
            environment = self._site.environment
            engine = environment.ledger.engine
            return CampaignFacts(
                name=self._name,
                served=served,
                overview=overview(engine, self._name, time.time(), MOST_PEOPLE, totals.get(self._name)),
                schedule=None if planned is None else planned.found,
                schedule_at=None if planned is None else planned.at,
                acts=acts(engine, self._name, MOST_EVENTS),
                sections=None if figures is None else figures.found,
                figures_at=None if figures is None else figures.at,
                identity=identity_of(environment),
                is_operator=is_operator,
            )

        return await in_thread(facts)


def _counted(count: Callable[[], Awaitable[_T]]) -> Shared[Counted[_T]]:
    async def counted() -> Counted[_T]:
        began = time.time()
        return Counted(await count(), began)

    return Shared(counted, least_age=_COUNT_SECONDS, share=_COUNT_SHARE)


async def _soon(counted: Shared[Counted[_T]]) -> Counted[_T] | None:
    """None while a large campaign is counted for the first time."""
    if (found := counted.newest()) is None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await counted.fresh()
        except TimeoutError:
            return None
    return found
