"""`runner suppress`: who is not called any more, kept in the ledger, followed by every running apply."""

import shlex
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from runner.commands.terminal import actor, note, say
from runner.errors import ExitStatus, UsageError
from runner.ledger.suppressions import Target
from runner.reports.console import standard_console
from runner.reports.json_text import json_text
from runner.reports.notices import late_words
from runner.reports.suppression import entries_json, print_entries
from runner.reports.times import machine_time
from runner.services.suppression import (
    SuppressionDesk,
    open_suppressions,
    reason_of,
    targets_of,
    until_of,
)
from runner.settings import load_settings


class SuppressOptions(NamedTuple):
    """`region` and `are_keys` say how to read what was named; `until` and `reason` belong to a new entry."""

    region: str | None
    campaign: str | None
    until: str | None
    reason: str | None
    are_keys: bool
    show_contacts: bool


def suppress(named: Sequence[str], options: SuppressOptions) -> int:
    """Enters each number or key, and lists the calls that Insight may still dial."""
    targets = _targets(named, options)
    until = None if options.until is None else until_of(options.until, time.time())
    reason = reason_of(options.reason or "")
    with open_suppressions(options.campaign, actor(), load_settings()) as desk:
        added = desk.add(targets, until, reason)
        for target, is_new in zip(targets, added, strict=True):
            label = desk.label(target, show_contacts=options.show_contacts)
            say(f"{label}, taken as a {_kind(target)}: {_outcome(desk, until, is_new=is_new)}")
        _warn_of_calls(desk, targets)
    return ExitStatus.DONE


def remove(named: Sequence[str], options: SuppressOptions) -> int:
    """Takes entries out of force. Who and when stays in the history. Fails where one does not exist."""
    if options.until is not None or options.reason is not None:
        raise UsageError("--until and --reason cannot be combined with --remove")
    targets = _targets(named, options)
    with open_suppressions(options.campaign, actor(), load_settings()) as desk:
        outcomes = desk.remove(targets)
        for target, (removed, left) in zip(targets, outcomes, strict=True):
            label = desk.label(target, show_contacts=options.show_contacts)
            found = "removed" if removed else "there was no such entry"
            say(f"{label}, taken as a {_kind(target)}: {found} for {_where(desk.campaign)}")
            for each in left:
                say(f"  still suppressed for {_where(each.campaign)}: {each.entry.words()}")
        if any(removed for removed, _ in outcomes):
            note("people on a campaign's own list are still not called; the next plan may call the others")
    return ExitStatus.DONE if all(removed for removed, _ in outcomes) else ExitStatus.FAILED


def show_list(named: Sequence[str], options: SuppressOptions, *, as_json: bool) -> int:
    """The entries in force, oldest first."""
    if named:
        raise UsageError("--list shows every entry, and takes no number or key")
    with open_suppressions(options.campaign, actor(), load_settings()) as desk:
        entries, shown = desk.in_force(), options.show_contacts
        if as_json:
            found = entries_json(entries, desk.identity, show_contacts=shown)
            sys.stdout.write(f"{json_text(found)}\n")
        else:
            print_entries(standard_console(), entries, desk.identity, show_contacts=shown)
    return ExitStatus.DONE


def _targets(named: Sequence[str], options: SuppressOptions) -> list[Target]:
    if not named:
        raise UsageError("name at least one number or key, or give --list")
    return targets_of(named, options.region, are_keys=options.are_keys)


def _kind(target: Target) -> str:
    return "number" if target.phone else "key"


def _where(campaign: str | None) -> str:
    return "all campaigns of this ledger" if campaign is None else f"campaign {campaign}"


def _outcome(desk: SuppressionDesk, until: float | None, *, is_new: bool) -> str:
    if not is_new:
        return f"already suppressed for {_where(desk.campaign)}; nothing was changed"
    lasts = "" if until is None else f", until {machine_time(until)}"
    return f"suppressed for {_where(desk.campaign)}{lasts}"


def _warn_of_calls(desk: SuppressionDesk, targets: Sequence[Target]) -> None:
    """Calls that Insight has already cannot be canceled one by one."""
    for campaign, late in desk.too_late(targets):
        note(f"{campaign}: {late_words(late, desk.identity)}")
        note(
            "  Insight cannot cancel a single call. To cancel every call that waits in this campaign's "
            f"instance, and end the campaign: runner cancel {shlex.quote(campaign)} --pending-at-insight"
        )
    if desk.may_miss_calls(targets):
        note(
            "only calls to the given numbers were searched for: the ledger does not know a contact's other "
            "numbers. Where contacts have several, `runner plan` lists the calls that Insight may still dial"
        )
