"""How far campaigns are, as text and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runner.contacts.identity import Identity
from runner.ledger.overview import Overview
from runner.ledger.states import PROBLEMS, CallState
from runner.reports.times import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStatus:
    """One campaign: what the ledger holds, who applies it now, and what speaks against applying it."""

    seen: Overview
    holder: str | None
    warning: str


def status_json(status: CampaignStatus, identity: Identity) -> dict[str, Any]:
    seen = status.seen
    return {
        "campaign": seen.campaign,
        "states": {state.value: count for state, count in seen.states.items()},
        "next_due": seen.next_due,
        "holder": status.holder,
        "queued_last_minute": seen.queued_last_minute,
        "problems": [
            {
                "contact": identity.label(problem.key),
                "ref": problem.ref,
                "state": problem.state.value,
                "reason": problem.reason,
                "at": int(problem.at),
                "sent_at": int(problem.sent_at),
                "http_status": problem.http_status,
                "sender": problem.sender,
            }
            for problem in seen.problems
        ],
        "warning": status.warning,
    }


def print_status(console: Console, found: Sequence[CampaignStatus], identity: Identity) -> None:
    if not found:
        console.print("no campaign was applied with this ledger yet")
    for status in found:
        _print_one(console, status, identity)


def _print_one(console: Console, status: CampaignStatus, identity: Identity) -> None:
    seen = status.seen
    console.print(Text(seen.campaign, style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for state, count in seen.states.items():
        if count:
            style = "yellow" if state in PROBLEMS else ""
            table.add_row(f"  {state.value}", Text(f"{count:,}", style=style))
    console.print(table)
    due = rfc3339(seen.next_due) if seen.next_due is not None else "nothing"
    console.print(f"  next due: {due}; queued in the last minute: {seen.queued_last_minute:,}")
    console.print(f"  applied now by {status.holder}" if status.holder else "  nobody applies it now")
    if status.warning:
        console.print(Text(f"  warning: {status.warning}", style="yellow"), soft_wrap=True)
    for problem in seen.problems:
        console.print(
            Text(f"  {problem.state.value} {identity.label(problem.key)} ({problem.ref}) "),
            Text(f"sent {rfc3339(problem.sent_at)} by {problem.sender}: {problem.reason}", style="dim"),
            sep="",
            soft_wrap=True,
        )
    if seen.states[CallState.UNCERTAIN]:
        console.print(
            Text(
                "  Find out at Insight whether the uncertain calls are there, then say so:\n"
                f"  runner resolve {seen.campaign} CONTACT --as queued (or not-queued, abandoned)"
            ),
            soft_wrap=True,
        )
