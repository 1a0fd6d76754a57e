"""`runner status`: how far campaigns are, from the ledger alone."""

import json
import sys
import time
from contextlib import closing

from rich.console import Console

from runner.commands.binding import bound_elsewhere
from runner.commands.campaign_name import known_campaign
from runner.commands.planning import privacy_key
from runner.contacts.identity import Identity
from runner.errors import ExitStatus
from runner.ledger.ledger import Ledger
from runner.ledger.overview import Overview, overview
from runner.reports.status import CampaignStatus, print_status, status_json
from runner.settings import Settings, load_settings

_WATCH_SECONDS = 2
_MOST_PROBLEMS = 100


def status(campaign: str | None, *, as_json: bool, watch: bool) -> int:
    settings = load_settings()
    console = Console()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        identity = Identity(privacy_key(settings, ledger))
        names = [known_campaign(campaign, ledger)] if campaign else ledger.campaigns()
        while True:
            now = time.time()
            found = [
                _status(overview(ledger.engine, name, now, _MOST_PROBLEMS), ledger, settings, identity)
                for name in names
            ]
            if as_json:
                entries = [status_json(each, identity) for each in found]
                sys.stdout.write(json.dumps(entries[0] if campaign else entries, ensure_ascii=False) + "\n")
            else:
                if watch:
                    console.clear()
                print_status(console, found, identity)
            sys.stdout.flush()
            if not watch:
                return ExitStatus.DONE
            time.sleep(_WATCH_SECONDS)


def _status(seen: Overview, ledger: Ledger, settings: Settings, identity: Identity) -> CampaignStatus:
    return CampaignStatus(
        seen=seen, holder=ledger.holder(seen.campaign), warning=bound_elsewhere(seen, settings, identity)
    )
