"""What an operator does to a campaign: one function for each command, named as the command."""

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from runner.calls import CallState, Resolution
from runner.commands.show import check_private
from runner.commands.terminal import actor, ask_to_type, ledger_to_read, say
from runner.contacts.identity import Identity
from runner.errors import ExitStatus, UsageError
from runner.insight.answers import read_call_id
from runner.ledger.ledger import Ledger
from runner.ledger.operators import CampaignState, Decided, PauseInfo, SeenCall
from runner.ledger.overview import overview, read_history
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.console import standard_console
from runner.reports.history import Words, history_json, print_history
from runner.reports.notices import pause_text
from runner.reports.plan_facts import count
from runner.reports.progress import activity
from runner.services.campaigns import known_campaign, name_of
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
    found = desk.ledger.pause_info(desk.campaign)
    return found if found is not None and found.state is CampaignState.CANCELED else None


def history(campaign: str, contact: str | None, *, as_json: bool, show_contacts: bool) -> int:
    """Everything that happened to a campaign, or to one contact of it."""
    if show_contacts:
        check_private()
    settings = load_settings()
    with ledger_to_read(settings) as ledger:
        name = name_of(campaign, ledger)
        if not ledger.has_acts(name):
            name = known_campaign(campaign, ledger)
        entries = read_history(ledger.engine, name, contact)
        words = Words(identity=Identity(privacy_key(settings, ledger)), show_contacts=show_contacts)
        if as_json:
            sys.stdout.writelines(history_json(name, time.time(), entries, words))
        else:
            print_history(standard_console(), entries, words)
    return ExitStatus.DONE


def trust_ledger(*, yes: bool) -> int:
    """An operator confirms that a copied or restored ledger knows every call that was sent."""
    settings = load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        say(
            f"This accepts {ledger.place} as the newest ledger. People whose calls are missing in it may "
            "be called again."
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


def resolve(
    campaign: str,
    contact: str | None,
    *,
    file: Path | None,
    everybody: bool,
    resolution: Resolution,
    call_id: str | None,
    yes: bool,
) -> int:
    """Settles one uncertain call, those of a file, or all of them; all of them only after asking."""
    if [contact is not None, file is not None, everybody].count(True) != 1:
        raise UsageError("name one CONTACT, or give --file or --all")
    _check_call_id(call_id, contact, resolution)
    named: Sequence[str | SeenCall] | None
    named = _contacts_in(file) if file is not None else [contact] if contact is not None else None
    with open_desk(campaign, actor(), load_settings()) as desk:
        desk.mark_orphaned_calls()
        if named is None:
            named = _all_uncertain(desk, resolution, yes=yes)
        if named:
            _report(desk, desk.operators.resolve(desk.campaign, named, resolution, call_id, time.time()))
        else:
            say("no call is uncertain: there is nothing to resolve")
    return ExitStatus.DONE


def retry(campaign: str, contact: str | None, *, everybody: bool) -> int:
    """Plans one refused call again, or all of them, though nothing of them changed."""
    if (contact is not None) == everybody:
        raise UsageError("name one CONTACT, or give --all")
    with open_desk(campaign, actor(), load_settings()) as desk:
        named = None if contact is None else [contact]
        retried = desk.operators.retry(desk.campaign, named, time.time())
        _report(desk, retried)
        if retried:
            say(f"{count(len(retried), 'call')} planned again: {_WHO_SENDS}")
        else:
            say("no call is refused: there is nothing to retry")
    return ExitStatus.DONE


_WHO_SENDS = "the apply that planned them sends them if it still runs, otherwise the next `runner apply`"


def acknowledge(campaign: str) -> int:
    """From now on these calls do not count as problems that nobody has seen; nothing is sent."""
    with open_desk(campaign, actor(), load_settings()) as desk:
        seen = desk.operators.acknowledge(desk.campaign, time.time())
        say(
            f"{count(seen, 'refused or uncertain call')} of {desk.campaign} acknowledged: apply no longer "
            "exits with 6 for them, and does not send them"
            if seen
            else "no refused or uncertain call is left to acknowledge"
        )
    return ExitStatus.DONE


def _check_call_id(call_id: str | None, contact: str | None, resolution: Resolution) -> None:
    if call_id is None:
        return
    if contact is None or resolution is not Resolution.QUEUED:
        raise UsageError("--call-id goes with one contact and --as queued")
    if read_call_id(call_id) != call_id:
        raise UsageError(
            f"invalid --call-id {call_id}: Insight's call ids are numbers, such as 155761",
            hint="copy it from Insight, or leave --call-id out",
        )


def _all_uncertain(desk: Desk, resolution: Resolution, *, yes: bool) -> Sequence[SeenCall]:
    """The calls that were uncertain when the person was asked; what becomes so later is not decided on."""
    found = desk.operators.seen(desk.campaign, None)
    if found and not yes:
        say(f"This resolves {count(len(found), 'uncertain call')} as {resolution}. {_MEANS[resolution]}")
        ask_to_type(str(len(found)), "resolve --all")
    return found


_MEANS = {
    Resolution.QUEUED: "They count as queued, and are never sent again.",
    Resolution.NOT_QUEUED: "They are sent again: people whose call Insight did queue are called twice.",
    Resolution.ABANDONED: "They are not sent again, and no longer reported.",
    Resolution.COMPLETED: "They count as completed: these people are not called again.",
    Resolution.FAILED: "They count as failed: further rounds of the campaign call these people.",
}


def _contacts_in(file: Path) -> list[str]:
    """One key or ref a line."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise UsageError(f"{file} names no contact", hint="write one key or ref a line")
    return found


def _report(desk: Desk, decided: Iterable[Decided]) -> None:
    for call in decided:
        sent = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(call.intended_at))
        say(f"{desk.identity.label(call.key)} [{call.ref}], sent {sent} UTC: now {call.after}")
