"""Compares this machine's clock with the API's: a wrong clock would call people at wrong hours."""

from collections.abc import Callable

from runner.dispatch.events import ClockIsOff, Event
from runner.errors import StoppedError
from runner.insight.outcome import Exchange

WARNING_SECONDS = 30
STOP_SECONDS = 300


class ClockCheck:
    """Looks at the `Date` of every answer. `now` gives UTC Unix seconds."""

    def __init__(self, now: Callable[[], float], on_event: Callable[[Event], None]) -> None:
        self._now = now
        self._on_event = on_event
        self._warned = False

    def compare_database(self, ahead: float) -> None:
        """`ahead` is the clock of the ledger's database less this machine's, in seconds.

        Runs that share a ledger go by its clock. Raises StoppedError above 5 minutes: one of the two is
        wrong, and calls would go out at wrong hours. Insight's clock tells of smaller differences.
        """
        if abs(ahead) > STOP_SECONDS:
            raise StoppedError(
                f"the clock of the ledger's database is {abs(ahead):.0f} s "
                f"{'ahead of' if ahead > 0 else 'behind'} this machine's",
                hint="set both clocks (for example with NTP), then run the command again",
            )

    def compare(self, exchange: Exchange) -> None:
        """Warns once of a difference over 30 seconds. Raises StoppedError above 5 minutes."""
        if exchange.date is None:
            return
        ahead = self._now() - exchange.date
        if abs(ahead) > STOP_SECONDS:
            raise StoppedError(
                f"this machine's clock is {abs(ahead):.0f} s "
                f"{'ahead of' if ahead > 0 else 'behind'} Insight's",
                hint="set the clock (for example with NTP), then run the command again",
            )
        if abs(ahead) > WARNING_SECONDS and not self._warned:
            self._warned = True
            self._on_event(ClockIsOff(seconds=ahead))
