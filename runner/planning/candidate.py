"""A screened row that may be called, and the slot a plan assigns to it. Plain values only. Pure.

There may be millions, and they pass between processes and through tables: so they are tuples of strings and
numbers, and compound values (zones, metadata) are encoded as strings.
"""

import json
from functools import lru_cache
from typing import NamedTuple

from runner.calls import CallRequest, Cause, Metadata, Reason
from runner.campaign.model import Campaign
from runner.contacts.contact import Exclusion

ABROAD = "abroad"
"""In place of states, for a contact outside of the United States and Canada: no rule of a state holds."""


class Candidate(NamedTuple):
    """All values that depend on the row and the campaign alone. Instants are UTC Unix seconds."""

    key: str
    phone: str
    """E.164."""
    others: str
    """Further numbers of the row, with blanks between: if one is on a list, the contact is not called."""
    priority: float
    source: str
    line: int
    zones: str
    """The zones in which its hours apply, encoded by `join_zones`; empty if `fault` says why."""
    home: str
    """The contact's own zones, if the campaign has one zone for all."""
    states: str
    """The codes of the states in which it may be, with blanks between, or ABROAD; empty if unknown or not
    asked for.
    """
    unread: str
    """The keys of `contacts`, with blanks between, whose value for it is not a place that is known."""
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
    """Why it cannot be called, encoded by `fault_of`; empty for most."""


class Assignment(NamedTuple):
    """When a candidate is called, and how that differs from the ledger. UTC Unix seconds."""

    queue_at: int
    start_timestamp: int
    end_timestamp: int
    change: str
    """The value of a Change, and the next one of a ChangeReason."""
    reason: str
    fields: str
    """What changed, as a JSON list; empty for nothing."""
    start_before: int | None
    round: int
    earliest: int | None
    """No slot of this call may start before; a later round also waits for the gap between rounds."""


@lru_cache(maxsize=4096)
def join_zones(zones: tuple[str, ...]) -> str:
    """As a JSON list."""
    return json.dumps(zones)


@lru_cache(maxsize=4096)
def split_zones(zones: str) -> tuple[str, ...]:
    return tuple(json.loads(zones))


def join_states(states: frozenset[str]) -> str:
    return " ".join(sorted(states))


@lru_cache(maxsize=4096)
def split_states(states: str) -> frozenset[str]:
    return frozenset(states.split())


def fault_of(reason: Reason, detail: str, template: tuple[str, ...]) -> str:
    return json.dumps([reason.value, detail, template])


def faulty(candidate: Candidate) -> Exclusion:
    """The exclusion encoded in its fault."""
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
        others=candidate.others,
    )


def request_of(candidate: Candidate, campaign: Campaign) -> CallRequest:
    """The request of a candidate."""
    most, wait = attempts_of(campaign)
    return CallRequest(
        phone_number=candidate.phone_number,
        max_attempts=most,
        reattempt_wait=wait,
        metadata=Metadata(candidate.metadata),
        result_url=candidate.result_url,
    )


def attempts_of(campaign: Campaign) -> tuple[int, int | None]:
    """max_attempts, and reattempt_wait in seconds: None with a single attempt."""
    retry = campaign.retry_policy
    return retry.max_attempts, retry.reattempt_wait if retry.max_attempts > 1 else None
