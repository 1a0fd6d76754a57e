"""What happened to a campaign, as text and JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from runner.calls import NO_REASON
from runner.contacts.identity import Identity
from runner.dispatch.redaction import without_numbers
from runner.ledger.overview import Ended, Entry, EntryKind
from runner.reports.console import print_lines
from runner.reports.forms import FORMAT_VERSION, HistoryEntry
from runner.reports.json_text import object_with_rows
from runner.reports.plan_facts import count
from runner.reports.state_reasons import reason_text
from runner.reports.times import machine_time, rfc3339

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How contacts, and what was said of them, are written."""

    identity: Identity
    show_contacts: bool

    def label(self, key: str) -> str:
        return key if self.show_contacts else self.identity.label(key)

    def detail(self, entry: Entry) -> str:
        """An operator's words are kept as they are; what came from outside may hold a number or a name."""
        if entry.reason == NO_REASON or not entry.detail:
            return entry.detail
        if self.show_contacts:
            return entry.detail[:_SHOWN_CHARACTERS]
        if entry.kind is EntryKind.EVIDENCE:
            return "its beginning is shown with --show-contacts"
        return without_numbers(entry.detail)[:_SHOWN_CHARACTERS]


def history_json(campaign: str, as_of: float, entries: Iterable[Entry], words: Words) -> Iterator[str]:
    head = {"format_version": FORMAT_VERSION, "campaign": campaign, "as_of": rfc3339(as_of)}
    return object_with_rows(head, "entries", (_entry(entry, words) for entry in entries))


def _entry(entry: Entry, words: Words) -> HistoryEntry:
    return {
        "at": int(entry.at),
        "kind": entry.kind.value,
        "contact": words.label(entry.key) if entry.key else None,
        "ref": entry.ref or None,
        "round": entry.round,
        "before": entry.before,
        "after": entry.after,
        "source": entry.source,
        "status": entry.status,
        "act": entry.verb,
        "reason_code": entry.reason.code.value,
        "reason_values": dict(entry.reason.values),
        "reason": reason_text(entry.reason),
        "detail": words.detail(entry),
        "dials": entry.ended.dials if entry.ended else None,
        "last_dial": entry.ended.last_dial if entry.ended else None,
        "by": entry.who,
    }


def print_history(console: Console, entries: Iterable[Entry], words: Words) -> None:
    print_lines(console, (_line(entry, words) for entry in entries))


def _line(entry: Entry, words: Words) -> Text:
    who = f"{words.label(entry.key)} [{entry.ref}] " if entry.key else ""
    line = Text(f"{machine_time(entry.at)} {who}")
    line.append(entry.what, style="bold")
    for part in filter(None, (reason_text(entry.reason), words.detail(entry), _dials(entry.ended))):
        line.append(f": {part}")
    line.append(f" ({entry.who})", style="dim")
    return line


def _dials(ended: Ended | None) -> str:
    """`3 dials, the last at 2026-12-01 11:00:00 EST`, as far as Insight said."""
    if ended is None:
        return ""
    number = "" if ended.dials is None else count(ended.dials, "dial")
    last = "" if ended.last_dial is None else f"the last at {machine_time(ended.last_dial)}"
    return ", ".join(filter(None, (number, last)))
