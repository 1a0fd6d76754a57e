"""How often somebody may ask. Pure, but for what it counts."""

from collections import OrderedDict
from collections.abc import Hashable

_MOST_KEYS = 10_000
"""A client with more addresses than this makes us forget the oldest of them, and takes no more memory."""


class RateLimit:
    """Of requests a second for each key, after a burst. Times are seconds of any clock."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        # For each key when its burst is whole again; the least recent first.
        self._whole_at = OrderedDict[Hashable, float]()

    def wait(self, key: Hashable, now: float) -> float:
        """Counts a request. 0 where it is within the limit, else after how many seconds one would be; a
        request beyond the limit does not count.
        """
        whole_at = max(self._whole_at.pop(key, now), now)
        left = whole_at + (1 - self._burst) / self._per_second - now
        self._whole_at[key] = whole_at if left > 0 else whole_at + 1 / self._per_second
        if len(self._whole_at) > _MOST_KEYS:
            self._whole_at.popitem(last=False)
        return max(left, 0)
