"""`runner pause`, `resume`, `cancel`, `resolve` and `history`: a person's hand on a campaign."""

import asyncio
import getpass
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from runner.commands.campaign_name import known_campaign
from runner.commands.planning import privacy_key
from runner.contacts.identity import Identity
from runner.errors import CampaignHeldError, ExitStatus, RunnerError, UsageError
from runner.ledger.chronicle import chronicle
from runner.ledger.ledger import Ledger
from runner.ledger.mark import Mark
from runner.ledger.operators import Operators, Resolution
from runner.ledger.overview import overview
from runner.ledger.states import CallState
from runner.reports.at_work import at_work
from runner.reports.history import print_history
from runner.settings import load_settings, marks_folder


@dataclass(frozen=True, slots=True)
class _Desk:
    """One campaign of one ledger, and the person who acts on it."""

    ledger: Ledger
    campaign: str
    operators: Operators
    identity: Identity


def pause(campaign: str) -> int:
    with _acting_desk(campaign) as desk:
        desk.operators.pause(desk.campaign, time.time())
        _say(f"{desk.campaign} is paused: nothing more is sent. To go on: runner resume {desk.campaign}")
    return ExitStatus.DONE


def resume(campaign: str) -> int:
    with _acting_desk(campaign) as desk:
        was_paused = desk.operators.resume(desk.campaign, time.time())
        _say(
            f"{desk.campaign} goes on where an apply of it runs; else start one with `runner apply`"
            if was_paused
            else f"{desk.campaign} was not paused: nothing was changed"
        )
    return ExitStatus.DONE


def cancel(campaign: str, *, pending_at_insight: bool, yes: bool) -> int:
    """Withdraws what is not sent yet; with `pending_at_insight` also all that waits in the instance."""
    with _acting_desk(campaign) as desk:
        if pending_at_insight:
            _warn_of_instance(desk)
        if not yes:
            _ask_to_cancel(desk)
        with at_work("withdrawing calls"):
            withdrawn = desk.operators.cancel(desk.campaign, time.time())
        _say(f"{desk.campaign} is canceled for good: {_calls(withdrawn)} withdrawn unsent")
        if pending_at_insight:
            _cancel_at_insight(desk)
    return ExitStatus.DONE


def resolve(
    campaign: str,
    contact: str | None,
    *,
    file: Path | None,
    everybody: bool,
    resolution: Resolution,
    call_id: str | None,
) -> int:
    """An operator's decision on one uncertain call, on those of a file, or on all of them."""
    if [contact is not None, file is not None, everybody].count(True) != 1:
        raise UsageError("name one CONTACT, or give --file or --all")
    if call_id is not None and (contact is None or resolution is not Resolution.QUEUED):
        raise UsageError("--call-id goes with one contact and --as queued")
    named = _contacts_in(file) if file is not None else [contact] if contact is not None else None
    with _acting_desk(campaign) as desk:
        _bury_if_nobody_applies(desk)
        settled = desk.operators.resolve(desk.campaign, named, resolution, call_id, time.time())
        if not settled:
            _say("no call is uncertain: there is nothing to resolve")
        for call in settled:
            sent = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(call.intended_at))
            _say(f"{desk.identity.label(call.key)} [{call.ref}], sent {sent} UTC: now {call.after}")
    return ExitStatus.DONE


def _contacts_in(file: Path) -> list[str]:
    """One key or ref a line."""
    try:
        found = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    return [line for line in found if line]


def _bury_if_nobody_applies(desk: _Desk) -> None:
    """A call that a dead run was sending becomes uncertain here too, not only with the next apply."""
    with suppress(CampaignHeldError), desk.ledger.hold(desk.campaign):
        desk.ledger.bury_dead_runs(desk.campaign)


def history(campaign: str, contact: str | None) -> int:
    """Everything that happened to a campaign, or to one contact of it."""
    with _desk(campaign) as desk:
        print_history(Console(), chronicle(desk.ledger.engine, desk.campaign, contact), desk.identity)
    return ExitStatus.DONE


def trust_ledger(*, yes: bool) -> int:
    """A person's word that a copied or restored ledger knows of every call that was sent."""
    settings = load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        _say(
            f"runner will take {ledger.place} for the truth. Whoever was called without its knowing "
            "may be called again."
        )
        if not yes:
            _ask_to_type("trust", "trust-ledger")
        Mark(ledger, marks_folder()).trust(_actor(), time.time())
        _say("the ledger is trusted as it stands")
    return ExitStatus.DONE


@contextmanager
def _desk(campaign: str) -> Iterator[_Desk]:
    settings = load_settings()
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        yield _Desk(
            ledger,
            known_campaign(campaign, ledger),
            Operators(ledger.engine, _actor()),
            Identity(privacy_key(settings, ledger)),
        )


@contextmanager
def _acting_desk(campaign: str) -> Iterator[_Desk]:
    """A desk for what the ledger must not forget. Raises LedgerError where it forgot something already."""
    with _desk(campaign) as desk:
        mark = Mark(desk.ledger, marks_folder())
        mark.check()
        try:
            yield desk
        finally:
            mark.check()


def _warn_of_instance(desk: _Desk) -> None:
    survey_id, instance_id = desk.ledger.survey(desk.campaign)
    _say(
        f"This cancels EVERY call that waits in instance {instance_id} of survey {survey_id} at Insight, "
        "also those that other people or programs queued there. Insight has no way to cancel fewer."
    )


def _ask_to_cancel(desk: _Desk) -> None:
    waiting = overview(desk.ledger.engine, desk.campaign, time.time(), 0).states[CallState.PLANNED]
    _say(
        f"This withdraws what {desk.campaign} has not sent yet ({_calls(waiting)}) for good: "
        f"nothing is ever sent again under this name. To stop for a while: runner pause {desk.campaign}"
    )
    _ask_to_type(desk.campaign, "cancel")


def _ask_to_type(word: str, command: str) -> None:
    """Raises UsageError without a terminal, RunnerError when the person types something else."""
    if not sys.stdin.isatty():
        raise UsageError(f"{command} asks first, and there is no terminal to ask on", hint="add --yes")
    sys.stdout.write(f"Type {word} to go on, anything else to leave: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != word:
        raise RunnerError("nothing was changed")


def _actor() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _cancel_at_insight(desk: _Desk) -> None:
    # The client, which no other command of these needs: a pause is often urgent.
    from runner.commands.target import insight  # noqa: PLC0415

    survey_id, instance_id = desk.ledger.survey(desk.campaign)

    async def ask() -> None:
        with insight(load_settings()) as target:
            async with target.client() as client:
                await client.cancel_pending(survey_id, instance_id)

    asyncio.run(ask())
    desk.operators.note(
        desk.campaign, "cancel-pending", f"survey {survey_id}, instance {instance_id}", time.time()
    )
    _say("Insight took the order to cancel what waits in the instance")


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count:,} calls"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
