"""How far a campaign is, from the ledger alone."""

from runner.contacts.identity import Identity
from runner.ledger.ledger import Ledger
from runner.ledger.overview import overview
from runner.ledger.totals import Totals
from runner.reports.status import CampaignStatus
from runner.services.binding import bound_elsewhere
from runner.settings import Settings

_MOST_PROBLEMS = 100


def ledger_status(
    name: str,
    ledger: Ledger,
    settings: Settings,
    identity: Identity,
    now: float,
    counted: Totals | None = None,
) -> CampaignStatus:
    """Of a campaign that the ledger knows. Late opt-outs are those that the last apply found. Its calls are
    counted, unless they were `counted` before.
    """
    seen = overview(ledger.engine, name, now, _MOST_PROBLEMS, counted)
    return CampaignStatus(
        seen=seen,
        holder=ledger.holder(name),
        warning=bound_elsewhere(seen, settings, identity),
        late_opt_outs=seen.late_opt_outs,
        lists_read=False,
        lists_problem="",
    )
