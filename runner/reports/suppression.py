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
    rows = [("number or key", "campaign", "since", "until", "by", "reason")]
    for each in entries:
        since, until = machine_time(each.entry.since), each.entry.until
        lasts = "no end" if until is None else machine_time(until)
        name = "".join(_names(each, identity, show_contacts=show_contacts))
        rows.append((name, each.campaign or "all", since, lasts, each.by, each.entry.reason))
    print_lines(console, columns(rows))


def entries_json(entries: Sequence[StoredEntry], identity: Identity, *, show_contacts: bool) -> Suppressions:
    shown = [_entry(each, *_names(each, identity, show_contacts=show_contacts)) for each in entries]
    return {"format_version": FORMAT_VERSION, "entries": shown}


def _entry(each: StoredEntry, number: str, key: str) -> SuppressionForm:
    return {
        "number": number or None,
        "key": key or None,
        "campaign": each.campaign,
        "since": rfc3339(each.entry.since),
        "until": None if each.entry.until is None else rfc3339(each.entry.until),
        "by": each.by,
        "reason": each.entry.reason,
    }


def _names(each: StoredEntry, identity: Identity, *, show_contacts: bool) -> tuple[str, str]:
    """The number and the key, as people may read them; one of the two is empty."""
    phone, key = each.entry.phone, each.entry.key
    if show_contacts:
        return phone, key
    return mask(phone) if phone else "", identity.label(key) if key else ""
