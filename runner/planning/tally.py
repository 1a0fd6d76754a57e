"""Counts what a plan comes to while it is made: reports need it, and there may be a million calls. Pure."""

from collections import Counter, defaultdict
from datetime import date
from functools import lru_cache

from runner.contacts.contact import Reason
from runner.planning.plan import Change, Tally
from runner.planning.zones import westernmost

_QUARTER = 900
"""Local hours begin and end with quarters of an hour, counted from the Unix epoch, everywhere."""


class Tallying:
    """Counts one by one, in little memory."""

    def __init__(self) -> None:
        self._changes: Counter[tuple[str, str]] = Counter()
        self._starts: dict[date, Counter[int]] = defaultdict(Counter)
        self._first: int | None = None
        self._last: int | None = None
        self._short = 0
        self._fewest = 0
        self._excluded: Counter[Reason] = Counter()

    def add_call(self, start: int, zones: tuple[str, ...], change: str, reason: str) -> None:
        """A call that starts at `start` (UTC Unix seconds)."""
        self._changes[change, reason] += 1
        day, hour = _local_hour(start // _QUARTER, zones)
        self._starts[day][hour] += 1
        self._first = start if self._first is None or start < self._first else self._first
        self._last = start if self._last is None or start > self._last else self._last

    def add_short(self, attempts: int) -> None:
        """That one of the calls has time for so many attempts only."""
        self._fewest = min(attempts, self._fewest) if self._short else attempts
        self._short += 1

    def add_exclusion(self, reason: Reason) -> None:
        self._excluded[reason] += 1

    def tally(self) -> Tally:
        return Tally(
            changes={(Change(change), reason): number for (change, reason), number in self._changes.items()},
            starts={day: dict(sorted(self._starts[day].items())) for day in sorted(self._starts)},
            first_start=self._first,
            last_start=self._last,
            short=self._short,
            fewest_attempts=self._fewest,
            excluded=dict(self._excluded),
        )


@lru_cache(maxsize=65_536)
def _local_hour(quarter: int, zones: tuple[str, ...]) -> tuple[date, int]:
    local = westernmost(quarter * _QUARTER, zones)
    return local.date(), local.hour
