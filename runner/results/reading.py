"""What Insight says of a call, as evidence for the ledger. Pure.

Insight documents no bounds: what the ledger could not hold, or nobody could mean, is left out.
"""

from runner.calls import FINAL, CallState
from runner.insight.answers import CallDetails
from runner.ledger.evidence import EvidenceSource, Report
from runner.results.token import Attempt

_LATEST = 2**31 - 1
"""What PostgreSQL's integers hold; in Unix seconds, the year 2038."""
_MOST_ATTEMPTS = 1_000
_MOST_EVENTS = 100
_LONGEST_NAME = 40
_SPELLINGS = {"cancelled": CallState.CANCELED}


def report_of(attempt: Attempt, source: EvidenceSource, details: CallDetails, excerpt: str = "") -> Report:
    """The details that Insight gave of this attempt."""
    events = [
        (event.event[:_LONGEST_NAME], event.timestamp)
        for event in details.events[:_MOST_EVENTS]
        if _bounded(event.timestamp, _LATEST)
    ]
    return Report(
        call=attempt.call,
        fence=attempt.fence,
        source=source,
        says=_final(details.status),
        attempts=_bounded(details.attempts, _MOST_ATTEMPTS),
        first_dial=min((at for name, at in events if name.lower() == "dialing"), default=None),
        # 0 stands for "none".
        last_attempt_timestamp=_bounded(details.last_attempt_timestamp, _LATEST) or None,
        ended_at=max((at for _, at in events), default=None),
        events=tuple(events),
        excerpt=excerpt,
    )


def unreadable(attempt: Attempt, source: EvidenceSource, excerpt: str) -> Report:
    """Something came that does not say how the call ended."""
    return Report(call=attempt.call, fence=attempt.fence, source=source, is_readable=False, excerpt=excerpt)


def _final(status: str) -> CallState | None:
    word = status.lower()
    return next((state for state in FINAL if state == word), _SPELLINGS.get(word))


def _bounded(number: int | None, most: int) -> int | None:
    return number if number is not None and 0 <= number <= most else None
