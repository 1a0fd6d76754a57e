"""Whether a contact may be tried in a further round, from when on, and at which hours first. Pure.

A round is a call of its own. It follows only a call whose final result is known, and never one that may still
be dialled. Instants are UTC Unix seconds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from runner.calls import CallState, Cause, ResultStatus
from runner.campaign.model import RetryPolicy
from runner.campaign.timezones import zone
from runner.planning.windows import Window, intersect, join

EVENING_HOUR = 17
_SATURDAY = 5
_MINUTE, _QUARTER = 60, 900
_UNCERTAIN, _COMPLETED = CallState.UNCERTAIN.value, ResultStatus.COMPLETED.value
"""Looked up once: that takes longer than to compare them, and there may be a million calls."""


class SlotKind(StrEnum):
    """The three kinds of slot, by the contact's local time."""

    WEEKDAY_DAY = "weekday before 17:00"
    WEEKDAY_EVENING = "weekday from 17:00"
    WEEKEND = "weekend"


class PastCall(NamedTuple):
    """A call to a contact that was sent, or may have been."""

    round: int
    state: str
    """The value of a CallState."""
    result: str | None
    """The value of a ResultStatus; None while it is not known how the call ended."""
    start_timestamp: int
    end_timestamp: int
    last_dial: int | None
    """Insight's `last_attempt_timestamp`; None where it gave none."""

    @property
    def over_at(self) -> int:
        """When it was dialled for the last time; where that is not known, the latest it can have been."""
        dialled_at = self.dialled_at
        return self.end_timestamp if dialled_at is None else dialled_at

    @property
    def tried_at(self) -> int:
        """The time that says at which hours this call was tried."""
        dialled_at = self.dialled_at
        return self.start_timestamp if dialled_at is None else dialled_at

    @property
    def dialled_at(self) -> int | None:
        """The last dial. None also where it lies before the call could start: that cannot be right, and the
        next round would come too soon.
        """
        if self.last_dial is None or self.last_dial < self.start_timestamp:
            return None
        return self.last_dial


class NextRound(NamedTuple):
    """The round that a contact may be tried in next, and not before when."""

    round: int
    not_before: int
    """On a full minute, so that contacts share their windows."""
    tried_at: tuple[int, ...]
    """When earlier rounds tried it."""

    def tried_kinds(self, zone_name: str) -> frozenset[SlotKind]:
        """The kinds of slot in which it was tried, where the contact is."""
        return frozenset([slot_kind(instant, zone_name) for instant in self.tried_at])


def next_round(past: Sequence[PastCall], policy: RetryPolicy) -> NextRound | Cause:
    """What may follow these calls, at least one, or why nothing does.

    `past` holds every call of the campaign to the same contact or the same number.
    """
    last = over_at = 0
    tried_at = []
    for call in past:
        cause = _why_none_follows(call, policy)
        if cause is not None:
            return cause
        last = max(last, call.round)
        over_at = max(over_at, call.over_at)
        tried_at.append(call.tried_at)
    if last >= policy.rounds:
        return Cause.ROUNDS_USED
    return NextRound(last + 1, _full_minute(over_at + policy.round_gap), tuple(sorted(tried_at)))


def _why_none_follows(call: PastCall, policy: RetryPolicy) -> Cause | None:
    if call.state == _UNCERTAIN:
        return Cause.UNCERTAIN
    if call.result is None:
        return Cause.WAITING_FOR_RESULT
    if call.result == _COMPLETED:
        return Cause.FINISHED
    return None if call.result in policy.retry_on else Cause.NOT_RETRIED


def _full_minute(instant: int) -> int:
    return -(-instant // _MINUTE) * _MINUTE


def slot_kind(instant: int, zone_name: str) -> SlotKind:
    """The kind of a slot at this instant, where the contact is."""
    return _kind_of_quarter(instant // _QUARTER, zone_name)


@lru_cache(maxsize=16_384)
def _kind_of_quarter(quarter: int, zone_name: str) -> SlotKind:
    local = datetime.fromtimestamp(quarter * _QUARTER, zone(zone_name))
    if local.weekday() >= _SATURDAY:
        return SlotKind.WEEKEND
    return SlotKind.WEEKDAY_EVENING if local.hour >= EVENING_HOUR else SlotKind.WEEKDAY_DAY


def untried_windows(
    windows: tuple[Window, ...], tried: frozenset[SlotKind], zone_name: str
) -> tuple[Window, ...]:
    """The parts of `windows` whose kind of slot is none of `tried`, where the contact is."""
    if not windows:
        return ()
    stretches = _stretches(windows[0].start, windows[-1].end, zone_name)
    return intersect(windows, join(stretch for stretch, kind in stretches if kind not in tried))


@lru_cache(maxsize=512)
def _stretches(start: int, end: int, zone_name: str) -> tuple[tuple[Window, SlotKind], ...]:
    """The time between two instants, divided at local midnight and at 17:00."""
    rules = zone(zone_name)
    day = datetime.fromtimestamp(start, rules).date()
    bounds = [start]
    while bounds[-1] < end:
        for date, hour in ((day, EVENING_HOUR), (day + timedelta(days=1), 0)):
            # An hour that the clock skips is the first moment after the gap: `timestamp` may lie before it.
            at = int(datetime(date.year, date.month, date.day, hour, tzinfo=rules).timestamp())
            if at > bounds[-1]:
                bounds.append(min(at, end))
        day += timedelta(days=1)
    return tuple((Window(first, last), slot_kind(first, zone_name)) for first, last in pairwise(bounds))
