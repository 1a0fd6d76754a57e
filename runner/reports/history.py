"""What happened to a campaign, line by line."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from runner.contacts.identity import Identity
from runner.ledger.history import Entry
from runner.reports.lines import print_lines
from runner.reports.times import machine_time


def print_history(console: Console, entries: Iterable[Entry], identity: Identity) -> None:
    print_lines(console, (_line(entry, identity) for entry in entries))


def _line(entry: Entry, identity: Identity) -> Text:
    who = f"{identity.label(entry.key)} [{entry.ref}] " if entry.key else ""
    line = Text(f"{machine_time(entry.at)} {who}")
    line.append(entry.what, style="bold")
    if entry.reason:
        line.append(f": {entry.reason}")
    line.append(f" ({entry.who})", style="dim")
    return line
