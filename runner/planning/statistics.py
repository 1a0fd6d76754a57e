"""Counts the calls of a plan while it is made, for reports: there may be a million. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from runner.calls import Cause, Reason
from runner.planning.candidate import split_zones
from runner.planning.plan import Change, ChangeReason, PlanStatistics
from runner.planning.zones import westernmost

_STEP = 900
"""Seconds. Since 2012 local hours begin with quarters of an hour, counted from the Unix epoch, everywhere."""


class _Group(NamedTuple):
    """What is counted together. `redialled_until` is None for calls with a single attempt."""

    step: int
    """The quarter of an hour in which they start."""
    redialled_until: int | None
    zones: str
    home: str
    change: tuple[str, str, str]
    """As in an assignment: change, reason, fields."""


class DialSpan(NamedTuple):
    """Calls that may be dialled between two instants, both inclusive, in UTC Unix seconds."""

    first: int
    """To the quarter of an hour."""
    last: int
    zones: str
    home: str
    calls: int


class StatisticsBuilder:
    """Its memory grows with the days of a plan, not with its calls. `rounds` are those of the campaign."""

    def __init__(self, rounds: int = 1) -> None:
        self._most_rounds = rounds
        self._calls: Counter[_Group] = Counter()
        self._latest_starts: dict[_Group, int] = {}
        self._first: tuple[int, str] | None = None
        self._last: tuple[int, str] | None = None
        """(start, zones). Equal starts are compared by zones, so the order of calls does not matter."""
        self._short = 0
        self._fewest = 0
        self._excluded: Counter[Reason] = Counter()
        self._already_queued: Counter[Cause] = Counter()
        self._rounds: Counter[int] = Counter()
        self._further = 0

    def add_call(
        self,
        start: int,
        zones: str,
        change: tuple[str, str, str],
        home: str = "",
        redialled_until: int | None = None,
    ) -> None:
        """A call that starts at `start` (UTC Unix seconds). `zones` and `home` are as in a candidate.

        `change` is the change, reason and fields of its assignment.

        `redialled_until` is its last moment to dial, where there is time for more than one attempt.
        """
        group = _Group(start // _STEP, redialled_until, zones, home, change)
        self._calls[group] += 1
        self._latest_starts[group] = max(start, self._latest_starts.get(group, start))
        moment = start, zones
        self._first = moment if self._first is None or moment < self._first else self._first
        self._last = moment if self._last is None or moment > self._last else self._last

    def add_short(self, attempts: int) -> None:
        """Counts a call that has time for only this many attempts."""
        self._fewest = min(attempts, self._fewest) if self._short else attempts
        self._short += 1

    def add_round(self, round_: int) -> None:
        """Counts a call of this round."""
        self._rounds[round_] += 1
        self.add_further(round_)

    def add_further(self, last_round: int) -> None:
        """Counts the rounds that may follow this one, for one contact."""
        self._further += max(self._most_rounds - last_round, 0)

    def add_exclusion(self, reason: Reason, cause: Cause = Cause.NONE) -> None:
        self._excluded[reason] += 1
        if reason is Reason.ALREADY_QUEUED:
            self._already_queued[cause] += 1

    def dial_spans(self) -> Iterator[DialSpan]:
        """When the calls may be dialled. Insight places a first attempt at the start of a call, and each
        further one after the wait, or as much later as its lines are busy, until the end of the call.
        """
        for group, number in self._calls.items():
            last = group.redialled_until or self._latest_starts[group]
            yield DialSpan(group.step * _STEP, last, group.zones, group.home, number)

    def statistics(self) -> PlanStatistics:
        changes: Counter[tuple[Change, ChangeReason, tuple[str, ...]]] = Counter()
        for group, number in self._calls.items():
            change, reason, fields = group.change
            changed = tuple(json.loads(fields)) if fields else ()
            changes[Change(change), ChangeReason(reason), changed] += number
        return PlanStatistics(
            changes=dict(changes),
            starts=self._local_starts(),
            first_start=self._first[0] if self._first else None,
            first_zones=split_zones(self._first[1]) if self._first else (),
            last_start=self._last[0] if self._last else None,
            last_zones=split_zones(self._last[1]) if self._last else (),
            short=self._short,
            fewest_attempts=self._fewest,
            excluded=dict(self._excluded),
            already_queued=dict(self._already_queued),
            rounds=dict(sorted(self._rounds.items())),
            further_calls=self._further,
        )

    def _local_starts(self) -> dict[date, dict[int, int]]:
        counted: Counter[tuple[date, int]] = Counter()
        for group, number in self._calls.items():
            local = westernmost(group.step * _STEP, split_zones(group.zones))
            counted[local.date(), local.hour] += number
        starts: defaultdict[date, dict[int, int]] = defaultdict(dict)
        for day, hour in sorted(counted):
            starts[day][hour] = counted[day, hour]
        return dict(starts)
