"""When the calls of a campaign start, by the clocks of their contacts: day by day, and the next windows."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sqlalchemy import Engine, Text, cast, func, select

from runner.calls import CallState
from runner.ledger.rows import reading
from runner.ledger.tables import calls
from runner.planning.zones import westernmost

_STEP = 900
"""Seconds. Every zone differs from UTC by a multiple of it."""


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
    zones = cast(calls.c.timezones, Text)
    mine = calls.c.campaign == campaign
    step = calls.c.start_timestamp // _STEP
    started = (
        select(calls.c.state, step, zones, func.count())
        .where(mine, calls.c.state != CallState.SKIPPED)
        .group_by(calls.c.state, step, zones)
    )
    first, last = func.min(calls.c.start_timestamp), func.max(calls.c.start_timestamp)
    planned = (
        select(zones, first, last, calls.c.end_timestamp, func.count())
        .where(mine, calls.c.state == CallState.PLANNED)
        .group_by(zones, calls.c.end_timestamp)
        .order_by(first, zones)
    )
    with reading(engine) as connection:
        counted = connection.execute(started).all()
        windows = [
            NextWindow(zones=_zones(row[0]), first_start=row[1], last_start=row[2], end=row[3], calls=row[4])
            for row in connection.execute(planned)
        ]
    days: defaultdict[date, Counter[CallState]] = defaultdict(Counter)
    for state, number, stored, count in counted:
        days[westernmost(number * _STEP, _zones(stored)).date()][CallState(state)] += count
    return Schedule(days=dict(sorted(days.items())), windows=windows)


@lru_cache(maxsize=1024)
def _zones(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))
