"""The map of the week: when calls start, hour by hour and weekday by weekday, over the declared windows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil, gcd

from runner.campaign.hours import MINUTES_A_DAY, WeeklyHours, cut_at_midnight, span_text
from runner.campaign.model import CONTACT
from runner.planning.plan_view import HoursView, RuleView
from runner.reports.page.starts import LocalStarts, Shape
from runner.reports.plan_facts import count
from runner.reports.rule_words import closed_spans
from runner.reports.times import DAYS

WIDTH = 1000
LEFT, HOUR_WIDTH, TOP, DAY_HEIGHT, CELLS_FROM, CELLS_TO = 46, 36.5, 24, 46, 19, 37
"""The drawing, in its own units: in each row the numbers are above the cells."""
HEIGHT = TOP + 7 * DAY_HEIGHT + 4

_Cell = tuple[int, int]
"""Weekday, and which step or hour of that day."""
_LEVELS = 5
_FINEST_STEP = 15
_NUMBERS_AT = 14
_WIDEST_NUMBER = 100_000
_DIGIT_WIDTH = 6.5
"""Of the numbers above the cells, in units of the drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One weekday: a row of the table that goes with the map."""

    name: str
    y: float
    hours: str
    """The declared windows, such as `17:15-20:30`, or `closed`."""
    total: int
    counts: Sequence[int]
    """By hour, as in `WeekMap.hours`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekMap:
    clock: str
    """By whose clock the week is drawn."""
    step: int
    """Minutes of a cell."""
    cells: Sequence[Shape]
    totals: Sequence[Shape]
    windows: Sequence[Shape]
    cuts: Sequence[Shape]
    """Parts of the windows that a rule closes."""
    days: Sequence[DayRow]
    hours: Sequence[int]
    """The hours of the day in which any call starts."""


def week_map(declared: HoursView, starts: LocalStarts, rules: Sequence[RuleView] = ()) -> WeekMap:
    """By the clock for which the windows are declared, so that starts and windows can be compared."""
    weekly = declared.weekly
    step = _step(weekly)
    by_cell: Counter[tuple[int, int]] = Counter()
    by_hour: Counter[tuple[int, int]] = Counter()
    for (day, minute), number in _by_minute(starts).items():
        by_cell[day, minute // step] += number
        by_hour[day, minute // 60] += number
    hours = sorted({hour for _, hour in by_hour})
    spans = {(day, index): _cell_span(weekly, day, index * step, step) for day, index in by_cell}
    return WeekMap(
        clock=_clock(declared),
        step=step,
        cells=_cells(by_cell, spans),
        totals=_totals(by_hour, spans),
        windows=[_stretch(*stretch) for stretch in _open_stretches(weekly)],
        cuts=[_stretch(*stretch) for stretch in _closed_stretches(rules)],
        days=[
            DayRow(
                name=name,
                y=_row(day),
                hours=", ".join(span_text(start, end) for start, end in weekly[day]) or "closed",
                total=sum(number for (on, _), number in by_hour.items() if on == day),
                counts=[by_hour[day, hour] for hour in hours],
            )
            for day, name in enumerate(DAYS)
        ],
        hours=hours,
    )


def _step(weekly: WeeklyHours) -> int:
    """An hour, or less where windows do not begin and end on the hour."""
    bounds = [bound for windows in weekly for window in windows for bound in window]
    return max(_FINEST_STEP, gcd(60, *bounds))


def _by_minute(starts: LocalStarts) -> Counter[tuple[int, int]]:
    """(weekday, minute of the day) → starts."""
    counted: Counter[tuple[int, int]] = Counter()
    for members in starts.values():
        for local, number in members.items():
            counted[local.weekday(), local.hour * 60 + local.minute] += number
    return counted


def _cell_span(weekly: WeeklyHours, day: int, begin: int, step: int) -> tuple[int, int]:
    """What of a step lies in windows: one that opens at 17:10 has no start before that."""
    end = begin + step
    inside = [
        (max(begin, opens), min(end, closes))
        for on, opens, closes, _ in _open_stretches(weekly)
        if on == day and opens < end and begin < closes
    ]
    if not inside:
        return begin, end
    return min(opens for opens, _ in inside), max(closes for _, closes in inside)


def _cells(by_cell: Counter[_Cell], spans: Mapping[_Cell, tuple[int, int]]) -> list[Shape]:
    fullest = max(by_cell.values(), default=1)
    return [
        _stretch(
            day,
            *spans[day, index],
            f"{DAYS[day]} {span_text(*spans[day, index])}: {count(number, 'start')}",
            level=ceil(_LEVELS * number / fullest),
        )
        for (day, index), number in sorted(by_cell.items())
    ]


def _totals(by_hour: Counter[_Cell], spans: Mapping[_Cell, tuple[int, int]]) -> list[Shape]:
    """Each is centered over the cells of its hour, as a window may open at a quarter past. Where two would
    overlap, the later one moves to the right.
    """
    of_hour: dict[tuple[int, int], list[int]] = {}
    for (day, _), (begin, end) in spans.items():
        of_hour.setdefault((day, begin // 60), []).extend((begin, end))
    totals: list[Shape] = []
    for (day, hour), number in sorted(by_hour.items()):
        bounds, y, text = of_hour[day, hour], _row(day) + _NUMBERS_AT, _short(number)
        x = _across((min(bounds) + max(bounds)) / 2)
        if totals and totals[-1].y == y:
            x = max(x, totals[-1].x + (len(totals[-1].text) + len(text) + 1) / 2 * _DIGIT_WIDTH)
        totals.append(Shape(x=round(x, 2), y=y, text=text))
    return totals


def _open_stretches(weekly: WeeklyHours) -> Iterator[tuple[int, int, int, str]]:
    """(day, start, end, words) of each declared window, cut at midnight; minutes of that day."""
    for day, windows in enumerate(weekly):
        for start, end in windows:
            words = f"{DAYS[day]} {span_text(start, end)}: declared calling window"
            for days_later, begin, close in cut_at_midnight(start, end):
                yield (day + days_later) % 7, begin, close, words


def _closed_stretches(rules: Sequence[RuleView]) -> Iterator[tuple[int, int, int, str]]:
    """(day, start, end, words) of each part of a window that the same rules close, cut at midnight."""
    closed: dict[int, list[tuple[int, int, str]]] = {}
    for rule in rules:
        label = f"{rule.name} (contacts in {', '.join(rule.states)})" if rule.states else rule.name
        for day, start, end in _closed_by(rule):
            closed.setdefault(day, []).append((start, end, label))
    for day, stretches in sorted(closed.items()):
        edges = sorted({edge for start, end, _ in stretches for edge in (start, end)})
        for start, end in pairwise(edges):
            by = [label for opens, closes, label in stretches if opens <= start and end <= closes]
            if by:
                yield day, start, end, f"{DAYS[day]} {span_text(start, end)}: closed by {', '.join(by)}"


def _closed_by(rule: RuleView) -> Iterator[tuple[int, int, int]]:
    """(day, start, end) of what one rule closes; minutes of that day."""
    for cut in rule.cuts:
        for day, (start, end) in product(cut.days, closed_spans(cut)):
            later, begin = divmod(start, MINUTES_A_DAY)
            for more, opens, closes in cut_at_midnight(begin, end - later * MINUTES_A_DAY):
                yield (day + later + more) % 7, opens, closes


def _stretch(day: int, start: int, end: int, text: str, *, level: int = 0) -> Shape:
    """Part of a day. A window fills its row, the cells lie below its numbers."""
    y = _row(day) + (CELLS_FROM if level else 0)
    return Shape(_across(start), y, width=round(_across(end) - _across(start), 2), text=text, level=level)


def _across(minute: float) -> float:
    return round(LEFT + minute / 60 * HOUR_WIDTH, 2)


def _row(day: int) -> float:
    return TOP + day * DAY_HEIGHT


def _short(number: int) -> str:
    return f"{number:,}" if number < _WIDEST_NUMBER else f"{number // 1000:,}k"


def _clock(hours: HoursView) -> str:
    if hours.timezone == CONTACT:
        return "each contact's own clock (with several zones, the earliest)"
    return f"the clock of {hours.timezone}"
