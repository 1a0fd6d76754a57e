"""The table of everybody the plan speaks of: what its first rows say, and all rows as compact data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from runner.planning.plan_view import PlanView
from runner.planning.zones import westernmost
from runner.reports.plan_facts import REASONS, SIGNS
from runner.reports.plan_text import zone_names
from runner.reports.times import local_time

NOT_CALLED = "not called"
KINDS: Mapping[str, str] = {**SIGNS, NOT_CALLED: "x"}
"""What becomes of a row, with the sign that stands before it."""
FIRST_ROWS = 100
"""Rows that are in the page as text; the script shows the others."""

_UTC = ("UTC",)


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


def entries(plan: PlanView) -> list[Entry]:
    """Calls in the order in which they are sent, then what is withdrawn, then who is not called."""
    return [*_calls(plan), *_withdrawn(plan), *_excluded(plan)]


def text_row(entry: Entry) -> TextRow:
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


def table_data(rows: Sequence[Entry], shown: Callable[[str], str]) -> dict[str, Any]:
    """All rows by column, for the script. Every text passes through `shown`.

    Local times are not reckoned by the browser, whose zone data may be another release: each start comes
    with the offset in seconds and the abbreviation of its zone.
    """
    phones, zones, kinds, whys, sources = _Column(), _Column(), _Column(), _Column(), _Column()
    clocks, clocks_before = _Column(), _Column()
    clock = cache(_clock)
    for entry in rows:
        names = entry.zones or _UTC
        phones.add(shown(entry.phone))
        zones.add(entry.zones)
        kinds.add(entry.kind)
        whys.add(shown(entry.why))
        sources.add(shown(entry.source))
        clocks.add(clock(entry.starts, names))
        clocks_before.add(clock(entry.before, names))
    return {
        "signs": dict(KINDS),
        "contacts": [shown(entry.contact or "-") for entry in rows],
        "refs": [shown(entry.ref) for entry in rows],
        "starts": [entry.starts for entry in rows],
        "befores": [entry.before for entry in rows],
        "rows": [entry.row for entry in rows],
        "phones": _table(phones),
        "zones": {
            "values": [
                [shown(zone_names(names)), shown(", ".join(names))] if names else ["", ""]
                for names in zones.values
            ],
            "rows": zones.rows,
        },
        "kinds": _table(kinds),
        "whys": _table(whys),
        "sources": _table(sources),
        "clocks": _table(clocks),
        "clocks_before": _table(clocks_before),
    }


def _calls(plan: PlanView) -> Iterator[Entry]:
    for call in plan.calls:
        yield Entry(
            contact=call.contact,
            ref=call.ref,
            phone=call.phone,
            zones=call.timezones,
            kind=call.change.value,
            why=call.reason,
            starts=call.start_timestamp,
            before=None if call.start_before == call.start_timestamp else call.start_before,
            source=call.source,
            row=call.row,
        )


def _withdrawn(plan: PlanView) -> Iterator[Entry]:
    for withdrawal in plan.withdrawals:
        yield Entry(
            contact=withdrawal.contact,
            ref=withdrawal.ref,
            kind="withdrawn",
            why=withdrawal.reason,
            before=withdrawal.start_timestamp,
        )


def _excluded(plan: PlanView) -> Iterator[Entry]:
    for exclusion in plan.exclusions:
        why = f"{exclusion.reason.value}: {exclusion.detail or REASONS[exclusion.reason]}"
        yield Entry(
            contact=exclusion.contact,
            ref=exclusion.ref,
            kind=NOT_CALLED,
            why=why,
            source=exclusion.source,
            row=exclusion.row,
        )


def _clock(instant: int | None, zones: tuple[str, ...]) -> tuple[int, str] | None:
    if instant is None:
        return None
    local = westernmost(instant, zones)
    offset = local.utcoffset()
    return (int(offset.total_seconds()) if offset else 0, local.tzname() or "")


def _table(column: _Column) -> dict[str, Any]:
    return {"values": column.values, "rows": column.rows}
