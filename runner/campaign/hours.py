"""The weekly calling hours: `{"mon-fri": "17:15-20:30", "sat": [...], "sun": "closed"}` as minutes.

Pure. Every error raises `PydanticCustomError` with a stable code; where only a part of `weekly` is meant,
`loc` in its context is the path to that part.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from operator import itemgetter
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from runner.campaign.diagnostics import nearest

WeeklyHours = tuple[tuple[tuple[int, int], ...], ...]
"""Seven days, Monday first; each day's windows as (start, end) in minutes from the local midnight with which
the day begins. A window past midnight belongs to the day it starts on, so its end is above 1440.
"""

MINUTES_A_DAY = 24 * 60

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = f"({'|'.join(_DAYS)})"
_ITEM = f" *{_DAY}( *- *{_DAY})? *"
_TIME = "([01]?[0-9]|2[0-3]):[0-5][0-9]"

DAYS_PATTERN = f"^( *daily *|{_ITEM}(,{_ITEM})*)$"
"""What parse_days reads, for editors."""

SPEC_SCHEMA: dict[str, object] = {
    "anyOf": [
        {"type": "string", "pattern": f"^ *(closed|{_TIME} *- *({_TIME}|24:00)) *$"},
        {"type": "array", "items": {"type": "string", "pattern": f"^ *{_TIME} *- *({_TIME}|24:00) *$"}},
    ]
}
"""What parse_hours reads, as JSON Schema."""


def parse_weekly(weekly: Mapping[str, str | list[str]]) -> WeeklyHours:
    """The hours of each day of the week; a day that is not named is closed.

    Raises PydanticCustomError: `bad_day`, `bad_hours`, `duplicate_day`, `never_opens`.
    """
    named_by: dict[int, str] = {}
    windows: list[tuple[tuple[int, int], ...]] = [()] * 7
    for spec, value in weekly.items():
        opens = parse_hours(value)
        for day in parse_days(spec):
            if day in named_by:
                raise PydanticCustomError(
                    "duplicate_day",
                    "{day} is named twice, in {first} and in {second}",
                    {
                        "day": _DAYS[day],
                        "first": f"`{named_by[day]}`",
                        "second": f"`{spec}`",
                        "loc": (spec,),
                        "hint": "name each day once; a day may have a list of hours",
                    },
                )
            named_by[day] = spec
            windows[day] = opens
    if not any(windows):
        raise PydanticCustomError(
            "never_opens",
            "no day has calling hours, so nobody could be called",
            {"hint": 'open at least one day: mon-fri: "17:15-20:30"'},
        )
    return tuple(windows)


def parse_days(spec: str) -> tuple[int, ...]:
    """The days that `mon`, `mon-fri`, `sat-mon`, `sat,sun` or `daily` means; Monday is 0.

    Raises PydanticCustomError `bad_day`.
    """
    if spec.strip() == "daily":
        return tuple(range(7))
    days: list[int] = []
    for item in spec.split(","):
        names = [name.strip() for name in item.split("-")]
        if len(names) > 2 or any(name not in _DAYS for name in names):  # noqa: PLR2004 - a range has two ends
            context = {"spec": f"`{spec}`", "hint": _days_hint(spec)}
            raise PydanticCustomError("bad_day", "invalid day {spec}", context)
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return tuple(days)


def parse_hours(value: str | list[str]) -> tuple[tuple[int, int], ...]:
    """The windows that `17:15-20:30`, a list of such, or `closed` means, in order.

    Raises PydanticCustomError `bad_hours`.
    """
    if isinstance(value, list):
        return tuple(sorted(_window(text, (place,)) for place, text in enumerate(value)))
    return () if value.strip() == "closed" else (_window(value, ()),)


class WeeklyEntry(NamedTuple):
    """One window as `weekly` writes it, for all the days it names."""

    location: tuple[str | int, ...]
    """Its path below `weekly`."""
    spec: str
    text: str
    """The days and the hours, as written."""
    days: tuple[int, ...]
    start: int
    end: int
    """Minutes from the local midnight with which the day begins; `end` is above 1440 past midnight."""

    @property
    def name(self) -> str:
        return f"{self.spec} {self.text.strip()}"


def weekly_entries(weekly: Mapping[str, str | list[str]]) -> list[WeeklyEntry]:
    """Every window of a valid `weekly`, in the order of the file."""
    found = []
    for spec, value in weekly.items():
        days = parse_days(spec)
        texts = value if isinstance(value, list) else [value]
        for position, text in enumerate(texts):
            location = (spec, position) if isinstance(value, list) else (spec,)
            for start, end in parse_hours(text):
                found.append(WeeklyEntry(location, spec, text, days, start, end))
    return found


def cut_at_midnight(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The parts of a window on each local day: days later, start and end in minutes of that day."""
    yield 0, start, min(end, MINUTES_A_DAY)
    if end > MINUTES_A_DAY:
        yield 1, 0, end - MINUTES_A_DAY


def joined(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, with those that touch or overlap joined."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


class Stretches:
    """The stretches without a break that a week's windows make: those that touch or overlap are one."""

    def __init__(self, hours: WeeklyHours) -> None:
        # Minutes from a Monday's midnight; with the weeks before and after, so that a stretch over Sunday's
        # midnight is seen whole.
        self._stretches = joined(
            ((week * 7 + day) * MINUTES_A_DAY + start, (week * 7 + day) * MINUTES_A_DAY + end)
            for week in range(3)
            for day, opens in enumerate(hours)
            for start, end in opens
        )

    def longest(self) -> int:
        """Minutes of the longest."""
        return max((end - start for start, end in self._stretches), default=0)

    def around(self, day: int, minute: int) -> tuple[int, int]:
        """The stretch that is open at this minute of this day, in minutes from the day's midnight."""
        midnight = (day + 7) * MINUTES_A_DAY
        index = bisect_right(self._stretches, midnight + minute, key=itemgetter(0)) - 1
        start, end = self._stretches[index]
        return start - midnight, end - midnight


def span_text(start: int, end: int) -> str:
    """`17:15-20:30`; the end of a day is 24:00, after it the clock begins again."""
    return f"{clock_text(start)}-{clock_text(end)}"


def clock_text(minute: int) -> str:
    within = minute if minute <= MINUTES_A_DAY else minute - MINUTES_A_DAY
    return f"{within // 60:02}:{within % 60:02}"


def day_names(days: Iterable[int]) -> str:
    """`sat, sun`; Monday is 0."""
    return ", ".join(_DAYS[day] for day in days)


def weekdays_left(first: date, last: date, closed: Iterable[tuple[date, date]]) -> set[int]:
    """The days of the week (Monday is 0) between two dates that no closed range covers; all inclusive.

    A campaign may last for millennia, so this never goes through it day by day.
    """
    days: set[int] = set()
    start, end = first.toordinal(), last.toordinal()
    for closed_from, closed_to in sorted(closed):
        days |= _weekdays(start, min(end, closed_from.toordinal() - 1))
        start = max(start, closed_to.toordinal() + 1)
    return days | _weekdays(start, end)


def _weekdays(start: int, end: int) -> set[int]:
    # The first of January of year 1 has the ordinal 1, and was a Monday.
    return {(start + step - 1) % 7 for step in range(min(7, end - start + 1))}


_USUAL_WORDS = {
    "mon-fri": {"weekday", "weekdays", "workday", "workdays", "workweek", "businessdays", "business days"},
    "sat,sun": {"weekend", "weekends"},
    "daily": {"everyday", "every day", "all", "all days", "all week", "week", "any", "*"},
}
_DASHES = "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"
_CURLY_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"
_PLAIN_SIGNS = str.maketrans(_DASHES, "-" * len(_DASHES), _CURLY_QUOTES)


def _days_hint(spec: str) -> str:
    """The whole key as it was probably meant, else what may be written."""
    word = spec.strip().lower()
    meant = next((days for days, words in _USUAL_WORDS.items() if word in words), "")
    if not meant:
        items = [
            [_nearest_day(name.strip()) for name in item.split("-")]
            for item in spec.translate(_PLAIN_SIGNS).split(",")
        ]
        meant = ",".join("-".join(item) for item in items)
        if not all(name for item in items for name in item) or meant == spec:
            return "days are mon, tue, wed, thu, fri, sat, sun, or daily; a range is mon-fri, a list sat,sun"
    return f"did you mean `{meant}`?"


def _nearest_day(name: str) -> str:
    full = nearest(name, _FULL_NAMES)
    return full[:3] if full else nearest(name[:3], (*_DAYS, "daily"))


def _window(text: str, loc: tuple[int, ...]) -> tuple[int, int]:
    match = re.fullmatch(rf" *({_TIME}) *- *({_TIME}|24:00) *", text)
    if match is None:
        hint = f'{_why_no_window(text)}write "17:15-20:30", a list of those, or closed'
        context = {"text": repr(text), "loc": loc, "hint": hint}
        raise PydanticCustomError("bad_hours", "invalid calling window {text}", context)
    start, end = _minutes(match[1]), _minutes(match[3])
    if start == end:
        context = {"loc": loc, "hint": 'a whole day is "00:00-24:00"'}
        raise PydanticCustomError("bad_hours", "a window cannot start and end at the same time", context)
    return start, end if end > start else end + MINUTES_A_DAY


def _why_no_window(text: str) -> str:
    """The cause, where it is clear, to put before what to write instead."""
    if text.translate(_PLAIN_SIGNS) != text:
        return "use a plain hyphen (-) between the times, and straight quotes: "
    if re.search(r"[0-9] *[ap]\.?m\b", text, re.IGNORECASE):
        return "hours are on a 24-hour clock, so 5 pm is 17:00: "
    times = [time.strip() for time in re.split("-|to", text)]
    if len(times) != 2:  # noqa: PLR2004 - a window has a start and an end
        return ""
    if not all(re.fullmatch("[0-9]{1,2}:[0-9]{2}", time) for time in times):
        return "each time is hh:mm, such as 09:00: "
    return "times are from 00:00 to 23:59, and 24:00 is the end of a day: "


def _minutes(time: str) -> int:
    hour, minute = time.split(":")
    return int(hour) * 60 + int(minute)
