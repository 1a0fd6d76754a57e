"""A row with all that its call needs but a slot, and what a plan gives it. Plain values only. Pure.

There may be millions, and they pass between processes and through tables: so they are tuples of texts and
numbers, and what is made of several parts (zones, metadata) is one text.
"""

import json
from functools import lru_cache
from typing import NamedTuple

from runner.calls import Cause, Reason
from runner.contacts.contact import Exclusion


class Candidate(NamedTuple):
    """Everything that follows from the row and the campaign alone. Instants are UTC Unix seconds."""

    key: str
    phone: str
    """E.164."""
    priority: float
    source: str
    line: int
    zones: str
    """Where the campaign's hours hold for it, as `join_zones` writes them; empty where `fault` says why."""
    home: str
    """Where it really is, where the campaign has one zone for all."""
    earliest: int | None
    latest: int | None
    """Its own dates; the latter exclusive."""
    phone_number: str
    """The dial string."""
    metadata: str
    """As a JSON object."""
    result_url: str
    ref: str
    fault: str
    """Why no request can be made of it, as `fault_of` writes it; empty for most."""


class Assignment(NamedTuple):
    """When a candidate is called, and how that differs from what the ledger holds. UTC Unix seconds."""

    queue_at: int
    start_timestamp: int
    end_timestamp: int
    change: str
    reason: str
    fields: str
    """What changed, as a JSON list; empty for nothing."""
    start_before: int | None


@lru_cache(maxsize=4096)
def join_zones(zones: tuple[str, ...]) -> str:
    """As a JSON list."""
    return json.dumps(zones)


@lru_cache(maxsize=4096)
def split_zones(zones: str) -> tuple[str, ...]:
    return tuple(json.loads(zones))


def fault_of(reason: Reason, detail: str, template: tuple[str, ...]) -> str:
    return json.dumps([reason.value, detail, template])


def faulty(candidate: Candidate) -> Exclusion:
    """The exclusion that its fault means."""
    reason, detail, template = json.loads(candidate.fault)
    return exclusion_of(candidate, Reason(reason), detail, tuple(template))


def exclusion_of(
    candidate: Candidate,
    reason: Reason,
    detail: str,
    template: tuple[str, ...] = (),
    cause: Cause = Cause.NONE,
) -> Exclusion:
    return Exclusion(
        key=candidate.key,
        reason=reason,
        source=candidate.source,
        line=candidate.line,
        detail=detail,
        template=template,
        cause=cause,
        phone=candidate.phone,
    )
