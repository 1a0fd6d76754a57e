"""The map of the week: when calls start, hour by hour and weekday by weekday, over the declared windows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, gcd

from runner.campaign.hours import MINUTES_A_DAY, WeeklyHours
from runner.planning.plan_view import HoursView
from runner.planning.zones import CONTACT
from runner.reports.page.starts import LocalStarts
from runner.reports.plan_facts import count

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

WIDTH = 1000
LEFT, HOUR_WIDTH, TOP, DAY_HEIGHT, CELLS_FROM, CELLS_TO = 46, 36.5, 24, 46, 19, 37
"""The drawing, in its own units: in each day's row the numbers stand above the cells."""
HEIGHT = TOP + 7 * DAY_HEIGHT + 4

_LEVELS = 5
_FINEST_STEP = 15
_NUMBERS_AT = 14
_WIDEST_NUMBER = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The starts of one step of the day; `level` is 1 to 5, by the fullest cell."""

    x: float
    y: float
    width: float
    level: int
    number: int
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTotal:
    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStretch:
    """A declared window, or the part of it that lies on one day."""

    x: float
    y: float
    width: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One weekday as a row of the table beside the map."""

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
    cells: Sequence[Cell]
    totals: Sequence[HourTotal]
    windows: Sequence[OpenStretch]
    days: Sequence[DayRow]
    hours: Sequence[int]
    """The hours of the day in which any call starts."""


def week_map(declared: HoursView, starts: LocalStarts) -> WeekMap:
    """By the clock for which the windows are declared, so that starts and windows can be compared."""
    weekly = declared.weekly
    step = _step(weekly)
    by_cell: Counter[tuple[int, int]] = Counter()
    by_hour: Counter[tuple[int, int]] = Counter()
    for (day, minute), number in _by_minute(starts).items():
        by_cell[day, minute // step] += number
        by_hour[day, minute // 60] += number
    hours = sorted({hour for _, hour in by_hour})
    return WeekMap(
        clock=_clock(declared),
        step=step,
        cells=_cells(by_cell, step),
        totals=_totals(by_hour, by_cell, step),
        windows=list(_windows(weekly)),
        days=[
            DayRow(
                name=name,
                y=_row(day),
                hours=", ".join(_span(start, end) for start, end in weekly[day]) or "closed",
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


def _cells(by_cell: Counter[tuple[int, int]], step: int) -> list[Cell]:
    fullest = max(by_cell.values(), default=1)
    return [
        Cell(
            x=_across(index * step),
            y=_row(day) + CELLS_FROM,
            width=round(step / 60 * HOUR_WIDTH, 2),
            level=ceil(_LEVELS * number / fullest),
            number=number,
            tip=f"{DAYS[day]} {_span(index * step, (index + 1) * step)}: {count(number, 'start')}",
        )
        for (day, index), number in sorted(by_cell.items())
    ]


def _totals(
    by_hour: Counter[tuple[int, int]], by_cell: Counter[tuple[int, int]], step: int
) -> list[HourTotal]:
    """Each stands over the middle of the hour's cells: a window may open at a quarter past."""
    middles: dict[tuple[int, int], list[float]] = {}
    for day, index in by_cell:
        middles.setdefault((day, index * step // 60), []).append((index + 0.5) * step)
    return [
        HourTotal(
            x=_across((min(middles[day, hour]) + max(middles[day, hour])) / 2),
            y=_row(day) + _NUMBERS_AT,
            text=_short(number),
        )
        for (day, hour), number in sorted(by_hour.items())
    ]


def _windows(weekly: WeeklyHours) -> Iterable[OpenStretch]:
    for day, windows in enumerate(weekly):
        for start, end in windows:
            tip = f"{DAYS[day]} {_span(start, end)}: declared calling window"
            yield _stretch(day, start, min(end, MINUTES_A_DAY), tip)
            if end > MINUTES_A_DAY:
                yield _stretch((day + 1) % 7, 0, end - MINUTES_A_DAY, tip)


def _stretch(day: int, start: int, end: int, tip: str) -> OpenStretch:
    return OpenStretch(x=_across(start), y=_row(day), width=round(_across(end) - _across(start), 2), tip=tip)


def _across(minute: float) -> float:
    return round(LEFT + minute / 60 * HOUR_WIDTH, 2)


def _row(day: int) -> float:
    return TOP + day * DAY_HEIGHT


def _span(start: int, end: int) -> str:
    """`17:15-20:30`; the end of a day is 24:00, after it the clock begins anew."""
    return f"{_time(start)}-{_time(end if end <= MINUTES_A_DAY else end - MINUTES_A_DAY)}"


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _short(number: int) -> str:
    return f"{number:,}" if number < _WIDEST_NUMBER else f"{number // 1000:,}k"


def _clock(hours: HoursView) -> str:
    if hours.timezone == CONTACT:
        return "each contact's own clock (with several zones, the earliest)"
    return f"the clock of {hours.timezone}"
