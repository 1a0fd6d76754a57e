"""When the calls of a campaign start, by the clocks of their contacts: day by day, and the next windows."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Row, Text, case, cast, func, select, true

from runner.calls import CallState
from runner.ledger.rows import reading
from runner.ledger.tables import calls
from runner.planning.zones import westernmost

_STEP = 900
"""Seconds. Every zone differs from UTC by a multiple of it."""
_AT_ONCE = 20_000
"""Contacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWindow:
    """Planned calls of contacts in the same zones that end together. Times are UTC Unix seconds."""

    zones: tuple[str, ...]
    first_start: int
    last_start: int
    end: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    days: Mapping[date, Mapping[CallState, int]]
    """How many calls of each state start on each local day, in order; without those that were skipped."""
    windows: Sequence[NextWindow]
    """The next one first."""


def schedule(engine: Engine, campaign: str) -> Schedule:
    """Reads every call of the campaign, some at a time, each in a transaction of its own: a run that sends
    calls meanwhile must be able to write.
    """
    days: defaultdict[date, Counter[CallState]] = defaultdict(Counter)
    planned: defaultdict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for state, step, zones, end, first, last, number in _counted(engine, campaign):
        days[_day(step, zones)][CallState(state)] += number
        if end is not None:
            planned[zones, end].append((first, last, number))
    windows = [_window(_zones(zones), end, parts) for (zones, end), parts in planned.items()]
    windows.sort(key=lambda window: (window.first_start, window.zones))
    return Schedule(days=dict(sorted(days.items())), windows=windows)


def _window(zones: tuple[str, ...], end: int, parts: Sequence[tuple[int, int, int]]) -> NextWindow:
    firsts, lasts, numbers = zip(*parts, strict=True)
    return NextWindow(
        zones=zones, first_start=min(firsts), last_start=max(lasts), end=end, calls=sum(numbers)
    )


def _counted(engine: Engine, campaign: str) -> Iterator[Row[*tuple[Any, ...]]]:
    """Calls of the same state, quarter of an hour and zones; planned ones also with their end."""
    mine, start, zones = calls.c.campaign == campaign, calls.c.start_timestamp, cast(calls.c.timezones, Text)
    alike = (
        calls.c.state,
        start // _STEP,
        zones,
        case((calls.c.state == CallState.PLANNED, calls.c.end_timestamp)),
    )
    counted = select(*alike, func.min(start), func.max(start), func.count()).group_by(*alike)
    last: str | None = ""
    while last is not None:
        rest = (mine, calls.c.contact > last)
        next_last = select(calls.c.contact).where(*rest).order_by(calls.c.contact).offset(_AT_ONCE).limit(1)
        with reading(engine) as connection:
            last = connection.scalar(next_last)
            some = true() if last is None else calls.c.contact <= last
            yield from connection.execute(
                counted.where(*rest, some, calls.c.state != CallState.SKIPPED)
            ).all()


@lru_cache(maxsize=16_384)
def _day(step: int, stored: str) -> date:
    return westernmost(step * _STEP, _zones(stored)).date()


@lru_cache(maxsize=1024)
def _zones(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))
