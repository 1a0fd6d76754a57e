"""The table of everybody the plan speaks of: what its first rows say, and all rows as compact data."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from runner.planning.plan_view import CallView, ExclusionView, WithdrawalView
from runner.planning.zones import westernmost
from runner.reports.plan_facts import REASONS, SIGNS, change_words
from runner.reports.plan_text import zone_names
from runner.reports.times import local_time

NOT_CALLED = "not called"
KINDS: Mapping[str, str] = {**SIGNS, NOT_CALLED: "x"}
"""What becomes of a row, with the sign that stands before it."""
FIRST_ROWS = 100
"""Rows that are in the page as text; the script shows the others."""

_UTC = ("UTC",)
_QUARTER = 900
"""Seconds. Clocks have changed with the quarters of an hour since 2012, so a zone's offset holds for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contact. Times are UTC Unix seconds, None where nothing is to start."""

    contact: str
    ref: str
    phone: str = ""
    zones: tuple[str, ...] = ()
    kind: str
    why: str
    starts: int | None = None
    before: int | None = None
    """The start that the ledger holds, where it is another."""
    source: str = ""
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """An entry as people read it."""

    kind: str
    sign: str
    contact: str
    ref: str
    phone: str
    zones: str
    all_zones: str
    starts: str
    before: str
    why: str
    place: str


@dataclass(frozen=True, slots=True)
class _Column:
    """Values that repeat: each is kept once, and rows name it by its number."""

    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    _numbers: dict[Any, int] = field(default_factory=dict)

    def add(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        self.rows.append(number)


class ContactTable:
    """Takes entries one by one, and keeps what the page shows of them. Every text passes through `shown`."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self._first: list[Entry] = []
        self._contacts: list[str] = []
        self._refs: list[str] = []
        self._starts: list[int | None] = []
        self._befores: list[int | None] = []
        self._rows: list[int] = []
        self._phones, self._zones, self._kinds = _Column(), _Column(), _Column()
        self._whys, self._sources = _Column(), _Column()
        self._clocks, self._clocks_before = _Column(), _Column()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, entry: Entry) -> None:
        if len(self._first) < FIRST_ROWS:
            self._first.append(entry)
        shown = self._shown
        names = entry.zones or _UTC
        self._contacts.append(shown(entry.contact or "-"))
        self._refs.append(shown(entry.ref))
        self._starts.append(entry.starts)
        self._befores.append(entry.before)
        self._rows.append(entry.row)
        self._phones.add(shown(entry.phone))
        self._zones.add(entry.zones)
        self._kinds.add(entry.kind)
        self._whys.add(shown(entry.why))
        self._sources.add(shown(entry.source))
        self._clocks.add(_clock(entry.starts, names))
        self._clocks_before.add(_clock(entry.before, names))

    def first_rows(self) -> list[TextRow]:
        return [_text_row(entry) for entry in self._first]

    def kinds(self) -> list[tuple[str, int]]:
        """How many rows are of each kind, for those that there are."""
        numbers = Counter(self._kinds.values[row] for row in self._kinds.rows)
        return [(kind, numbers[kind]) for kind in KINDS if numbers[kind]]

    def data(self) -> dict[str, Any]:
        """All rows by column, for the script.

        Local times are not computed by the browser, whose zone data may be another release: each start comes
        with the offset in seconds and the abbreviation of its zone.
        """
        shown = self._shown
        return {
            "signs": dict(KINDS),
            "contacts": self._contacts,
            "refs": self._refs,
            "starts": self._starts,
            "befores": self._befores,
            "rows": self._rows,
            "phones": _table(self._phones),
            "zones": {
                "values": [
                    [shown(zone_names(names)), shown(", ".join(names))] if names else ["", ""]
                    for names in self._zones.values
                ],
                "rows": self._zones.rows,
            },
            "kinds": _table(self._kinds),
            "whys": _table(self._whys),
            "sources": _table(self._sources),
            "clocks": _table(self._clocks),
            "clocks_before": _table(self._clocks_before),
        }


def called(call: CallView) -> Entry:
    return Entry(
        contact=call.contact,
        ref=call.ref,
        phone=call.phone,
        zones=call.timezones,
        kind=call.change.value,
        why=change_words(call.reason, call.changed),
        starts=call.start_timestamp,
        before=None if call.start_before == call.start_timestamp else call.start_before,
        source=call.source,
        row=call.row,
    )


def withdrawn(withdrawal: WithdrawalView) -> Entry:
    return Entry(
        contact=withdrawal.contact,
        ref=withdrawal.ref,
        kind="withdrawn",
        why=f"{withdrawal.reason.value}: {withdrawal.detail}" if withdrawal.reason else withdrawal.detail,
        before=withdrawal.start_timestamp,
    )


def excluded(exclusion: ExclusionView) -> Entry:
    return Entry(
        contact=exclusion.contact,
        ref=exclusion.ref,
        kind=NOT_CALLED,
        why=f"{exclusion.reason.value}: {exclusion.detail or REASONS[exclusion.reason]}",
        source=exclusion.source,
        row=exclusion.row,
    )


def _text_row(entry: Entry) -> TextRow:
    zones = entry.zones or _UTC
    return TextRow(
        kind=entry.kind,
        sign=KINDS[entry.kind],
        contact=entry.contact or "-",
        ref=entry.ref,
        phone=entry.phone,
        zones=zone_names(entry.zones) if entry.zones else "",
        all_zones=", ".join(entry.zones),
        starts="" if entry.starts is None else local_time(entry.starts, zones),
        before="" if entry.before is None else local_time(entry.before, zones),
        why=entry.why,
        place=f"{entry.source}:{entry.row}" if entry.source else "",
    )


def _clock(instant: int | None, zones: tuple[str, ...]) -> tuple[int, str] | None:
    return None if instant is None else _clock_of_quarter(instant // _QUARTER, zones)


@lru_cache(maxsize=65_536)
def _clock_of_quarter(quarter: int, zones: tuple[str, ...]) -> tuple[int, str]:
    local = westernmost(quarter * _QUARTER, zones)
    offset = local.utcoffset()
    return (int(offset.total_seconds()) if offset else 0, local.tzname() or "")


def _table(column: _Column) -> dict[str, Any]:
    return {"values": column.values, "rows": column.rows}
