"""Faults on request: which queue requests fail, and how. Pure except for the random choice."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from runner.errors import UsageError

STATUSES = (400, 401, 403, 404, 405, 409, 415, 429, 500, 503)


class Kind(StrEnum):
    """What goes wrong with a queue request; `MEANINGS` describes each."""

    STATUS = "status"
    REFUSE = "refuse"
    RESET_BEFORE = "reset-before"
    RESET_AFTER = "reset-after"
    HANG_BEFORE = "hang-before"
    HANG = "hang"
    DRIP = "drip"
    GARBAGE = "garbage"
    SLOW = "slow"
    REDIRECT = "redirect"
    ERROR_AFTER = "500-after"
    NOT_FOUND_AFTER = "404-after"


SPELLING = "KIND[:SECONDS][*TIMES][@PERCENT%]"

MEANINGS: Mapping[str, str] = {
    Kind.REFUSE: "closes the connection without reading the request",
    Kind.RESET_BEFORE: "reads the request and resets the connection; nothing is queued",
    Kind.RESET_AFTER: "queues the call and resets the connection instead of answering",
    Kind.HANG_BEFORE: "reads the request and never answers; nothing is queued",
    Kind.HANG: "queues the call and never answers",
    Kind.DRIP: "queues the call and answers byte by byte",
    Kind.GARBAGE: "queues the call and answers 200 with an unreadable body",
    Kind.SLOW: "waits SECONDS (default 1), then answers normally",
    Kind.REDIRECT: "answers 307 with another address; nothing is queued",
    Kind.ERROR_AFTER: "queues the call and answers 500",
    Kind.NOT_FOUND_AFTER: "queues the call and answers 404 with its call_id",
    ", ".join(map(str, STATUSES)): "answers with this status; nothing is queued",
}
"""Every KIND of a fault, and what it does to a queue request."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One kind of fault: `times` requests are left for it (None: all), each with `chance`."""

    kind: Kind
    status: int = 0
    seconds: float = 1.0
    times: int | None = None
    chance: float = 1.0


def parse_fault(spec: str) -> Fault:
    """`KIND[:SECONDS][*TIMES][@PERCENT%]`, such as 500*3, reset-after@10%, slow:2. Raises UsageError."""
    match = re.fullmatch(r"([a-z0-9-]+)(?::(\d+(?:\.\d+)?))?(?:\*(\d+))?(?:@(\d+(?:\.\d+)?)%)?", spec)
    if match is None:
        raise _unknown(spec)
    name, seconds, times, percent = match.groups()
    fault = Fault(
        kind=Kind.STATUS,
        seconds=float(seconds or 1),
        times=int(times) if times else None,
        chance=float(percent or 100) / 100,
    )
    if name.isdigit() and int(name) in STATUSES:
        fault.status = int(name)
    elif name in MEANINGS:
        fault.kind = Kind(name)
    else:
        raise _unknown(spec)
    return fault


def _unknown(spec: str) -> UsageError:
    kinds = "\n".join(f"  {kind}: {meaning}" for kind, meaning in MEANINGS.items())
    return UsageError(f"unknown fault {spec!r}", hint=f"write {SPELLING}, where KIND is one of\n{kinds}")


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
