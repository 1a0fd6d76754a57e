"""The chart of calls an hour by zone: one small panel for each zone, all on the same hours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runner.planning.plan_view import CallView
from runner.reports.plan_facts import count
from runner.reports.plan_text import zone_names

WIDTH, HEIGHT = 320, 112
"""The drawing of one panel, in its own units."""
LEFT, RIGHT, TOP, BASE = 4, 316, 18, 86
HOURS_AT, DAYS_AT = 97, 109
"""Where the labels of the hours and of the days stand."""

_HOUR = 3600
_MOST_DAYS = 14
_MOST_ZONES = 4
_DAY_LABEL_WIDTH = 60
_HOURS_ARE_LABELLED_UP_TO = 2
_ALL = "All calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The calls that start in one hour, as a rectangle."""

    x: float
    y: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One zone, set of zones, or the rest of them."""

    label: str
    total: int
    peak: int
    peak_at: str
    top: int
    """The count that a bar of full height stands for."""
    bars: Sequence[Bar]
    counts: Sequence[int]
    """By hour, as in `ZoneChart.hours`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChart:
    """Empty `panels` where there is nothing to draw."""

    panels: Sequence[Panel]
    hours: Sequence[str]
    """The hours in which any call starts, in UTC."""
    day_labels: Sequence[Label]
    hour_labels: Sequence[Label]
    later: str
    """What lies beyond the days that are drawn; empty if nothing does."""


def zone_chart(calls: Sequence[CallView]) -> ZoneChart:
    """The hours are UTC: so the zones can be compared, and added up to what the runner has to send."""
    starts: dict[tuple[str, ...], Counter[datetime]] = {}
    for (start, zones), number in Counter((call.start_timestamp, call.timezones) for call in calls).items():
        hour = datetime.fromtimestamp(start - start % _HOUR, UTC)
        starts.setdefault(zones, Counter())[hour] += number
    total = sum(starts.values(), Counter[datetime]())
    days = sorted({hour.date() for hour in total})
    drawn = set(days[:_MOST_DAYS])
    hours = sorted(hour for hour in total if hour.date() in drawn)
    axis = _Axis(hours)
    return ZoneChart(
        panels=_panels(starts, total, hours, axis),
        hours=[_hour_words(hour) for hour in hours],
        day_labels=axis.day_labels(),
        hour_labels=axis.hour_labels(),
        later=_later(total, hours, len(days)),
    )


def _panels(
    starts: Mapping[tuple[str, ...], Counter[datetime]],
    total: Counter[datetime],
    hours: Sequence[datetime],
    axis: "_Axis",
) -> list[Panel]:
    if not hours:
        return []
    groups = _groups(starts)
    everything = _panel(_ALL, total, hours, axis, max(total[hour] for hour in hours))
    if len(groups) == 1:
        return [_panel(groups[0][0], total, hours, axis, everything.top)]
    top = max(counted[hour] for _, counted in groups for hour in hours)
    return [everything, *(_panel(label, counted, hours, axis, top) for label, counted in groups)]


def _groups(starts: Mapping[tuple[str, ...], Counter[datetime]]) -> list[tuple[str, Counter[datetime]]]:
    """The zones with the most calls, and the others together."""
    ranked = sorted(starts.items(), key=lambda item: (-item[1].total(), item[0]))
    # One zone needs no more room than "others" would.
    shown = len(ranked) if len(ranked) == _MOST_ZONES + 1 else _MOST_ZONES
    groups = [(zone_names(zones), counted) for zones, counted in ranked[:shown]]
    others = ranked[shown:]
    if others:
        together = sum((counted for _, counted in others), Counter[datetime]())
        groups.append((f"{len(others):,} other zones", together))
    return groups


def _panel(
    label: str, counted: Counter[datetime], hours: Sequence[datetime], axis: "_Axis", top: int
) -> Panel:
    counts = [counted[hour] for hour in hours]
    peak = max(counts)
    return Panel(
        label=label,
        total=counted.total(),
        peak=peak,
        peak_at=_hour_words(hours[counts.index(peak)]) if peak else "",
        top=top,
        bars=[axis.bar(hour, number, top) for hour, number in zip(hours, counts, strict=True) if number],
        counts=counts,
    )


class _Axis:
    """Days side by side, each with the same hours: those in which any call starts on any day."""

    def __init__(self, hours: Sequence[datetime]) -> None:
        self._days = sorted({hour.date() for hour in hours})
        of_day = [hour.hour for hour in hours] or [0]
        self._first, self._last = min(of_day), max(of_day)
        self._day_width = (RIGHT - LEFT) / max(1, len(self._days))
        gap = min(6.0, self._day_width / 8) if len(self._days) > 1 else 0.0
        self._hour_width = (self._day_width - gap) / (self._last - self._first + 1)

    def bar(self, hour: datetime, number: int, top: int) -> Bar:
        height = (BASE - TOP) * number / top
        gap = min(2.0, self._hour_width / 6)
        return Bar(
            x=round(self._day_starts(self._days.index(hour.date())) + self._hours_in(hour.hour), 2),
            y=round(BASE - height, 2),
            width=round(self._hour_width - gap, 2),
            height=round(height, 2),
            tip=f"{_hour_words(hour)}: {count(number, 'call')}",
        )

    def day_labels(self) -> list[Label]:
        if not self._days:
            return []
        every = max(1, round(len(self._days) * _DAY_LABEL_WIDTH / (RIGHT - LEFT) + 0.49))
        return [
            Label(x=round(self._day_starts(index), 2), text=f"{day:%a %m-%d}", anchor="start")
            for index, day in enumerate(self._days)
            if index % every == 0
        ]

    def hour_labels(self) -> list[Label]:
        """The first and the last hour of each day, where there is room."""
        if not self._days or len(self._days) > _HOURS_ARE_LABELLED_UP_TO:
            return []
        labels = []
        for index in range(len(self._days)):
            begin = self._day_starts(index)
            end = begin + self._hours_in(self._last + 1)
            labels.append(Label(x=round(begin, 2), text=f"{self._first:02}:00", anchor="start"))
            labels.append(Label(x=round(end, 2), text=f"{self._last + 1:02}:00", anchor="end"))
        return labels

    def _day_starts(self, index: int) -> float:
        return LEFT + index * self._day_width

    def _hours_in(self, hour: int) -> float:
        return (hour - self._first) * self._hour_width


def _later(total: Counter[datetime], hours: Sequence[datetime], days: int) -> str:
    rest = total.total() - sum(total[hour] for hour in hours)
    return f"and {count(rest, 'call')} on {count(days - _MOST_DAYS, 'later day')}" if rest else ""


def _hour_words(hour: datetime) -> str:
    return f"{hour:%a %Y-%m-%d %H:%M}–{hour + timedelta(hours=1):%H:%M} UTC"
