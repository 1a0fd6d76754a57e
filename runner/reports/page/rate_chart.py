"""The drawing of contact rates: a bar for each hour, with its interval as a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from runner.reports.sections import interval, percent
from runner.results.rates import Share

WIDTH, HEIGHT = 760, 220
"""The drawing, in its own units."""
LEFT, RIGHT, TOP, BASE = 44, 752, 14, 190
LABELS_AT = 208
_WIDEST_STEP = 64
_FINE_UP_TO = 5
"""Up to 50% the scale has a line at each 10%, above that at each 20%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBar:
    """`low` and `high` are the ends of the interval, as heights in the drawing."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    low: float
    high: float
    label: str
    tip: str


@dataclass(frozen=True, slots=True)
class RateChart:
    bars: Sequence[RateBar]
    scale: Sequence[tuple[float, str]]
    """Heights and what they stand for."""


def rate_chart(shares: Sequence[tuple[str, Share]]) -> RateChart:
    """The scale ends at or above every interval."""
    highest = max((share.interval[1] for _, share in shares if share.interval), default=1.0)
    tenths = ceil(round(highest * 10, 6))
    step = 1 if tenths <= _FINE_UP_TO else 2
    tenths = ceil(tenths / step) * step
    width = min(_WIDEST_STEP, (RIGHT - LEFT) / max(1, len(shares)))
    return RateChart(
        bars=[
            _bar(place * width, width, name, share, tenths / 10) for place, (name, share) in enumerate(shares)
        ],
        scale=[(_height(line, tenths), f"{line * 10}%") for line in range(0, tenths + 1, step)],
    )


def _bar(offset: float, step: float, name: str, share: Share, top: float) -> RateBar:
    low, high = share.interval or (0.0, 0.0)
    y = _height(share.value or 0.0, top)
    return RateBar(
        x=round(LEFT + offset + step / 6, 2),
        y=y,
        width=round(step * 2 / 3, 2),
        height=round(BASE - y, 2),
        middle=round(LEFT + offset + step / 2, 2),
        low=_height(low, top),
        high=_height(high, top),
        label=name,
        tip=f"{name}: {percent(share.value)} of {share.whole:,} dials, {interval(share)}",
    )


def _height(value: float, top: float) -> float:
    return round(BASE - (BASE - TOP) * value / top, 2)
