"""What a callback, an answer or a person says of a call, and what follows from it. Pure.

Evidence never makes a call `planned` or `sending`: whatever a server or a stranger sends, it causes no call.
The first final status stays, but `completed` replaces any other.
"""

from enum import StrEnum
from typing import NamedTuple

from runner.calls import FINAL, CallState


class EvidenceSource(StrEnum):
    """Where a result was learned."""

    CALLBACK = "callback"
    ASKED = "asked"
    """Insight's answer about one call."""
    REPORT = "report"
    """The survey's saved report at Insight."""
    OPERATOR = "operator"
    GAVE_UP = "gave_up"
    """No final status came in time."""


class Verdict(StrEnum):
    """What became of a piece of evidence."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """The call ended so already."""
    CONTRADICTION = "contradiction"
    """Another result stands, or another call has the number; nothing was changed."""
    EARLIER_ATTEMPT = "earlier_attempt"
    """An earlier attempt ended so; the later one is at Insight, and its result counts."""
    NOT_FINAL = "not_final"
    """It does not say how the call ended."""
    UNREADABLE = "unreadable"
    HELD = "held"
    """It is not known yet whether a later request, or the same one, reached Insight: decided once it is."""


class Report(NamedTuple):
    """What was said of one attempt: the call and the fence of its claim. Times are UTC Unix seconds."""

    call: int
    fence: int
    source: EvidenceSource
    says: CallState | None = None
    """How the call ended; None where that is not said."""
    is_readable: bool = True
    attempts: int | None = None
    first_dial: int | None = None
    last_attempt_timestamp: int | None = None
    ended_at: int | None = None
    events: tuple[tuple[str, int], ...] = ()
    excerpt: str = ""
    """The beginning of what came, for people."""


class Decision(NamedTuple):
    """What becomes of the evidence, and the state that the call moves to; None where it stays."""

    verdict: Verdict
    after: CallState | None = None


_NOT_AT_INSIGHT = frozenset({CallState.PLANNED, CallState.REFUSED, CallState.SKIPPED})
"""As the ledger has it. Evidence proves that it is wrong: the call was queued, and must not be sent again."""


def decide(state: CallState, says: CallState | None, *, is_earlier: bool) -> Decision:
    """What follows for a call in `state` when Insight says that an attempt of it ended as `says`.

    `says` is None where Insight has the call, but not its end. `is_earlier` says that the call was claimed
    again after that attempt.
    """
    if state is CallState.SENDING:
        return Decision(Verdict.HELD)
    if state in FINAL:
        return _of_ended_call(state, says)
    if state in _NOT_AT_INSIGHT:
        return Decision(Verdict.APPLIED, says or CallState.QUEUED)
    if is_earlier and says is not CallState.COMPLETED:
        is_known = state is CallState.QUEUED
        return Decision(Verdict.EARLIER_ATTEMPT if is_known else Verdict.HELD)
    if says is None and state is CallState.QUEUED:
        return Decision(Verdict.NOT_FINAL)
    return Decision(Verdict.APPLIED, says or CallState.QUEUED)


def _of_ended_call(state: CallState, says: CallState | None) -> Decision:
    if says is None:
        return Decision(Verdict.NOT_FINAL)
    if says is state:
        return Decision(Verdict.REPEATED)
    if says is CallState.COMPLETED:
        return Decision(Verdict.APPLIED, says)
    return Decision(Verdict.CONTRADICTION)
