"""Entries of the suppression list that the ledger keeps, and which contacts they name. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.contacts.identity import folded_key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """One number (E.164) or one key that is not called; the other of the two is empty. UTC Unix seconds."""

    phone: str = ""
    key: str = ""
    since: float
    until: float | None = None
    """From then on it no longer counts; None for never."""
    reason: str = ""

    def counts(self, now: float) -> bool:
        return self.until is None or now < self.until

    def words(self) -> str:
        """Why it keeps somebody from being called. The same on every machine."""
        until = "" if self.until is None else f" until {utc(self.until)}"
        reason = f" ({self.reason})" if self.reason else ""
        return f"on the ledger's suppression list since {utc(self.since)}{until}{reason}"


class KeptEntries:
    """Entries, to be looked up by number and by key. Where several name a contact, the one that lasts."""

    def __init__(self, entries: Iterable[KeptEntry] = ()) -> None:
        self._phones: dict[str, KeptEntry] = {}
        self._keys: dict[str, KeptEntry] = {}
        for entry in entries:
            named, name = (self._phones, entry.phone) if entry.phone else (self._keys, folded_key(entry.key))
            before = named.get(name)
            if before is None or _lasts_longer(entry, before):
                named[name] = entry
        self.names_keys = bool(self._keys)
        self.names_any = bool(self._keys or self._phones)

    def match(self, key: str, phone: str, now: float) -> str | None:
        """Why this contact is not called, for people; None where no entry that counts at `now` names it."""
        found = self._phones.get(phone)
        if (found is None or not found.counts(now)) and self._keys:
            found = self._keys.get(folded_key(key))
        return found.words() if found is not None and found.counts(now) else None


def _lasts_longer(entry: KeptEntry, than: KeptEntry) -> bool:
    if entry.until is None or than.until is None:
        return than.until is not None
    return entry.until > than.until


def utc(instant: float) -> str:
    """`2026-12-01T16:00:00Z`, to the second."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
