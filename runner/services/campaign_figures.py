"""The figures of a report."""

from runner.ledger.ledger import Ledger
from runner.reports.campaign_report import CampaignFigures
from runner.results.figures import count
from runner.services.campaign_results import campaign_results
from runner.settings import Settings


async def campaign_figures(given: str, ledger: Ledger, settings: Settings, now: float) -> CampaignFigures:
    """Of a campaign file, or of a name that the ledger knows. Raises RunnerError as `campaign_results`."""
    found = await campaign_results(given, ledger, settings, now)
    return CampaignFigures(
        campaign=found.overview.campaign,
        as_of=found.overview.as_of,
        rules=found.rules,
        figures=count(found.cases()),
        overview=found.overview,
        visits=found.visits,
        identity=found.identity,
        is_declared=found.is_declared,
    )
