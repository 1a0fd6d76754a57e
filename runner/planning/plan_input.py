"""Everything a plan follows from. Values only."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runner.campaign.diagnostics import Diagnostic
from runner.campaign.model import Campaign
from runner.contacts.contact import Exclusion, Match
from runner.contacts.identity import Identity
from runner.planning.plan import DataVersions, History
from runner.planning.plan_warnings import Diagnose
from runner.planning.prospect import Prospect
from runner.planning.staging import Staging


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInput:
    """`now` is UTC Unix seconds; `limit` bounds the number of calls."""

    campaign: Campaign
    rows: Iterable[Prospect | Exclusion]
    """What each row came to by itself, in their order."""
    suppressed: Match
    history: History
    staging: Staging
    """Empty. The plan reads its calls and exclusions from it."""
    identity: Identity
    versions: DataVersions
    now: float
    requests_per_second: float
    limit: int | None
    diagnose: Diagnose
    earlier_diagnostics: Callable[[], Iterable[Diagnostic]]
    """What loading the campaign and reading its sources found, asked for when all rows were read."""
