"""The suppression list that the ledger keeps: read again within moments of each change, by every run."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    RowMapping,
    ScalarSelect,
    Select,
    Text,
    cast,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from runner.calls import CallState
from runner.contacts.identity import folded_key
from runner.contacts.kept_list import KeptEntries, KeptEntry, utc
from runner.ledger.rows import fact, insert_once, reading
from runner.ledger.tables import actions, calls, campaigns, facts, suppressions

_REVISION = "suppression_revision"
_IN_FORCE = suppressions.c.removed_at.is_(None)


def revision_in_query() -> ScalarSelect[str]:
    """The revision of the list, as part of another query."""
    return select(facts.c.value).where(facts.c.name == _REVISION).scalar_subquery()


class LiveList:
    """The entries that concern one campaign, as they were last read. Threads may share it."""

    def __init__(self, engine: Engine, campaign: str) -> None:
        self._engine = engine
        self._concerns = or_(suppressions.c.campaign.is_(None), suppressions.c.campaign == campaign)
        self._lock = threading.Lock()
        self.revision = 0
        self.entries = KeptEntries()

    def refresh(self) -> None:
        """Reads the entries again if they changed."""
        with reading(self._engine) as connection:
            self.catch_up(connection, fact(connection, _REVISION))

    def catch_up(self, connection: Connection, revision: str | None) -> None:
        """The same, in a transaction that has read the `revision`."""
        newest = int(revision or 0)
        if newest <= self.revision:
            # Also where this transaction began before another thread read a newer one.
            return
        rows = connection.execute(select(suppressions).where(_IN_FORCE, self._concerns)).mappings()
        entries = KeptEntries(map(_entry, rows))
        with self._lock:
            if newest > self.revision:
                # The entries first: who sees the new revision in another thread sees at least its entries.
                self.entries = entries
                self.revision = newest


class ListAsOf:
    """A live list, whose entries count as of one moment: that of the plan in which it is used."""

    def __init__(self, live: LiveList, now: float) -> None:
        self._live = live
        self._now = now
        live.refresh()

    @property
    def revision(self) -> int:
        return self._live.revision

    @property
    def names_keys(self) -> bool:
        return self._live.entries.names_keys

    def match(self, key: str, phone: str) -> str | None:
        # A plan asks for each of its rows.
        entries = self._live.entries
        return entries.match(key, phone, self._now) if entries.names_any else None

    def refresh(self) -> None:
        self._live.refresh()

    def as_of(self, now: float) -> "ListAsOf":
        return ListAsOf(self._live, now)


class Target(NamedTuple):
    """A number (E.164) or a key to be suppressed; the other of the two is empty."""

    phone: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One entry in force. `campaign` is None for all campaigns of the ledger."""

    entry: KeptEntry
    campaign: str | None
    by: str
    """user@host"""

    def names(self, target: Target) -> bool:
        if target.phone:
            return self.entry.phone == target.phone
        return bool(self.entry.key) and folded_key(self.entry.key) == folded_key(target.key)


class SuppressionActs:
    """What one person (`user@host`) changes in the list. Times are UTC Unix seconds."""

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine = engine
        self._actor = actor

    def add(
        self,
        targets: Sequence[tuple[Target, str]],
        campaign: str | None,
        until: float | None,
        reason: str,
        now: float,
    ) -> list[bool]:
        """Enters each target, given with what the history is to call it; all or none. Returns for each
        whether it is new: where an entry that lasts as long names it already, nothing is written.
        """
        with self._engine.begin() as connection:
            _begin_change(connection)
            known = _stored(connection, now)
            added = []
            for target, label in targets:
                entry = KeptEntry(phone=target.phone, key=target.key, since=now, until=until, reason=reason)
                is_new = not any(_covers(each, target, campaign, until) for each in known)
                if is_new:
                    self._insert(connection, entry, campaign)
                    self._record(connection, campaign, "suppress", _add_words(label, entry), now)
                    known.append(StoredEntry(entry=entry, campaign=campaign, by=self._actor))
                added.append(is_new)
        return added

    def remove(
        self, targets: Sequence[tuple[Target, str]], campaign: str | None, now: float
    ) -> list[tuple[int, list[StoredEntry]]]:
        """Takes the entries of this campaign, or those for all for None, out of force; all or none.

        Returns for each target how many they were, and the entries that still name it.
        """
        with self._engine.begin() as connection:
            _begin_change(connection)
            return [self._remove(connection, target, label, campaign, now) for target, label in targets]

    def _remove(
        self, connection: Connection, target: Target, label: str, campaign: str | None, now: float
    ) -> tuple[int, list[StoredEntry]]:
        scope = suppressions.c.campaign.is_(None) if campaign is None else suppressions.c.campaign == campaign
        rows = connection.execute(select(suppressions).where(_IN_FORCE, scope)).mappings()
        ids = [row["id"] for row in rows if _stored_entry(row).names(target)]
        if ids:
            connection.execute(
                update(suppressions)
                .where(suppressions.c.id.in_(ids))
                .values(removed_at=now, removed_by=self._actor)
            )
            self._record(connection, campaign, "unsuppress", label, now)
        return len(ids), [each for each in _stored(connection, now) if each.names(target)]

    def _insert(self, connection: Connection, entry: KeptEntry, campaign: str | None) -> None:
        connection.execute(
            insert(suppressions).values(
                campaign=campaign,
                phone=entry.phone,
                key=entry.key,
                until=entry.until,
                reason=entry.reason,
                added_at=entry.since,
                added_by=self._actor,
            )
        )

    def _record(
        self, connection: Connection, campaign: str | None, verb: str, detail: str, now: float
    ) -> None:
        connection.execute(
            insert(actions).values(campaign=campaign, at=now, actor=self._actor, verb=verb, detail=detail)
        )


def entries_in_force(engine: Engine, campaign: str | None, now: float) -> list[StoredEntry]:
    """Oldest first; with `campaign` only those that concern it."""
    concerns = (
        true()
        if campaign is None
        else or_(suppressions.c.campaign.is_(None), suppressions.c.campaign == campaign)
    )
    with reading(engine) as connection:
        return _stored(connection, now, concerns)


def planned_for(engine: Engine, target: Target, campaign: str | None) -> Mapping[str, int]:
    """How many calls are planned for this very number or key, by campaign."""
    is_meant = calls.c.phone == target.phone if target.phone else calls.c.contact == target.key
    names = select(campaigns.c.name) if campaign is None else [campaign]
    # All campaigns are named, so that keys are found by the index of campaign and contact.
    query = (
        select(calls.c.campaign, func.count())
        .where(calls.c.campaign.in_(names), is_meant, calls.c.state == CallState.PLANNED)
        .group_by(calls.c.campaign)
        .order_by(calls.c.campaign)
    )
    with reading(engine) as connection:
        return dict(map(tuple, connection.execute(query)))


def _begin_change(connection: Connection) -> None:
    """Counts the revision on. Writers wait for each other here, so revisions are committed in their order."""
    insert_once(connection, facts, name=_REVISION, value="0")
    counted = cast(cast(facts.c.value, Integer) + 1, Text)
    connection.execute(update(facts).where(facts.c.name == _REVISION).values(value=counted))


def _stored(connection: Connection, now: float, *which: ColumnElement[bool]) -> list[StoredEntry]:
    query: Select[tuple[object, ...]] = (
        select(suppressions).where(_IN_FORCE, *which).order_by(suppressions.c.id)
    )
    found = map(_stored_entry, connection.execute(query).mappings())
    return [each for each in found if each.entry.counts(now)]


def _entry(row: RowMapping) -> KeptEntry:
    return KeptEntry(
        phone=row["phone"],
        key=row["key"],
        since=row["added_at"],
        until=row["until"],
        reason=row["reason"],
    )


def _stored_entry(row: RowMapping) -> StoredEntry:
    return StoredEntry(entry=_entry(row), campaign=row["campaign"], by=row["added_by"])


def _covers(known: StoredEntry, target: Target, campaign: str | None, until: float | None) -> bool:
    """Whether the entry names the target, in as many campaigns and for as long."""
    lasts = known.entry.until is None or (until is not None and known.entry.until >= until)
    return known.names(target) and known.campaign in {None, campaign} and lasts


def _add_words(label: str, entry: KeptEntry) -> str:
    until = "" if entry.until is None else f", until {utc(entry.until)}"
    return f"{label}{until}{f': {entry.reason}' if entry.reason else ''}"
