"""`runner import`: contacts that another tool has queued, so that this campaign never calls them."""

import time
from pathlib import Path

from runner.commands.terminal import actor, note, say
from runner.contacts.identity import Identity
from runner.errors import ExitStatus
from runner.ledger.imports import ImportSummary, enter_imports
from runner.reports.plan_facts import count
from runner.services.campaigns import file_of, known_campaign, load
from runner.services.imports import read_imports
from runner.services.operators import guarded_ledger
from runner.services.planning import privacy_key
from runner.settings import load_settings

_NAMED = 20


def import_contacts(campaign: str, file: Path) -> int:
    settings = load_settings()
    with guarded_ledger(settings) as ledger:
        campaign_file = file_of(campaign, ledger)
        loaded = None if campaign_file is None else load(campaign_file)
        name = known_campaign(campaign, ledger) if loaded is None else loaded.campaign.name
        identity = Identity(privacy_key(settings, ledger))
        contacts = read_imports(file, loaded, identity)
        summary = enter_imports(ledger.engine, actor(), name, contacts, file.name, time.time())
        _report(name, summary, identity)
    return ExitStatus.DONE


def _report(campaign: str, summary: ImportSummary, identity: Identity) -> None:
    say(f"{count(summary.imported, 'contact')} imported: {campaign} never calls them")
    if summary.withdrawn:
        say(f"{count(summary.withdrawn, 'planned call')} to them withdrawn")
    if summary.known:
        say(f"{count(summary.known, 'contact')} already imported, and not changed")
    if summary.called:
        named = "; ".join(
            f"{identity.label(each.key)} [{each.ref}] {each.state}" for each in summary.called[:_NAMED]
        )
        more = f"; and {len(summary.called) - _NAMED:,} more" if len(summary.called) > _NAMED else ""
        note(
            f"{count(len(summary.called), 'contact')} not imported, because {campaign} may have called them: "
            f"{named}{more}"
        )
