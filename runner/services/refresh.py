"""Asks Insight once about every call without a result, and how many responses the survey has."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from runner.contacts.identity import Identity
from runner.dispatch.events import Event, ResultsLearned
from runner.errors import LedgerError, StoppedError
from runner.insight.answers import read_responses
from runner.insight.client import InsightClient
from runner.insight.outcome import OK
from runner.ledger.evidence import Report
from runner.ledger.overview import overview
from runner.ledger.results import Recorded, Results
from runner.ledger.rows import some_at_a_time
from runner.results.asking import Asking
from runner.services.binding import BOUND_ELSEWHERE_HINT, bound_elsewhere
from runner.services.environment import Environment
from runner.services.planning import privacy_key

_TRIES_TO_REACH = 3
_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What asking about one campaign brought."""

    campaign: str
    asked: int
    learned: Mapping[str, int]
    """How many calls ended how, by Insight's word for it."""
    waiting: int
    """Calls that have begun and have no result yet."""
    responses: int | None
    """How many responses Insight counts for the survey; None where it did not say."""


async def refresh(campaign: str, environment: Environment, on_event: Callable[[Event], None]) -> Refreshed:
    """Raises LedgerError where the campaign belongs to another account or API, StoppedError where Insight
    cannot be asked.
    """
    _check_binding(campaign, environment)
    learned: Counter[str] = Counter()

    def hear(event: Event) -> None:
        if isinstance(event, ResultsLearned):
            learned.update(event.counts)
        else:
            on_event(event)

    async with environment.client() as client:
        asked = await _ask_about_all(campaign, environment, client, hear)
        responses = await _responses(campaign, environment, client)
    return Refreshed(
        campaign=campaign,
        asked=asked,
        learned=learned,
        waiting=asked - learned.total(),
        responses=responses,
    )


async def _ask_about_all(
    campaign: str, environment: Environment, client: InsightClient, hear: Callable[[Event], None]
) -> int:
    """How many calls were asked about. A few at a time: there may be a million."""
    results, clock = Results(environment.ledger.engine), environment.clock

    async def record(reports: Sequence[Report], now: float) -> Sequence[Recorded]:
        return await asyncio.to_thread(results.record, reports, now)

    asking = Asking(client.call_details, record, _turns(environment), clock.now, hear)
    asked = last = failures = 0
    while page := await asyncio.to_thread(
        results.waiting, campaign, clock.now(), after=last, most=_READ_AT_ONCE
    ):
        for batch in some_at_a_time(page, environment.settings.max_in_flight):
            await asking.ask(batch)
            asked, last = asked + len(batch), batch[-1].call
            failures = failures + 1 if asking.not_before > clock.now() else 0
            if failures == _TRIES_TO_REACH:
                raise StoppedError(
                    f"{asked:,} calls were asked about; Insight gives no results now",
                    hint="the last message says why; what was learned is in the ledger",
                )
            await asyncio.sleep(max(0.0, asking.not_before - clock.now()))
    return asked


def _turns(environment: Environment) -> Callable[[], Awaitable[None]]:
    async def turn() -> None:
        while pause := environment.rate.wait(time.monotonic()):  # noqa: ASYNC110 - the rate has no event
            await asyncio.sleep(pause)
        environment.rate.spend(time.monotonic(), 1)

    return turn


async def _responses(campaign: str, environment: Environment, client: InsightClient) -> int | None:
    exchange = await client.responses(*environment.ledger.survey(campaign))
    return read_responses(exchange.headers, exchange.body) if exchange.status == OK else None


def _check_binding(campaign: str, environment: Environment) -> None:
    ledger, settings = environment.ledger, environment.settings
    identity = Identity(privacy_key(settings, ledger))
    problem = bound_elsewhere(
        overview(ledger.engine, campaign, environment.clock.now(), 0), settings, identity
    )
    if problem:
        raise LedgerError(problem.removesuffix(": apply will refuse it"), hint=BOUND_ELSEWHERE_HINT)
