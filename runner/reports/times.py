"""Instants as text."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

from runner.planning.zones import westernmost

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_EPOCH = date(1970, 1, 1)
_MINUTES_OF_A_DAY = 24 * 60

Moment = Callable[[float], str]
"""Writes an instant (UTC Unix seconds): `machine_time` for people, `rfc3339` for programs."""


def rfc3339(instant: float) -> str:
    """`2026-12-01T16:00:00Z`, to the second."""
    # An export has millions of them, in few days and minutes: `strftime` takes ten times as long.
    minute, second = divmod(int(instant), 60)
    day, minute = divmod(minute, _MINUTES_OF_A_DAY)
    return f"{_date(day)}T{_time_of_day(minute)}:{second:02}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    """Of the days since 1970-01-01."""
    return (_EPOCH + timedelta(days=day)).isoformat()


@lru_cache(maxsize=_MINUTES_OF_A_DAY)
def _time_of_day(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def machine_time(instant: float) -> str:
    """`2026-12-01 11:00:00 EST`: the time of this machine, for who sits at it."""
    return f"{datetime.fromtimestamp(int(instant)).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def clock_time(instant: float) -> str:
    """`11:00:05 EST`: the time of this machine, for log lines."""
    return f"{datetime.fromtimestamp(int(instant)).astimezone():%H:%M:%S %Z}"


def day(instant: float) -> str:
    """`Tue 2026-12-01`: the date on this machine."""
    return f"{datetime.fromtimestamp(int(instant)).astimezone():%a %Y-%m-%d}"


def local_time(instant: int, zones: tuple[str, ...], *, seconds: bool = False) -> str:
    """`Tue 2026-12-01 17:15 EST`: the contact's own time, where it has several zones the earliest."""
    local = westernmost(instant, zones)
    return f"{local:%a %Y-%m-%d %H:%M}{f':{local:%S}' if seconds else ''} {local.tzname()}"


def local_times(
    first: int, second: int, zones: tuple[str, ...], second_zones: tuple[str, ...] = ()
) -> tuple[str, str]:
    """Both, with their seconds where they would look the same without."""
    seconds = first // 60 == second // 60
    later = local_time(second, second_zones or zones, seconds=seconds)
    return local_time(first, zones, seconds=seconds), later


def due_words(instant: float, now: float) -> str:
    """`2026-12-01 11:00:00 EST`, or `now, since` then."""
    return f"{'now, since ' if instant <= now else ''}{machine_time(instant)}"
