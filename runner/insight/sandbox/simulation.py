"""How a queued call proceeds: a pure function of the call and the time, so nothing has to wait.

Insight's rules: it dials from start_timestamp on, again reattempt_wait after a dial that failed, up to
max_attempts times, and never after end_timestamp.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

EventAt = tuple[str, int]
"""The name of an event, as Insight has it, and its time (UTC Unix seconds)."""


class DialOutcome(StrEnum):
    """What a dial meets."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    CANCELED = "canceled"


_EVENTS: Mapping[DialOutcome, tuple[EventAt, ...]] = {
    DialOutcome.ANSWERED: (("dialing", 0), ("connected", 10), ("disconnected", 70)),
    DialOutcome.NO_ANSWER: (("dialing", 0), ("disconnected", 30)),
    DialOutcome.BUSY: (("dialing", 0), ("disconnected", 5)),
    DialOutcome.REJECTED: (("dialing", 0), ("disconnected", 2)),
}
"""With seconds since the dial."""

_FINAL: Mapping[DialOutcome, str] = {DialOutcome.ANSWERED: "completed", DialOutcome.REJECTED: "rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCall:
    """What the simulation needs to know of a call. Times are UTC Unix seconds.

    `dials` is what each of its max_attempts dials meets, if it comes to it.
    """

    dials: tuple[DialOutcome, ...]
    queued_at: int
    start_timestamp: int
    end_timestamp: int | None
    reattempt_wait: int
    canceled_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """All that happens to a call, in order, if nobody cancels it from now on."""

    events: tuple[EventAt, ...]
    status: str
    """The final one: completed, failed, canceled or rejected."""

    @property
    def ends_at(self) -> int:
        return self.events[-1][1]

    @property
    def dialled_at(self) -> tuple[int, ...]:
        return tuple(at for name, at in self.events if name == "dialing")

    def until(self, now: float) -> "Progress":
        """How far it has come at `now`."""
        events = tuple(event for event in self.events if event[1] <= now)
        dials = [at for name, at in events if name == "dialing"]
        return Progress(
            status=self.status if len(events) == len(self.events) else events[-1][0],
            attempts=len(dials),
            last_attempt_timestamp=dials[-1] if dials else None,
            events=events,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a call has come. While it goes on, its status is its last event."""

    status: str
    attempts: int
    last_attempt_timestamp: int | None
    events: tuple[EventAt, ...]


def life_of(call: SimulatedCall) -> Life:
    happened: list[EventAt] = [("queued", call.queued_at)]
    dial_at = max(call.start_timestamp, call.queued_at)
    for outcome in call.dials:
        if call.end_timestamp is not None and dial_at > call.end_timestamp:
            break
        canceled_at = dial_at if outcome is DialOutcome.CANCELED else call.canceled_at
        if canceled_at is not None and canceled_at <= dial_at:
            happened.append(("canceled", max(canceled_at, happened[-1][1])))
            return Life(events=tuple(happened), status="canceled")
        happened += [(name, dial_at + after) for name, after in _EVENTS[outcome]]
        if outcome in _FINAL:
            return Life(events=tuple(happened), status=_FINAL[outcome])
        dial_at = happened[-1][1] + call.reattempt_wait
    return Life(events=tuple(happened), status="failed")
