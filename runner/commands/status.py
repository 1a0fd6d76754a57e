"""`runner status`: how far campaigns are, from the ledger, and the lists where a file is given."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from runner.commands.terminal import TERMINAL_PROGRESS, ledger_to_read, note
from runner.contacts.identity import Identity
from runner.errors import ExitStatus, RunnerError
from runner.ledger import late_opt_outs
from runner.ledger.ledger import Ledger
from runner.reports.console import standard_console
from runner.reports.json_text import json_text
from runner.reports.status import CampaignStatus, print_status, status_json
from runner.reports.times import machine_time
from runner.services.campaigns import file_of, known_campaign, load, name_of
from runner.services.planning import privacy_key, suppression_now
from runner.services.status import ledger_status
from runner.settings import Settings, load_settings

_WATCH_SECONDS = 2


def status(campaign: str | None, *, as_json: bool, watch: bool) -> int:
    settings = load_settings()
    console = standard_console()
    with ledger_to_read(settings) as ledger:
        identity = Identity(privacy_key(settings, ledger))
        if watch and campaign is not None:
            _wait_for_first_apply(campaign, ledger)
        while True:
            names = [known_campaign(campaign, ledger)] if campaign is not None else ledger.campaigns()
            file = file_of(campaign, ledger) if campaign is not None else None
            found = [_status(name, file, ledger, settings, identity) for name in names]
            if as_json:
                _write_json(found, identity, one=campaign is not None)
            else:
                if watch:
                    _begin_block(console)
                print_status(console, found, identity)
            sys.stdout.flush()
            if not watch:
                return ExitStatus.DONE
            time.sleep(_WATCH_SECONDS)


def _begin_block(console: Console) -> None:
    """A terminal shows the newest block alone; in a file each begins with its time."""
    if console.is_terminal:
        console.clear()
    else:
        console.print(f"--- {machine_time(time.time())}", markup=False, highlight=False)


def _wait_for_first_apply(campaign: str, ledger: Ledger) -> None:
    """Somebody may watch before the first apply has begun."""
    name = name_of(campaign, ledger)
    if not ledger.knows(name):
        note(f"waiting for the first apply of {name}, which the ledger does not know yet; Ctrl-C ends this")
    while not ledger.knows(name):
        time.sleep(_WATCH_SECONDS)


def _write_json(found: Sequence[CampaignStatus], identity: Identity, *, one: bool) -> None:
    entries = [status_json(each, identity) for each in found]
    sys.stdout.write(f"{json_text(entries[0] if one else entries)}\n")


def _status(
    name: str, file: Path | None, ledger: Ledger, settings: Settings, identity: Identity
) -> CampaignStatus:
    now = time.time()
    found = ledger_status(name, ledger, settings, identity, now)
    if file is None:
        return found
    try:
        match = suppression_now(load(file), settings, ledger, now, TERMINAL_PROGRESS).match
        late = late_opt_outs.matching(ledger.engine, name, match, now)
    except RunnerError as error:
        return replace(found, lists_problem=error.message)
    return replace(found, late_opt_outs=late, lists_read=True)
