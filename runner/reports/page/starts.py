"""When calls start, by the clocks of their contacts, counted once; and the shapes of the charts of that."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from runner.planning.zones import westernmost

_STEP = 300
"""Seconds. The cells of every chart are made of such steps, and so is whatever clocks have changed by, and
differed from UTC by, since 2012."""

LocalStarts = Mapping[tuple[str, ...], Mapping[datetime, int]]
"""By zones: how many calls start in the five minutes that begin then, by the contacts' own clocks."""


class Shape(NamedTuple):
    """A bar, a cell, a frame or a label of a chart, in the units of its drawing."""

    x: float
    y: float = 0
    width: float = 0
    height: float = 0
    text: str = ""
    """Of a label; else what readers are shown who point at it."""
    level: int = 0
    """How strong a cell of the map is, 1 to 5: by the fullest."""


class StartCount:
    """Counts in memory that grows with the days of a plan and not with its calls."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[int, tuple[str, ...]]] = Counter()

    def add(self, start: int, zones: tuple[str, ...]) -> None:
        """A call that starts at `start` (UTC Unix seconds)."""
        self._counted[start // _STEP, zones] += 1

    def local(self) -> LocalStarts:
        found: dict[tuple[str, ...], Counter[datetime]] = defaultdict(Counter)
        for (step, zones), number in self._counted.items():
            # Without its zone: an hour that the clocks repeat counts as one.
            found[zones][westernmost(step * _STEP, zones).replace(tzinfo=None)] += number
        return found
