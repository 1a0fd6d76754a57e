"""When a number may be dialled next to its other calls: caps over all campaigns of a ledger. Pure.

Insight dials at times that nobody chooses, between `start_timestamp` and `end_timestamp`, so every dial that
may happen is counted over all that time, until a result tells how often and when it was dialled. Of two
campaigns that want the same number, one calls at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from runner.campaign.rules.rule_set import Cap, RuleSet, applicable
from runner.planning.candidate import split_states
from runner.planning.windows import Window, intersect, join

OTHER_CAMPAIGN = Cap(calls=1, per_seconds=None, name="another campaign")
"""In place of a cap, where another campaign may be dialling the number at the same time."""


class Dials(NamedTuple):
    """One call to a number, as the ledger knows it: how often it was or may be dialled, and between which
    instants (UTC Unix seconds, both inclusive).
    """

    first: int
    last: int
    number: int
    is_own: bool
    """Whether the call is one of this campaign."""


def caps_in(rules: tuple[RuleSet, ...], states: str) -> tuple[Cap, ...]:
    """The caps for a contact in these states, which are written as in a candidate."""
    return tuple({cap: None for rule in applicable(rules, split_states(states)) for cap in rule.caps})


class _Limit(NamedTuple):
    """No more than `room` dials of other calls within `apart` seconds of a new dial."""

    cap: Cap
    room: int
    apart: int
    counted: Sequence[Dials]


def within_limits(
    windows: tuple[Window, ...], others: Sequence[Dials], caps: Iterable[Cap], attempts: int
) -> tuple[Window, ...]:
    """The parts of `windows` in which a further call of `attempts` dials keeps all caps."""
    for limit in _limits(others, caps, attempts):
        windows = _within(windows, limit)
    return windows


def first_reached(
    windows: tuple[Window, ...], others: Sequence[Dials], caps: Iterable[Cap], attempts: int
) -> Cap | None:
    """The first cap with which nothing is left of `windows`; None where something is left."""
    for limit in _limits(others, caps, attempts):
        windows = _within(windows, limit)
        if not windows:
            return limit.cap
    return None


def why_reached(cap: Cap, attempts: int) -> str:
    """Why a cap leaves no window for a call of so many attempts."""
    if cap is OTHER_CAMPAIGN:
        return "another campaign may be calling this number during all of its windows"
    dials = "1 dial" if attempts == 1 else f"{attempts} dials"
    return (
        f"{cap.name} allows {cap.calls} dials of a number in {period(cap)}. With those that were made or "
        f"may still be made, none of its windows has room for a call of up to {dials}"
    )


def period(cap: Cap) -> str:
    if cap.per_seconds is None:
        return "the campaign"
    days, rest = divmod(cap.per_seconds, 86_400)
    return f"{days} days" if days > 1 and not rest else f"{cap.per_seconds // 3600} hours"


def broken_by(
    start: int, end: int, others: Sequence[Dials], caps: Iterable[Cap], attempts: int
) -> Cap | None:
    """The first cap that a call of `attempts` dials between two instants, both inclusive, would break."""
    slot = (Window(start, end + 1),)
    return next(
        (limit.cap for limit in _limits(others, caps, attempts) if _within(slot, limit) != slot), None
    )


def _limits(others: Sequence[Dials], caps: Iterable[Cap], attempts: int) -> Iterator[_Limit]:
    """The strictest first, so that the one which is named does not depend on the order of the rules."""
    for cap in sorted(caps, key=lambda cap: (cap.calls, -(cap.per_seconds or 0), cap.name)):
        if cap.per_seconds is None:
            own = [dials for dials in others if dials.is_own]
            yield _Limit(cap, cap.calls - attempts - sum(dials.number for dials in own), 1, ())
        else:
            yield _Limit(cap, cap.calls - attempts, cap.per_seconds, others)
    theirs = [dials for dials in others if not dials.is_own]
    if theirs:
        yield _Limit(OTHER_CAMPAIGN, 0, 1, theirs)


def _within(windows: tuple[Window, ...], limit: _Limit) -> tuple[Window, ...]:
    if limit.room < 0:
        return ()
    if not windows or not limit.counted:
        return windows
    return intersect(windows, _open(windows[0].start, windows[-1].end, limit))


def _open(begin: int, end: int, limit: _Limit) -> tuple[Window, ...]:
    """The time between two instants at which no more than `room` other dials are near."""
    changes = [(begin, 0), (end, 0)]
    for dials in limit.counted:
        near = max(dials.first - limit.apart + 1, begin), min(dials.last + limit.apart, end)
        if near[0] < near[1]:
            changes += [(near[0], dials.number), (near[1], -dials.number)]
    changes.sort()
    counts = accumulate(change for _, change in changes)
    stretches = pairwise(at for at, _ in changes)
    return join(
        stretch
        for stretch, count in zip(stretches, counts, strict=False)
        if count <= limit.room and stretch[0] < stretch[1]
    )
