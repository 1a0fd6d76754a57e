"""When the campaign's `calling_windows` allow calls, and which rule opens or closes each interval. Pure.

Every local day is divided into intervals, each with its rule. The UTC windows of the planner, the hours that
`plan --explain` shows, and the warnings about windows all come from these intervals. Rule sets narrow them:
a contact is called only when each of its rule sets is open in each of its own zones.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum, auto
from functools import cache, reduce
from typing import NamedTuple

from runner.campaign.document import Location
from runner.campaign.hours import (
    MINUTES_A_DAY,
    WeeklyEntry,
    cut_at_midnight,
    parse_days,
    weekly_entries,
)
from runner.campaign.lint import WEEKLY
from runner.campaign.model import CallingWindows
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.timezones import zone
from runner.planning.public_holidays import public_holidays
from runner.planning.rule_hours import RuleHours
from runner.planning.windows import DAY, Window, clip, intersect, join, to_utc

DEFAULT_DAYS = 30
FURTHEST_DAYS = 731
"""No window is computed later than this after the campaign's first date (or today, if later): zone rules and
holidays are not reliable that far ahead, and `to: "9999-12-31"` must not take long.
"""
FIRST_DATE, LAST_DATE = date(1971, 1, 1), date(9000, 1, 1)
"""Before and after any campaign. Databases write 0001-01-01 and 9999-12-31 for "no bound", and instants near
these cannot be expressed in every zone.
"""

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAYS_A_WEEK = 7


class RuleKind(StrEnum):
    """What a rule says about an interval. `HOURS` and `OVERNIGHT` open it, the others close it."""

    HOURS = auto()
    """An entry of `weekly`."""
    OVERNIGHT = auto()
    """An entry of `weekly` for the day before that runs past midnight."""
    OUTSIDE_HOURS = auto()
    NO_HOURS = auto()
    """No entry of `weekly` names this weekday."""
    BEFORE_DATES = auto()
    AFTER_DATES = auto()
    PAST = auto()
    BLACKOUT = auto()
    HOLIDAY = auto()
    NOT_BEFORE = auto()
    NOT_AFTER = auto()
    PRESET_HOURS = auto()
    """A rule set closes these hours."""
    PRESET_HOLIDAY = auto()
    """A rule set closes them on a public holiday."""


class Rule(NamedTuple):
    """One value of the campaign file, and what it does."""

    kind: RuleKind
    location: Location
    name: str = ""
    """The name of the holiday, or the first or last date."""
    preset: str = ""
    """The name of the rule set."""


class Interval(NamedTuple):
    """Part of a local day, in minutes from midnight, and the rule that opens or closes it."""

    start: int
    end: int
    rule: Rule

    @property
    def is_open(self) -> bool:
        return self.rule.kind in {RuleKind.HOURS, RuleKind.OVERNIGHT}


class Calendar:
    """The calling windows as of `now` (UTC Unix seconds). Raises UnknownPlaceError for `holidays`."""

    def __init__(self, declared: CallingWindows, now: float) -> None:
        self._dates = declared.dates
        self._blackout = [
            range(first.toordinal(), last.toordinal() + 1) for first, last in declared.closed_ranges
        ]
        self._holiday = public_holidays(declared.holidays)
        self._now = math.ceil(now)
        entries = weekly_entries(declared.weekly)
        self._opened = [tuple(_opened(entries, weekday)) for weekday in range(_DAYS_A_WEEK)]
        self._gaps = [_gap_rule(declared, weekday) for weekday in range(_DAYS_A_WEEK)]
        self._closed_date = cache(self._find_closed_date)
        # Zones share their dates, and contacts their zones.
        self._open_intervals = cache(self._find_open_intervals)
        self._windows_in = cache(self._find_windows_in)
        self._rule_hours = cache(RuleHours)
        self._rule_windows = cache(self._find_rule_windows)
        self._windows_by_place: dict[_Place, tuple[Window, ...]] = {}

    def windows(
        self,
        zones: tuple[str, ...],
        own: tuple[str, ...] | None = None,
        rules: frozenset[RuleSet] = frozenset(),
    ) -> tuple[Window, ...]:
        """The intervals, sorted and apart, in which every one of `zones` is inside a window, and every one of
        the contact's `own` zones inside the hours of each of the `rules`. None: its own are `zones`. Where
        they are unknown, no hour can be known to be inside.

        Raises KeyError for a zone that does not exist.
        """
        place = zones, own, rules
        found = self._windows_by_place.get(place)
        if found is None:
            found = self._find_windows(zones, zones if own is None else own, rules)
            self._windows_by_place[place] = found
        return found

    def opened_by(self, entry: WeeklyEntry, name: str) -> tuple[Window, ...]:
        """The windows that this entry of `weekly` opens in the zone `name`, alone or with others."""
        location = _location(entry)
        opened = self._open_intervals(self._dates_in(name))
        return self._in_utc(
            join((start, end) for start, end, rule in opened if rule.location == location), name
        )

    def days(
        self,
        name: str,
        number: int,
        earliest: int | None = None,
        latest: int | None = None,
        *,
        own: tuple[str, ...] = (),
        rules: frozenset[RuleSet] = frozenset(),
    ) -> list[tuple[date, list[Interval]]]:
        """This `number` of local days in the zone `name`, from today on. The intervals cover each day;
        open ones may overlap. `earliest` and `latest` are the contact's own dates, as in `clip`; `own` and
        `rules` are as in `windows`, but for a contact in several zones the rules hold in `name` alone.
        """
        dates, today = self._dates_in(name), self._today(name)
        found = []
        for day in (today + timedelta(days=step) for step in range(number)):
            opens = 0 if earliest is None else _minute(earliest, day, name, round_up=True)
            closes = MINUTES_A_DAY if latest is None else _minute(latest, day, name)
            intervals = _bounded(self._day(day.toordinal(), dates), opens, closes)
            for rule in sorted(_with_hours(rules), key=lambda rule: rule.name):
                for own_zone in (name,) if name in own or not own else own:
                    intervals = list(self._cut(intervals, rule, own_zone, day, name))
            found.append((day, intervals))
        return found

    def _cut(
        self, intervals: list[Interval], rule: RuleSet, own_zone: str, day: date, name: str
    ) -> Iterator[Interval]:
        """The intervals of a local day in the zone `name`, closed where a rule set of another zone is."""
        allowed = [
            (opens, closes)
            for window in self._rule_windows(rule, own_zone)
            if (opens := _minute(window.start, day, name, round_up=True))
            < (closes := _minute(window.end, day, name))
        ]
        closed_by = self._closing_rule(rule, day)
        for interval in intervals:
            if interval.is_open:
                yield from _narrowed(interval, allowed, closed_by)
            else:
                yield interval

    def _closing_rule(self, rule: RuleSet, day: date) -> Rule:
        holiday = self._rule_hours(rule).on(day.toordinal()).holiday
        kind = RuleKind.PRESET_HOLIDAY if holiday else RuleKind.PRESET_HOURS
        return Rule(kind, ("rules",), holiday, rule.name)

    # --- UTC

    def _find_windows(
        self, zones: tuple[str, ...], own: tuple[str, ...], rules: frozenset[RuleSet]
    ) -> tuple[Window, ...]:
        limiting = list(_with_hours(rules))
        if limiting and not own:
            return ()
        found = reduce(intersect, map(self._windows_in, zones))
        for rule in limiting:
            for name in own:
                found = intersect(found, self._rule_windows(rule, name))
        return found

    def _find_rule_windows(self, rule: RuleSet, name: str) -> tuple[Window, ...]:
        # The campaign's dates may be those of another zone, at most two days apart.
        dates = self._dates_in(name)
        return self._rule_hours(rule).windows(name, range(dates.start - 2, dates.stop + 2))

    def _find_windows_in(self, name: str) -> tuple[Window, ...]:
        opened = self._open_intervals(self._dates_in(name))
        return self._in_utc(join((start, end) for start, end, _ in opened), name)

    def _in_utc(self, local: tuple[Window, ...], name: str) -> tuple[Window, ...]:
        return clip(to_utc(local, zone(name)), self._now, None)

    def _today(self, name: str) -> date:
        return datetime.fromtimestamp(self._now, zone(name)).date()

    def _dates_in(self, name: str) -> range:
        """The local dates of the campaign in one zone, as ordinals, without those that have passed.

        Yesterday has not passed: its window may run past midnight. Without `from` nothing closes it.
        """
        today = self._today(name).toordinal()
        first = _ordinal(self._dates.from_, today - 1)
        last = _ordinal(self._dates.to, max(today, first) + DEFAULT_DAYS)
        furthest = min(max(today, first) + FURTHEST_DAYS, LAST_DATE.toordinal())
        return range(max(first, today - 1), min(last, furthest) + 1)

    # --- Local time

    def _find_open_intervals(self, dates: range) -> list[tuple[int, int, Rule]]:
        """In seconds since 1970-01-01 00:00 of a local clock that never changes."""
        found = []
        for day in dates:
            midnight = (day - _EPOCH_ORDINAL) * DAY
            found += [
                (midnight + interval.start * 60, midnight + interval.end * 60, interval.rule)
                for interval in self._day(day, dates)
                if interval.is_open
            ]
        return found

    def _day(self, day: int, dates: range) -> list[Interval]:
        closed = self._closed_by(day, dates)
        if closed is not None:
            return [Interval(0, MINUTES_A_DAY, closed)]
        weekday = (day - 1) % _DAYS_A_WEEK
        opened = self._opened[weekday]
        if self._closed_by(day - 1, dates) is not None:
            opened = tuple(interval for interval in opened if interval.rule.kind is not RuleKind.OVERNIGHT)
        return list(_with_gaps(opened, self._gaps[weekday]))

    def _closed_by(self, day: int, dates: range) -> Rule | None:
        """The rule that closes the whole date, on any weekday; None if there is none."""
        if day < dates.start:
            kind = RuleKind.BEFORE_DATES if day < _ordinal(self._dates.from_, 0) else RuleKind.PAST
            return Rule(kind, ("calling_windows", "dates", "from"), self._dates.from_ or "")
        if day >= dates.stop:
            last = date.fromordinal(dates.stop - 1).isoformat()
            return Rule(RuleKind.AFTER_DATES, ("calling_windows", "dates", "to"), last)
        return self._closed_date(day)

    def _find_closed_date(self, day: int) -> Rule | None:
        for position, closed in enumerate(self._blackout):
            if day in closed:
                return Rule(RuleKind.BLACKOUT, ("calling_windows", "blackout", position))
        holiday = self._holiday(date.fromordinal(day))
        return Rule(RuleKind.HOLIDAY, ("calling_windows", "holidays"), holiday) if holiday else None


_Place = tuple[tuple[str, ...], tuple[str, ...] | None, frozenset[RuleSet]]


def _with_hours(rules: Iterable[RuleSet]) -> Iterator[RuleSet]:
    return (rule for rule in rules if rule.limits_hours)


def _narrowed(interval: Interval, allowed: Iterable[tuple[int, int]], closed_by: Rule) -> Iterator[Interval]:
    """The parts of an open interval, closed where it is not allowed."""
    begin = interval.start
    for opens, closes in allowed:
        start, end = max(begin, opens), min(interval.end, closes)
        if start < end:
            if begin < start:
                yield Interval(begin, start, closed_by)
            yield Interval(start, end, interval.rule)
            begin = end
    if begin < interval.end:
        yield Interval(begin, interval.end, closed_by)


def _opened(entries: list[WeeklyEntry], weekday: int) -> list[Interval]:
    """What `weekly` opens on this weekday, by start."""
    kinds = (RuleKind.HOURS, RuleKind.OVERNIGHT)
    return sorted(
        Interval(start, end, Rule(kinds[days_later], _location(entry)))
        for entry in entries
        for days_later, start, end in cut_at_midnight(entry.start, entry.end)
        if (weekday - days_later) % _DAYS_A_WEEK in entry.days
    )


def _gap_rule(declared: CallingWindows, weekday: int) -> Rule:
    for spec in declared.weekly:
        if weekday in parse_days(spec):
            return Rule(RuleKind.OUTSIDE_HOURS, (*WEEKLY, spec))
    return Rule(RuleKind.NO_HOURS, WEEKLY)


def _with_gaps(opened: tuple[Interval, ...], gap: Rule) -> Iterator[Interval]:
    """The open intervals, and closed ones between them."""
    end = 0
    for interval in opened:
        if interval.start > end:
            yield Interval(end, interval.start, gap)
        yield interval
        end = max(end, interval.end)
    if end < MINUTES_A_DAY:
        yield Interval(end, MINUTES_A_DAY, gap)


def _minute(instant: int, day: date, name: str, *, round_up: bool = False) -> int:
    """The minute of this local day at which the instant lies; 0 or 1440 if it lies before or after."""
    local = datetime.fromtimestamp(instant, zone(name))
    if local.date() != day:
        return 0 if local.date() < day else MINUTES_A_DAY
    return local.hour * 60 + local.minute + (round_up and local.second > 0)


def _bounded(intervals: list[Interval], opens: int, closes: int) -> list[Interval]:
    """Closed before the minute `opens` and from the minute `closes` on, by the contact's own dates."""
    found = [Interval(0, opens, Rule(RuleKind.NOT_BEFORE, ("contacts", "not_before")))] if opens else []
    for start, end, rule in intervals:
        if max(start, opens) < min(end, closes):
            found.append(Interval(max(start, opens), min(end, closes), rule))
    if max(opens, closes) < MINUTES_A_DAY:
        found.append(
            Interval(max(opens, closes), MINUTES_A_DAY, Rule(RuleKind.NOT_AFTER, ("contacts", "not_after")))
        )
    return found


def _location(entry: WeeklyEntry) -> Location:
    return (*WEEKLY, *entry.location)


def _ordinal(text: str | None, default: int) -> int:
    return default if text is None else date.fromisoformat(text).toordinal()
