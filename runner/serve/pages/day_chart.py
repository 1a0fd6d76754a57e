"""The drawing of progress over days: a bar for each local day, with the states of its calls. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

from runner.calls import CallState
from runner.reports.page.starts import Shape
from runner.serve.pages.progress_bar import grouped, part_words

WIDTH, HEIGHT = 760, 200
"""The drawing, in its own units."""
LEFT, RIGHT, TOP, BASE = 48, 752, 14, 172
LABELS_AT = 192
MOST_DAYS = 62
"""Of a longer campaign, the last of them are drawn."""
_LABEL_WIDTH = 58
_WIDEST = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChart:
    parts: Mapping[str, str]
    """The class and the words of each part of a bar, for those that are in one."""
    shapes: Sequence[tuple[str, Shape]]
    """Each part of each bar, with its class."""
    labels: Sequence[Shape]
    top: int
    """The count of a bar of full height."""
    rows: Sequence[tuple[str, Sequence[int]]]
    """Each day with the numbers of its parts, and their sum."""
    earlier: int
    """Days that are not drawn."""


def day_chart(days: Mapping[date, Mapping[CallState, int]]) -> DayChart:
    drawn = {day: grouped(states) for day, states in list(days.items())[-MOST_DAYS:]}
    used = {name for numbers in drawn.values() for name, number in numbers.items() if number}
    parts = {name: words for name, words in part_words().items() if name in used}
    top = max((sum(numbers.values()) for numbers in drawn.values()), default=0)
    step = (RIGHT - LEFT) / max(1, len(drawn))
    shapes = [
        shape
        for place, (day, numbers) in enumerate(drawn.items())
        for shape in _bar(day, numbers, LEFT + place * step, step, top)
    ]
    return DayChart(
        parts=parts,
        shapes=shapes,
        labels=_labels(list(drawn), step),
        top=top,
        rows=[
            (f"{day:%a %Y-%m-%d}", [*(numbers[name] for name in parts), sum(numbers.values())])
            for day, numbers in drawn.items()
        ],
        earlier=len(days) - len(drawn),
    )


def _bar(
    day: date, numbers: Mapping[str, int], x: float, step: float, top: int
) -> Sequence[tuple[str, Shape]]:
    width = min(_WIDEST, step * 0.8)
    shapes, y = [], float(BASE)
    for name, words in part_words().items():
        if numbers[name]:
            height = (BASE - TOP) * numbers[name] / top
            y -= height
            text = f"{day:%a %Y-%m-%d}: {numbers[name]:,} {words}"
            left = x + (step - width) / 2
            shapes.append(
                (name, Shape(round(left, 2), round(y, 2), round(width, 2), round(height, 2), text=text))
            )
    return shapes


def _labels(days: Sequence[date], step: float) -> Sequence[Shape]:
    every = max(1, ceil(_LABEL_WIDTH / step))
    return [
        Shape(round(LEFT + (place + 0.5) * step, 2), text=f"{day:%a %m-%d}")
        for place, day in enumerate(days)
        if place % every == 0
    ]
