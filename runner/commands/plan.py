"""`runner plan`: shows what apply would do, and changes nothing."""

import sys
import time
from contextlib import closing
from pathlib import Path

from rich.console import Console

from runner.campaign.loader import load_campaign
from runner.commands.planning import NO_HISTORY, prepare_plan
from runner.errors import ExitStatus
from runner.ledger.ledger import Ledger
from runner.reports.plan_json import plan_json
from runner.reports.plan_text import print_plan
from runner.settings import load_settings


def plan(
    campaign: Path,
    *,
    as_of: float | None,
    as_json: bool,
    limit: int | None,
    show_contacts: bool,
    detailed_exitcode: bool = False,
) -> int:
    """Needs no credentials. `as_of` is UTC Unix seconds; None for now."""
    loaded = load_campaign(campaign)
    settings = load_settings()
    now = float(int(time.time())) if as_of is None else as_of
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        prepared = prepare_plan(loaded, settings, ledger, now=now, limit=limit)
    shown = prepared.view(show_contacts=show_contacts)
    if prepared.is_first:
        sys.stderr.write(NO_HISTORY)
    if as_json:
        sys.stdout.write(plan_json(shown))
    else:
        print_plan(Console(), shown)
    pending = bool(prepared.plan.calls or prepared.plan.withdrawals)
    return ExitStatus.CHANGES_PENDING if detailed_exitcode and pending else ExitStatus.DONE
