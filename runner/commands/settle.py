"""`runner resolve`, `retry` and `acknowledge`: an operator decides on uncertain and refused calls."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.calls import Resolution
from runner.commands.terminal import actor, ask_to_type, say
from runner.errors import ExitStatus, UsageError
from runner.insight.answers import read_call_id
from runner.ledger.operators import Decided
from runner.reports.plan_facts import count
from runner.services.operators import Desk, open_desk
from runner.settings import load_settings


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
    named: Sequence[str] | None
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


_WHO_SENDS = "the apply that entered them sends them if it still runs; otherwise the next `runner apply` does"


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


def _all_uncertain(desk: Desk, resolution: Resolution, *, yes: bool) -> Sequence[str]:
    """The calls that were uncertain when the person was asked; what becomes so later is not decided on."""
    found = desk.operators.uncertain(desk.campaign)
    if found and not yes:
        say(f"This resolves {count(len(found), 'uncertain call')} as {resolution}. {_MEANS[resolution]}")
        ask_to_type(str(len(found)), "resolve --all")
    return found


_MEANS = {
    Resolution.QUEUED: "They count as queued, and are never sent again.",
    Resolution.NOT_QUEUED: "They are sent again: people whose call Insight did queue are called twice.",
    Resolution.ABANDONED: "They are not sent again, and no longer reported.",
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
