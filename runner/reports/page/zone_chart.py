"""The chart of calls an hour by zone: one small panel for each zone, all with the same days and hours."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil

from runner.reports.page.starts import LocalStarts, Shape
from runner.reports.plan_facts import count
from runner.reports.plan_text import zone_names

WIDTH, HEIGHT = 320, 112
"""The drawing of one panel, in its own units."""
LEFT, RIGHT, TOP, BASE = 4, 316, 18, 86
HOURS_AT, DAYS_AT = 97, 109
"""The height of the labels of hours and of days."""

_MOST_DAYS = 14
_MOST_ZONES = 4
_DAY_LABEL_WIDTH = 64
_HOUR_LABEL_WIDTH = 34
_WIDEST_BAR = 48
_HOURS_ARE_LABELLED_UP_TO = 2
_ALL = "All calls"

LocalHour = tuple[date, int]
"""An hour of a local day of the contacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One zone, set of zones, or the rest of them."""

    label: str
    total: int
    peak: int
    """Of the hours that are drawn."""
    top: int
    """The count of a bar of full height."""
    bars: Sequence[Shape]
    counts: Sequence[int]
    """By hour, as in `ZoneChart.hours`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChart:
    """Empty `panels` where there is nothing to draw."""

    panels: Sequence[Panel]
    hours: Sequence[str]
    """The hours in which any call starts."""
    span: str
    """The hours that each day of a panel has."""
    day_labels: Sequence[Shape]
    hour_labels: Sequence[Shape]
    later: str
    """What lies beyond the days that are drawn; empty if nothing does."""


def zone_chart(starts: LocalStarts) -> ZoneChart:
    """The hours are those of the contacts' own clocks: so it shows when people are called."""
    everything = _by_hour(starts.values())
    days = sorted({day for day, _ in everything})
    hours = sorted(hour for hour in everything if hour[0] in days[:_MOST_DAYS])
    axis = _Axis(hours)
    rest = everything.total() - sum(everything[hour] for hour in hours)
    later = f"and {count(rest, 'call')} on {count(len(days) - _MOST_DAYS, 'later day')}" if rest else ""
    return ZoneChart(
        panels=_panels(everything, _groups(starts), hours, axis) if hours else [],
        hours=[_hour_words(hour) for hour in hours],
        span=axis.span(),
        day_labels=axis.day_labels(),
        hour_labels=axis.hour_labels(),
        later=later,
    )


def _by_hour(members: Iterable[Mapping[datetime, int]]) -> Counter[LocalHour]:
    counted: Counter[LocalHour] = Counter()
    for starts in members:
        for local, number in starts.items():
            counted[local.date(), local.hour] += number
    return counted


def _groups(starts: LocalStarts) -> list[tuple[str, Counter[LocalHour]]]:
    """The zones with the most calls, and the others together: the starts of each."""
    ranked = sorted(starts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    # One zone needs no more room than "others" would.
    shown = len(ranked) if len(ranked) == _MOST_ZONES + 1 else _MOST_ZONES
    groups = [(zone_names(zones), _by_hour([members])) for zones, members in ranked[:shown]]
    others = [members for _, members in ranked[shown:]]
    if others:
        groups.append((f"{len(others):,} others, with few calls", _by_hour(others)))
    return groups


def _panels(
    everything: Counter[LocalHour],
    groups: Sequence[tuple[str, Counter[LocalHour]]],
    hours: Sequence[LocalHour],
    axis: "_Axis",
) -> list[Panel]:
    """One of all calls and one of each group; a single group needs no panel of all."""
    top = max(_peak(starts, hours) for _, starts in groups)
    panels = [_panel(label, starts, hours, axis, top) for label, starts in groups]
    if len(groups) == 1:
        return panels
    return [_panel(_ALL, everything, hours, axis, _peak(everything, hours)), *panels]


def _panel(
    label: str, starts: Counter[LocalHour], hours: Sequence[LocalHour], axis: "_Axis", top: int
) -> Panel:
    return Panel(
        label=label,
        total=starts.total(),
        peak=_peak(starts, hours),
        top=top,
        bars=[axis.bar(hour, starts[hour], top) for hour in hours if starts[hour]],
        counts=[starts[hour] for hour in hours],
    )


def _peak(starts: Counter[LocalHour], hours: Sequence[LocalHour]) -> int:
    return max(starts[hour] for hour in hours)


class _Axis:
    """Days side by side, each with the same hours: from the first to the last in which any call starts."""

    def __init__(self, hours: Sequence[LocalHour]) -> None:
        self._days = sorted({day for day, _ in hours})
        of_day = [hour for _, hour in hours] or [0]
        self._first, self._last = min(of_day), max(of_day)
        self._day_width = (RIGHT - LEFT) / max(1, len(self._days))
        gap = min(10.0, self._day_width / 6) if len(self._days) > 1 else 0.0
        hours_a_day = self._last - self._first + 1
        # The labels of the first and the last hour are side by side, even if there is one hour only.
        widest = max(_WIDEST_BAR, 2 * _HOUR_LABEL_WIDTH / hours_a_day)
        self._hour_width = min(widest, (self._day_width - gap) / hours_a_day)

    def span(self) -> str:
        return f"{self._first:02}:00 to {self._last + 1:02}:00"

    def bar(self, hour: LocalHour, number: int, top: int) -> Shape:
        day, of_day = hour
        height = (BASE - TOP) * number / top
        gap = min(2.0, self._hour_width / 6)
        return Shape(
            x=round(self._day_starts(self._days.index(day)) + self._hours_in(of_day), 2),
            y=round(BASE - height, 2),
            width=round(self._hour_width - gap, 2),
            height=round(height, 2),
            text=f"{_hour_words(hour)}: {count(number, 'call')}",
        )

    def day_labels(self) -> list[Shape]:
        every = max(1, ceil(len(self._days) * _DAY_LABEL_WIDTH / (RIGHT - LEFT)))
        return [
            Shape(x=round(self._day_starts(index), 2), text=f"{day:%a %m-%d}")
            for index, day in enumerate(self._days)
            if index % every == 0
        ]

    def hour_labels(self) -> list[Shape]:
        """The first and the last hour of each day, one after the other, where there is room."""
        if len(self._days) > _HOURS_ARE_LABELLED_UP_TO:
            return []
        labels = []
        for index in range(len(self._days)):
            begin = self._day_starts(index)
            end = begin + self._hours_in(self._last + 1)
            labels.append(Shape(x=round(begin, 2), text=f"{self._first:02}:00"))
            labels.append(Shape(x=round(end, 2), text=f"{self._last + 1:02}:00"))
        return labels

    def _day_starts(self, index: int) -> float:
        return LEFT + index * self._day_width

    def _hours_in(self, hour: int) -> float:
        return (hour - self._first) * self._hour_width


def _hour_words(hour: LocalHour) -> str:
    day, of_day = hour
    return f"{day:%a %Y-%m-%d} {of_day:02}-{of_day + 1:02}"
