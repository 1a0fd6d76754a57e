"""`runner pause`, `resume`, `cancel`, `history` and `trust-ledger`: an operator's acts on a campaign."""

import asyncio
import time
from contextlib import closing

from runner.calls import CallState
from runner.commands.terminal import actor, ask_to_type, ledger_to_read, say
from runner.contacts.identity import Identity
from runner.errors import ExitStatus
from runner.ledger.history import read_history
from runner.ledger.ledger import Ledger
from runner.ledger.operators import CampaignState, PauseInfo
from runner.ledger.overview import overview
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.console import standard_console
from runner.reports.notices import pause_text
from runner.reports.plan_facts import count
from runner.reports.progress import activity
from runner.reports.status import print_history
from runner.services.campaigns import known_campaign
from runner.services.operators import Desk, open_desk
from runner.services.planning import privacy_key
from runner.settings import ledger_states_folder, load_settings


def pause(campaign: str) -> int:
    with open_desk(campaign, actor(), load_settings()) as desk:
        earlier = desk.operators.pause(desk.campaign, time.time())
        say(
            f"{desk.campaign} is paused already: {pause_text(earlier)}"
            if earlier
            else f"{desk.campaign} is paused: nothing is sent until `runner resume {desk.campaign}`"
        )
    return ExitStatus.DONE


def resume(campaign: str) -> int:
    with open_desk(campaign, actor(), load_settings()) as desk:
        was_paused = desk.operators.resume(desk.campaign, time.time())
        say(
            f"{desk.campaign} is resumed: an apply that is running continues; otherwise run `runner apply`"
            if was_paused
            else f"{desk.campaign} was not paused: nothing was changed"
        )
    return ExitStatus.DONE


def cancel(campaign: str, *, pending_at_insight: bool, yes: bool) -> int:
    """Withdraws what is not sent yet; with `pending_at_insight` also all that waits in the instance."""
    with open_desk(campaign, actor(), load_settings()) as desk:
        if pending_at_insight:
            _warn_of_instance(desk)
        earlier = _earlier_cancel(desk)
        # Calls at Insight are canceled again each time, which is asked each time.
        if not yes and (earlier is None or pending_at_insight):
            _ask_to_cancel(desk)
        with activity("withdrawing calls"):
            withdrawn = desk.operators.cancel(desk.campaign, time.time())
        say(
            f"{desk.campaign} is canceled for good: {count(withdrawn, 'call')} withdrawn unsent"
            if earlier is None
            else f"{desk.campaign} was canceled already: {pause_text(earlier)}"
        )
        if pending_at_insight:
            asyncio.run(desk.cancel_at_insight(load_settings()))
            say("Insight accepted the request to cancel every call that waits in the instance")
    return ExitStatus.DONE


def _earlier_cancel(desk: Desk) -> PauseInfo | None:
    found = overview(desk.ledger.engine, desk.campaign, time.time(), 0).pause_info
    return found if found is not None and found.state is CampaignState.CANCELED else None


def history(campaign: str, contact: str | None) -> int:
    """Everything that happened to a campaign, or to one contact of it."""
    settings = load_settings()
    with ledger_to_read(settings) as ledger:
        entries = read_history(ledger.engine, known_campaign(campaign, ledger), contact)
        print_history(standard_console(), entries, Identity(privacy_key(settings, ledger)))
    return ExitStatus.DONE


def trust_ledger(*, yes: bool) -> int:
    """An operator confirms that a copied or restored ledger knows every call that was sent."""
    settings = load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        say(
            f"This accepts {ledger.place} as the newest ledger. People whose calls it does not know may be "
            "called again."
        )
        if not yes:
            ask_to_type("trust", "trust-ledger")
        RollbackGuard(ledger, ledger_states_folder()).trust(actor(), time.time())
        say("the ledger is accepted")
    return ExitStatus.DONE


def _warn_of_instance(desk: Desk) -> None:
    survey_id, instance_id = desk.ledger.survey(desk.campaign)
    say(
        f"This cancels EVERY call that waits in instance {instance_id} of survey {survey_id} at Insight, "
        "also those that other people or programs queued there. Insight has no way to cancel fewer."
    )


def _ask_to_cancel(desk: Desk) -> None:
    waiting = overview(desk.ledger.engine, desk.campaign, time.time(), 0).states[CallState.PLANNED]
    say(
        f"This withdraws what {desk.campaign} has not sent yet ({count(waiting, 'call')}) for good: "
        f"nothing is ever sent again under this name. To stop for a while: runner pause {desk.campaign}"
    )
    ask_to_type(desk.campaign, "cancel")
