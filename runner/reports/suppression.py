"""The ledger's suppression list as text and JSON."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from runner.contacts.identity import Identity
from runner.contacts.phone import mask
from runner.ledger.suppressions import StoredEntry
from runner.reports.console import columns, print_lines
from runner.reports.forms import FORMAT_VERSION, SuppressionForm, Suppressions
from runner.reports.times import machine_time, rfc3339


def print_entries(
    console: Console, entries: Sequence[StoredEntry], identity: Identity, *, show_contacts: bool
) -> None:
    if not entries:
        print_lines(console, [Text("the ledger's suppression list has no entries")])
        return
    head = ("number or key", "campaign", "since", "until", "by", "reason")
    rows = [_cells(each, identity, show_contacts=show_contacts) for each in entries]
    print_lines(console, columns([head, *rows]))


def entries_json(entries: Sequence[StoredEntry], identity: Identity, *, show_contacts: bool) -> Suppressions:
    return {
        "format_version": FORMAT_VERSION,
        "entries": [_entry(each, identity, show_contacts=show_contacts) for each in entries],
    }


def _entry(each: StoredEntry, identity: Identity, *, show_contacts: bool) -> SuppressionForm:
    return {
        "number": _number(each, show_contacts=show_contacts) or None,
        "key": _key(each, identity, show_contacts=show_contacts) or None,
        "campaign": each.campaign,
        "since": rfc3339(each.entry.since),
        "until": None if each.entry.until is None else rfc3339(each.entry.until),
        "by": each.by,
        "reason": each.entry.reason,
    }


def _cells(each: StoredEntry, identity: Identity, *, show_contacts: bool) -> tuple[str, ...]:
    number = _number(each, show_contacts=show_contacts)
    return (
        number or _key(each, identity, show_contacts=show_contacts),
        each.campaign or "all",
        machine_time(each.entry.since),
        "no end" if each.entry.until is None else machine_time(each.entry.until),
        each.by,
        each.entry.reason,
    )


def _number(each: StoredEntry, *, show_contacts: bool) -> str:
    phone = each.entry.phone
    return phone if show_contacts or not phone else mask(phone)


def _key(each: StoredEntry, identity: Identity, *, show_contacts: bool) -> str:
    key = each.entry.key
    return key if show_contacts or not key else identity.label(key)
