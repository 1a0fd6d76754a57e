"""At most so many requests a second, evenly, without saving up unused time. Pure: `now` is an argument."""

_BURST_SECONDS = 0.05
"""How much time may be caught up after a late wake-up, so that the average holds at high rates."""
_GRAIN_SECONDS = 0.02
"""The requests of so much time leave together at high rates: a wake-up and a commit cost as much for one."""


class RateLimit:
    """Counts requests against a rate. Instants are seconds of one monotonic clock.

    The runs of one account share the rate: those of one process by sharing a RateLimit, those of other
    processes by taking their part of it, as `share` says.
    There is always a limit: Plum warns that looping its single-call API can act like a denial of service.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = 0.0
        self._runs = 0
        self.spent = 0
        """Requests so far, with those that may be given back yet."""
        self.share(1)

    @property
    def runs(self) -> int:
        """The runs of this process that send now."""
        return self._runs

    def join(self) -> None:
        """A run of this process begins to send."""
        self._runs += 1

    def leave(self) -> None:
        """A run of this process ended."""
        self._runs -= 1

    def share(self, runs: int) -> None:
        """From now on `runs` runs share the rate, those of this process included."""
        own = min(max(1, self._runs), runs)
        self.own_per_second = self.per_second * own / runs
        """The part of the rate that this process has."""
        self._interval = 1 / self.own_per_second
        self._burst = max(1, int(self.own_per_second * _BURST_SECONDS))
        self._grain = max(1, int(self.own_per_second * _GRAIN_SECONDS))

    def wait(self, now: float) -> float:
        """Seconds until it is time to send again; 0 when a request may leave now."""
        if now >= self._next:
            return 0.0
        return self._next + (self._grain - 1) * self._interval - now

    def available(self, now: float) -> int:
        """How many requests may leave now."""
        if now < self._next:
            return 0
        return min(self._burst, int((now - self._next) / self._interval) + 1)

    def spare(self, now: float) -> float:
        """Seconds until a request may leave that yields to others; 0 when none wanted the last turn."""
        return max(0.0, self._next + self._interval - now)

    def spend(self, now: float, requests: int) -> None:
        """Counts `requests` that leave now."""
        self.spent += requests
        oldest = now - (self._burst - 1) * self._interval
        self._next = max(self._next, oldest) + requests * self._interval

    def give_back(self, requests: int) -> None:
        """Takes back `requests` that were spent and did not leave."""
        self.spent -= requests
        self._next -= requests * self._interval
