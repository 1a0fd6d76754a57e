"""Misbehaviour on request: which queue request goes wrong, and how. Pure but for the dice."""

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from runner.errors import UsageError

STATUSES = (400, 401, 403, 404, 405, 409, 415, 429, 500, 503)


class Kind(StrEnum):
    """What goes wrong with a queue request."""

    STATUS = "status"
    """Answers with an error status and queues nothing."""
    REFUSE = "refuse"
    """Closes the connection before reading from it."""
    RESET_BEFORE = "reset-before"
    """Reads the request and resets the connection, nothing queued."""
    RESET_AFTER = "reset-after"
    """Queues the call and resets the connection instead of answering."""
    HANG_BEFORE = "hang-before"
    """Reads the request and never answers, nothing queued."""
    HANG = "hang"
    """Queues the call and never answers."""
    DRIP = "drip"
    """Queues the call and answers byte by byte."""
    GARBAGE = "garbage"
    """Queues the call and answers 200 with nonsense."""
    SLOW = "slow"
    """Waits, then does everything right."""
    REDIRECT = "redirect"
    """Answers 307 with an address to send it to again; nothing queued."""
    ERROR_AFTER = "500-after"
    """Queues the call and answers 500."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One kind of misbehaviour: `times` requests are left for it (None: all), each with `chance`."""

    kind: Kind
    status: int = 0
    seconds: float = 1.0
    times: int | None = None
    chance: float = 1.0


def parse_fault(spec: str) -> Fault:
    """`KIND[:SECONDS][*TIMES][@PERCENT%]`, such as 500*3, reset-after@10%, slow:2. Raises UsageError."""
    match = re.fullmatch(r"([a-z0-9-]+)(?::(\d+(?:\.\d+)?))?(?:\*(\d+))?(?:@(\d+(?:\.\d+)?)%)?", spec)
    names = [kind.value for kind in Kind if kind is not Kind.STATUS]
    wrong = UsageError(
        f"there is no fault {spec!r}",
        hint=f"write KIND[:SECONDS][*TIMES][@PERCENT%]; kinds are {', '.join(names)} and the statuses "
        f"{', '.join(map(str, STATUSES))}",
    )
    if match is None:
        raise wrong
    name, seconds, times, percent = match.groups()
    fault = Fault(
        kind=Kind.STATUS,
        seconds=float(seconds or 1),
        times=int(times) if times else None,
        chance=float(percent or 100) / 100,
    )
    if name.isdigit() and int(name) in STATUSES:
        fault.status = int(name)
    elif name in names:
        fault.kind = Kind(name)
    else:
        raise wrong
    return fault


class Faults:
    """The faults that are set, drawn from for each request in the order in which they were given."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = list(faults)
        self._dice = random.Random(0)  # noqa: S311 - the same run misbehaves the same way

    def set(self, faults: list[Fault]) -> None:
        self._faults = faults

    def draw(self) -> Fault | None:
        """The fault for the request that just came, or None."""
        return self._draw([fault for fault in self._faults if fault.kind is not Kind.REFUSE])

    def refuses(self) -> bool:
        """Whether the connection that just came is to be closed."""
        return self._draw([fault for fault in self._faults if fault.kind is Kind.REFUSE]) is not None

    def _draw(self, candidates: list[Fault]) -> Fault | None:
        for fault in candidates:
            if fault.times == 0 or self._dice.random() >= fault.chance:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None
