"""The pace at which all contacts can be called before the last window ends. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.campaign.model import Campaign
from runner.planning.placement import Placement
from runner.planning.windows import Window

FASTEST = 60_000
"""Starts a minute: the highest value that `calls_per_minute` and RUNNER_REQUESTS_PER_SECOND take."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Starts that are taken (UTC Unix seconds), and the windows of each new call, in order of precedence."""

    taken: Sequence[int]
    waiting: Iterable[tuple[Window, ...]]
    """Can be iterated any number of times."""


def sufficient_pace(campaign: Campaign, demand: Demand, *, too_slow: int, now: float) -> int | None:
    """The least `calls_per_minute` above `too_slow` at which every call finds a slot; None when none does.

    Each pace is tried with the placement that plans are made with, so the one returned is known to do. It is
    looked for by doubling and halving, as if a faster pace never placed fewer calls.
    """
    slow, fast = too_slow, too_slow
    while True:
        if fast >= FASTEST:
            return None
        fast = min(2 * fast, FASTEST)
        if _suffices(campaign, demand, fast, now):
            break
        slow = fast
    while fast - slow > 1:
        middle = (slow + fast) // 2
        if _suffices(campaign, demand, middle, now):
            fast = middle
        else:
            slow = middle
    return fast


def _suffices(campaign: Campaign, demand: Demand, pace: int, now: float) -> bool:
    pacing = campaign.pacing.model_copy(update={"calls_per_minute": pace})
    trial = Placement(
        campaign.model_copy(update={"pacing": pacing}), now=now, requests_per_second=FASTEST / 60
    )
    for start in demand.taken:
        trial.occupy(start)
    return None not in trial.place(demand.waiting)
