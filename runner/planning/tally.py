"""Counts what a plan comes to while it is made: reports need it, and there may be a million calls. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date

from runner.contacts.contact import Reason
from runner.planning.plan import Change, Tally
from runner.planning.prospect import split_zones
from runner.planning.zones import westernmost

_STEP = 900
"""Seconds. Since 2012 local hours begin with quarters of an hour, counted from the Unix epoch, everywhere."""


class Tallying:
    """Counts one by one, in memory that grows with the days of a plan and not with its calls."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[int, str, str, str, str]] = Counter()
        """By quarter of an hour, zones, home, change and reason."""
        self._first: int | None = None
        self._last: int | None = None
        self._short = 0
        self._fewest = 0
        self._excluded: Counter[Reason] = Counter()

    def add_call(self, start: int, zones: str, change: str, reason: str, home: str = "") -> None:
        """A call that starts at `start` (UTC Unix seconds); `zones` and `home` are as in a prospect."""
        self._calls[start // _STEP, zones, home, change, reason] += 1
        self._first = start if self._first is None or start < self._first else self._first
        self._last = start if self._last is None or start > self._last else self._last

    def add_short(self, attempts: int) -> None:
        """That one of the calls has time for so many attempts only."""
        self._fewest = min(attempts, self._fewest) if self._short else attempts
        self._short += 1

    def add_exclusion(self, reason: Reason) -> None:
        self._excluded[reason] += 1

    def starts(self) -> Iterator[tuple[int, str, str, int]]:
        """(instant, zones, home, calls): so many start within the quarter of an hour from that instant on."""
        for (step, zones, home, _, _), number in self._calls.items():
            yield step * _STEP, zones, home, number

    def tally(self) -> Tally:
        changes: Counter[tuple[Change, str]] = Counter()
        for (_, _, _, change, reason), number in self._calls.items():
            changes[Change(change), reason] += number
        return Tally(
            changes=dict(changes),
            starts=self._local_starts(),
            first_start=self._first,
            last_start=self._last,
            short=self._short,
            fewest_attempts=self._fewest,
            excluded=dict(self._excluded),
        )

    def _local_starts(self) -> dict[date, dict[int, int]]:
        counted: Counter[tuple[date, int]] = Counter()
        for (step, zones, _, _, _), number in self._calls.items():
            local = westernmost(step * _STEP, split_zones(zones))
            counted[local.date(), local.hour] += number
        starts: defaultdict[date, dict[int, int]] = defaultdict(dict)
        for day, hour in sorted(counted):
            starts[day][hour] = counted[day, hour]
        return dict(starts)
