"""The right to send one call once, and what its holder learns when it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runner.calls import NO_REASON, CallRequest, CallState, StateReason
from runner.errors import LedgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send one call once. `fence` tells this claim from any earlier or later one."""

    call: int
    fence: int
    key: str
    ref: str
    phone: str
    queue_at: int
    """When its request was due, in UTC Unix seconds."""
    start_timestamp: int
    end_timestamp: int
    survey_id: str
    instance_id: str
    request: CallRequest
    pushes_record: bool = False
    """Whether its record is to be pushed before it: it never was."""


class HeldBack(NamedTuple):
    """Why a call must not start in its slot: its number would be dialled too often."""

    not_before: int | None
    """When it may start at the earliest (UTC Unix seconds); None where that is never."""
    cap: str
    """The name of the cap, or of what takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What one look at the due calls gave."""

    claims: Sequence[Claim] = ()
    crowded_out: Mapping[int, int] = field(default_factory=dict)
    """Calls for which the pace has no start near their slot: they need new slots. Each with the first start
    that it has for them.
    """
    held_back: Mapping[int, HeldBack] = field(default_factory=dict)
    """Calls to numbers that must not be dialled in their slots: they need new ones, too."""
    held_until: float | None = None
    """When the next due call may leave, where the pace makes it wait; UTC Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """How an attempt ended: the call's next state, and what is known of it."""

    state: CallState
    reason: StateReason = NO_REASON
    http_status: int | None = None
    call_id: str | None = None
    link: str | None = None
    push_again: bool = False
    """Whether its record, which was to be pushed, is provably not at Insight."""


class LostClaimError(LedgerError):
    """Somebody else settled the call since it was claimed; nothing was written."""


class LedgerRolledBackError(LedgerError):
    """The ledger does not know what this run committed: it went back in time."""


def ledger_rolled_back() -> LedgerRolledBackError:
    return LedgerRolledBackError(
        "the ledger lost data that was committed: an old copy was restored, or a standby took over",
        hint="restore the newest ledger before you run apply again; `runner doctor` checks it",
    )
