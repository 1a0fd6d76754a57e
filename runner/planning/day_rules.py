"""Which line of the campaign file opens or closes each part of a local day. Pure.

The calendar (`windows`) decides; this tells why. A test holds the two against each other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from runner.campaign.hours import MINUTES_A_DAY, parse_days, parse_hours
from runner.campaign.model import CallingWindows
from runner.planning.public_holidays import HolidayName, public_holidays
from runner.planning.windows import DEFAULT_DAYS

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Part of a local day, in minutes from its midnight, and what decides about it."""

    start: int
    end: int
    is_open: bool
    rule: Location
    """The value in the campaign file."""
    words: str


class DayRules:
    """The rules of `calling_windows`, asked day by day. `today` is the contact's own date.

    Raises UnknownPlaceError for the holidays of nowhere.
    """

    def __init__(self, declared: CallingWindows, today: date) -> None:
        self._declared = declared
        self._today = today
        self._holiday: HolidayName = public_holidays(declared.holidays)

    def of(self, day: date) -> list[Stretch]:
        """The whole day, from 0:00 to 24:00, in order."""
        closed = self._closed(day)
        if closed is not None:
            return [closed]
        opened = sorted((*self._tail_of(day - timedelta(days=1)), *self._hours_of(day)), key=_start)
        return list(_with_gaps(opened, self._weekly_rule(day)))

    def _closed(self, day: date) -> Stretch | None:
        """What closes the whole date, whatever its weekday; None where nothing does."""
        dates = self._declared.dates
        first = None if dates.from_ is None else date.fromisoformat(dates.from_)
        if first is not None and day < first:
            return _whole(("calling_windows", "dates", "from"), f"the campaign begins on {first}")
        if first is None and day < self._today - timedelta(days=1):
            return _whole(("calling_windows",), "it is over")
        last = self._last()
        if day > last:
            return _whole(("calling_windows", "dates", "to"), f"the campaign ends on {last}")
        for place, entry in enumerate(self._declared.blackout):
            within = day.isoformat() == entry if isinstance(entry, str) else entry.first <= day <= entry.last
            if within:
                return _whole(("calling_windows", "blackout", place), "blackout")
        holiday = self._holiday(day)
        return _whole(("calling_windows", "holidays"), holiday) if holiday else None

    def _last(self) -> date:
        dates = self._declared.dates
        if dates.to is not None:
            return date.fromisoformat(dates.to)
        first = self._today if dates.from_ is None else date.fromisoformat(dates.from_)
        return max(self._today, first) + timedelta(days=DEFAULT_DAYS)

    def _hours_of(self, day: date) -> Iterator[Stretch]:
        for start, end, rule in self._windows(day):
            yield Stretch(start=start, end=min(end, MINUTES_A_DAY), is_open=True, rule=rule, words="")

    def _tail_of(self, day: date) -> Iterator[Stretch]:
        """What runs past the midnight with which `day` ends."""
        if self._closed(day) is None:
            for _, end, rule in self._windows(day):
                if end > MINUTES_A_DAY:
                    words = f"since {day:%a}"
                    yield Stretch(start=0, end=end - MINUTES_A_DAY, is_open=True, rule=rule, words=words)

    def _windows(self, day: date) -> Iterator[tuple[int, int, Location]]:
        rule = self._weekly_rule(day)
        if rule[-1] != "weekly":
            value = self._declared.weekly[str(rule[-1])]
            for start, end in parse_hours(value):
                yield start, end, rule

    def _weekly_rule(self, day: date) -> Location:
        spec = next(
            (spec for spec in self._declared.weekly if day.weekday() in parse_days(spec)),
            None,
        )
        whole = ("calling_windows", "weekly")
        return whole if spec is None else (*whole, spec)


Place = Callable[[Location], str]
"""`campaign.yaml:12` for a value of the campaign file."""


def _with_gaps(opened: list[Stretch], rule: Location) -> Iterator[Stretch]:
    """The open stretches, and between them what the hours leave out."""
    reached = 0
    for stretch in opened:
        if stretch.start > reached:
            yield _gap(reached, stretch.start, rule)
        # Hours may overlap; what was told is not told again.
        if stretch.end > reached:
            yield stretch
        reached = max(reached, stretch.end)
    if reached < MINUTES_A_DAY:
        yield _gap(reached, MINUTES_A_DAY, rule)


def _gap(start: int, end: int, rule: Location) -> Stretch:
    words = "no hours on this weekday" if rule[-1] == "weekly" else "outside the hours"
    return Stretch(start=start, end=end, is_open=False, rule=rule, words=words)


def _whole(rule: Location, words: str) -> Stretch:
    return Stretch(start=0, end=MINUTES_A_DAY, is_open=False, rule=rule, words=words)


def _start(stretch: Stretch) -> int:
    return stretch.start
