"""What became of a campaign's calls, for exports and reports: how they are counted, and its contacts."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

from runner.campaign.model import Campaign
from runner.contacts.identity import Identity
from runner.errors import RunnerError
from runner.ledger.ledger import Ledger
from runner.ledger.overview import Overview, overview
from runner.ledger.result_rows import CallRow, first_start, result_rows
from runner.results.cases import Case, cases
from runner.results.dispositions import CodingRules, CompletesFrom
from runner.results.figures import Figures, count
from runner.results.survey_report import NEAR_SECONDS_WITHOUT_ZONE, Visits, read_visits
from runner.services.binding import BOUND_ELSEWHERE_HINT, bound_elsewhere
from runner.services.campaigns import file_of, known_campaign, load
from runner.services.planning import privacy_key
from runner.settings import Settings, require_credentials, validate_base_url

if TYPE_CHECKING:
    from runner.insight.client import InsightClient

_MOST_PROBLEMS = 20
_ROWS_AT_ONCE = 200
_REST = 4
"""Times as long as the work before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResults:
    """`visits` is None where the campaign does not name its survey's saved report."""

    ledger: Ledger
    identity: Identity
    overview: Overview
    rules: CodingRules
    visits: Visits | None
    is_declared: bool
    """Whether the campaign file was given, which declares how its calls are counted."""

    def cases(self) -> Iterator[Case]:
        """Contact by contact. Afterwards `visits` knows which of them belong to no call."""
        rows = result_rows(self.ledger.engine, self.overview.campaign)
        return cases(rows, self.rules, self.visits)


async def campaign_results(given: str, ledger: Ledger, settings: Settings, now: float) -> CampaignResults:
    """Of a campaign file, or of a name that the ledger knows.

    Raises RunnerError where there is no such campaign, or its survey's saved report cannot be read.
    """
    identity = Identity(privacy_key(settings, ledger))
    seen = overview(ledger.engine, known_campaign(given, ledger), now, _MOST_PROBLEMS)
    file = file_of(given, ledger)
    campaign = None if file is None else load(file).campaign
    visits = None
    if campaign is not None and campaign.results.report_id is not None:
        _check_binding(seen, settings, identity)
        visits = await _visits(campaign.results.report_id, ledger, settings, seen)
    return CampaignResults(
        ledger=ledger,
        identity=identity,
        overview=seen,
        rules=CodingRules() if campaign is None else coding_rules(campaign),
        visits=visits,
        is_declared=campaign is not None,
    )


def figures_by_call(ledger: Ledger, campaign: str, ending: Event) -> Figures:
    """What of the report needs no campaign file and asks nobody: when people answer, rounds and zones.

    It reads every call of the campaign that ended, and leaves other threads most of the time. Raises
    RunnerError once `ending` is set: a million calls take minutes.
    """
    rows = _unhurried(result_rows(ledger.engine, campaign, only_ended=True), ending)
    return count(cases(rows, CodingRules(), None))


def _unhurried(rows: Iterator[CallRow], ending: Event) -> Iterator[CallRow]:
    began = time.perf_counter()
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        yield from some
        if ending.wait((time.perf_counter() - began) * _REST):
            raise RunnerError("the calls were not counted: this process ends")
        began = time.perf_counter()


def coding_rules(campaign: Campaign) -> CodingRules:
    """How the campaign file declares that its calls are counted."""
    declared = campaign.results
    return CodingRules(
        completes_from=CompletesFrom.INSIGHT if declared.report_id is None else CompletesFrom.REPORT,
        partials_respond=declared.partials == "respondents",
        eligibility=declared.eligibility,
    )


def _check_binding(seen: Overview, settings: Settings, identity: Identity) -> None:
    """The saved report of another account or API would count other people."""
    require_credentials(settings)
    elsewhere = bound_elsewhere(seen, settings, identity)
    if elsewhere:
        raise RunnerError(elsewhere, hint=BOUND_ELSEWHERE_HINT)


async def _visits(report_id: str, ledger: Ledger, settings: Settings, seen: Overview) -> Visits:
    """From the first call on, page by page, at the request rate."""
    visits = Visits()
    first = first_start(ledger.engine, seen.campaign)
    if first is None:
        return visits
    start, end = first - NEAR_SECONDS_WITHOUT_ZONE, int(seen.as_of)
    async with _client(settings) as client:
        while True:
            before = visits.total
            page = await client.report_page(report_id, start=start, end=end, offset=before)
            visits.add(read_visits(StringIO(page.text, newline=""), rows_before=before))
            if visits.total == before or visits.total >= page.total_rows:
                return visits
            await asyncio.sleep(1 / settings.requests_per_second)


def _client(settings: Settings) -> "InsightClient":
    # Most reports need no client, and it takes a while to import.
    from runner.services.environment import insight_client  # noqa: PLC0415

    base_url = validate_base_url(settings.insight_base_url)
    return insight_client(settings.model_copy(update={"insight_base_url": base_url}), 1)
