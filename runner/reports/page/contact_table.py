"""The table of all contacts of a plan: its first rows as values, and all rows as compact data."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from runner.planning.plan_view import CallView, ExclusionView, WithdrawalView
from runner.planning.zones import westernmost
from runner.reports.exclusion_reasons import REASONS
from runner.reports.plan_facts import SIGNS, change_words, exclusion_words
from runner.reports.plan_text import zone_names

NOT_CALLED = "not called"
KINDS: Mapping[str, str] = {**SIGNS, NOT_CALLED: "x"}
"""What becomes of a row, with its sign."""
FIRST_ROWS = 100
"""Rows that are in the page as text; the script shows the others."""

_UTC = ("UTC",)
_QUARTER = 900
"""Seconds. Clocks have changed with the quarters of an hour since 2012, so a zone's offset holds for each."""


class Entry(NamedTuple):
    """One contact. Times are UTC Unix seconds, None where nothing is to start."""

    kind: str
    contact: str
    ref: str
    why: str
    phone: str = ""
    zones: tuple[str, ...] = ()
    starts: int | None = None
    before: int | None = None
    """The start that the ledger holds, where it is another."""
    source: str = ""
    row: int = 0


class _Column:
    """Values that repeat: each is kept once, with a number, and rows name it by that."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.rows: list[int] = []

    def add(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        self.rows.append(self.numbers.setdefault(value, len(self.numbers)))

    def data(self) -> dict[str, Any]:
        return {"values": list(self.numbers), "rows": self.rows}


class ContactTable:
    """Takes entries one by one, and keeps what the page shows of them. Every text passes through `shown`."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self.first_rows: list[Entry] = []
        self._values: dict[str, list[Any]] = {
            name: [] for name in ("contacts", "refs", "starts", "befores", "rows")
        }
        self._repeated = {
            name: _Column()
            for name in ("phones", "zones", "kinds", "whys", "sources", "clocks", "clocks_before")
        }

    def __len__(self) -> int:
        return len(self._values["rows"])

    def add(self, entry: Entry) -> None:
        if len(self.first_rows) < FIRST_ROWS:
            self.first_rows.append(entry)
        shown, zones = self._shown, entry.zones or _UTC
        for name, value in (
            ("contacts", shown(entry.contact or "-")),
            ("refs", shown(entry.ref)),
            ("starts", entry.starts),
            ("befores", entry.before),
            ("rows", entry.row),
        ):
            self._values[name].append(value)
        for name, repeated in (
            ("phones", shown(entry.phone)),
            ("zones", entry.zones),
            ("kinds", entry.kind),
            ("whys", shown(entry.why)),
            ("sources", shown(entry.source)),
            ("clocks", _clock(entry.starts, zones)),
            ("clocks_before", _clock(entry.before, zones)),
        ):
            self._repeated[name].add(repeated)

    def kinds(self) -> list[tuple[str, int]]:
        """How many rows are of each kind, for those that there are."""
        column = self._repeated["kinds"]
        numbers = Counter(column.rows)
        return [(kind, numbers[column.numbers[kind]]) for kind in KINDS if kind in column.numbers]

    def data(self) -> dict[str, Any]:
        """All rows by column, for the script.

        Local times are not computed by the browser, whose zone data may be another release: each start comes
        with the offset in seconds and the abbreviation of its zone.
        """
        data = {name: column.data() for name, column in self._repeated.items()}
        data["zones"]["values"] = [
            [self._shown(zone_names(names)), self._shown(", ".join(names))] if names else ["", ""]
            for names in data["zones"]["values"]
        ]
        return {"signs": dict(KINDS), **self._values, **data}


def called(call: CallView) -> Entry:
    in_round = f"round {call.round}: " if call.round > 1 else ""
    return Entry(
        contact=call.contact,
        ref=call.ref,
        phone=call.phone,
        zones=call.timezones,
        kind=call.change.value,
        why=f"{in_round}{change_words(call.reason, call.changed)}",
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
        why=f"{exclusion.reason.value}: {exclusion_words(exclusion) or REASONS[exclusion.reason]}",
        source=exclusion.source,
        row=exclusion.row,
    )


def _clock(instant: int | None, zones: tuple[str, ...]) -> tuple[int, str] | None:
    return None if instant is None else _clock_of_quarter(instant // _QUARTER, zones)


@lru_cache(maxsize=65_536)
def _clock_of_quarter(quarter: int, zones: tuple[str, ...]) -> tuple[int, str]:
    local = westernmost(quarter * _QUARTER, zones)
    offset = local.utcoffset()
    return (int(offset.total_seconds()) if offset else 0, local.tzname() or "")
