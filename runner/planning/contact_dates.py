"""A contact's own first and last instant: `contacts.not_before` and `not_after`. Pure."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from runner.campaign.timezones import zone
from runner.errors import RunnerError
from runner.planning.calendar import FIRST_DATE, LAST_DATE

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = (datetime(day.year, 1, 1, tzinfo=UTC) - _EPOCH for day in (FIRST_DATE, LAST_DATE))


class WrongDateError(RunnerError):
    """The text is neither a date nor an instant. The message holds nothing of the row."""


def not_before(text: str, zones: tuple[str, ...]) -> int | None:
    """The first instant (UTC Unix seconds) at which a call may start; None for an empty text.

    A local date begins when every zone of the set has reached it. Raises WrongDateError.
    """
    moment = _parse(text)
    if isinstance(moment, date):
        return max(_midnights(moment, zones))
    # Rounded up, for a fraction of a second: no call may start before the instant.
    return None if moment is None else -(-moment // timedelta(seconds=1))


def not_after(text: str, zones: tuple[str, ...]) -> int | None:
    """The instant (UTC Unix seconds, exclusive) at which dialling has ended; None for an empty text.

    A local date is included, and ends when the first zone of the set leaves it. Raises WrongDateError.
    """
    moment = _parse(text)
    if isinstance(moment, date):
        return min(_midnights(moment + timedelta(days=1), zones))
    return None if moment is None else moment // timedelta(seconds=1)


def _parse(text: str) -> date | timedelta | None:
    """A local date, or an RFC 3339 instant as the time since the Unix epoch."""
    text = text.strip()
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return min(max(date.fromisoformat(text), FIRST_DATE), LAST_DATE)
        instant = _INSTANT.fullmatch(text)
        if instant and instant["offset"]:
            return min(max(datetime.fromisoformat(text.upper()) - _EPOCH, _FIRST), _LAST)
    except ValueError:
        raise WrongDateError("this date or time of day does not exist") from None
    if instant:
        raise WrongDateError("an instant needs its offset from UTC, as in 2026-12-01T16:00:00Z")
    raise WrongDateError(
        "neither a date (2026-12-01) nor an instant (2026-12-01T16:00:00Z); "
        "the filter `date('%m/%d/%Y')` reads month/day/year"
    )


# Many contacts share a date, and a toll-free number has some 40 zones.
@lru_cache(maxsize=1024)
def _midnights(day: date, zones: tuple[str, ...]) -> tuple[int, ...]:
    """When the local date begins in each zone.

    If a clock change skips midnight, that is the moment of the change; if midnight comes twice, the first.
    """
    return tuple(int(datetime(day.year, day.month, day.day, tzinfo=zone(name)).timestamp()) for name in zones)
