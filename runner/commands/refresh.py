"""`runner refresh`: asks Insight now how calls ended."""

import asyncio
from collections.abc import Callable, Iterator

from runner.commands.terminal import note, say
from runner.contacts.identity import Identity
from runner.dispatch.events import Event
from runner.errors import ExitStatus, LedgerError
from runner.options import StatusFormat
from runner.reports.forms import FORMAT_VERSION
from runner.reports.json_text import json_text
from runner.reports.live import event_words
from runner.reports.plan_facts import count
from runner.reports.times import machine_time
from runner.services.campaigns import known_campaign
from runner.services.environment import Environment, insight
from runner.services.planning import privacy_key
from runner.services.refresh import Refreshed
from runner.services.refresh import refresh as ask
from runner.settings import load_settings


def refresh(campaign: str | None, output: StatusFormat) -> int:
    """Of one campaign, or of all that the ledger knows."""
    with insight(load_settings()) as environment:
        ledger = environment.ledger
        environment.guard().check()
        hear = _listener(environment)
        if campaign is not None:
            found = [asyncio.run(ask(known_campaign(campaign, ledger), environment, hear))]
        else:
            found = list(_all(environment, hear))
    if output is StatusFormat.JSON:
        entries = [_json(each) for each in found]
        say(json_text(entries[0] if campaign is not None else entries))
    else:
        for each in found:
            say(_text(each))
    return ExitStatus.DONE


def _all(environment: Environment, hear: Callable[[Event], None]) -> Iterator[Refreshed]:
    """Of every campaign that can be asked about with these settings."""
    for name in environment.ledger.campaigns():
        try:
            yield asyncio.run(ask(name, environment, hear))
        except LedgerError as error:
            note(f"{name} is left out: {error.message}")


def _listener(environment: Environment) -> Callable[[Event], None]:
    identity = Identity(privacy_key(environment.settings, environment.ledger))
    return lambda event: note(event_words(event, identity, machine_time))


def _json(found: Refreshed) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "campaign": found.campaign,
        "asked": found.asked,
        "learned": dict(found.learned),
        "waiting": found.waiting,
        "responses": found.responses,
    }


def _text(found: Refreshed) -> str:
    learned = ", ".join(f"{number:,} {status}" for status, number in sorted(found.learned.items()))
    responses = "" if found.responses is None else f"; Insight counts {count(found.responses, 'response')}"
    return (
        f"{found.campaign}: asked about {count(found.asked, 'call')}: {learned or 'nothing new'}; "
        f"{found.waiting:,} without a result yet{responses}"
    )
