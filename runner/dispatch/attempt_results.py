"""What an answer of Insight, or the lack of one, means for the call and for the campaign. Pure."""

from runner.calls import CallState
from runner.errors import StoppedError
from runner.insight.outcome import Accepted, CampaignBlocked, NotSent, Outcome, Refused, Uncertain
from runner.ledger.claim import AttemptResult

MOST_STRIKES = 10


def attempt_result(outcome: Outcome) -> AttemptResult:
    """The state of a call after its request ended like this."""
    match outcome:
        case Accepted():
            return AttemptResult(
                state=CallState.QUEUED, http_status=200, call_id=outcome.call_id, link=outcome.link
            )
        case Refused():
            return AttemptResult(state=CallState.REFUSED, http_status=400, reason=outcome.error)
        case CampaignBlocked():
            # Documented as errors of the account or survey as such: this call was not queued either.
            return AttemptResult(state=CallState.PLANNED, http_status=outcome.status, reason=outcome.error)
        case NotSent():
            return AttemptResult(state=CallState.PLANNED, reason=outcome.reason)
        case Uncertain():
            return AttemptResult(
                state=CallState.UNCERTAIN,
                http_status=outcome.status,
                reason=_detail(outcome),
                call_id=_one_call_id(outcome),
            )


def _one_call_id(outcome: Uncertain) -> str | None:
    """Of several it is unknown which is this call's, and Insight's own are numbers."""
    only = outcome.call_ids[0] if len(outcome.call_ids) == 1 else ""
    return only if only.isdecimal() else None


def _detail(outcome: Uncertain) -> str:
    """The call_ids come first: an operator looks for them at Insight, and an answer may be long."""
    ids = f" ({'call_id' if len(outcome.call_ids) == 1 else 'call_ids'} {', '.join(outcome.call_ids)})"
    reason = outcome.reason + (ids if outcome.call_ids else "")
    return f"{reason}: {outcome.body}" if outcome.body else reason


class FailureStreak:
    """Counts refusals and uncertain outcomes in a row: so many of one kind are no accident."""

    def __init__(self) -> None:
        self._refused = 0
        self._uncertain = 0

    def count(self, outcome: Outcome) -> None:
        """Raises StoppedError at the tenth of a kind."""
        match outcome:
            case Accepted():
                self._refused = self._uncertain = 0
            case Refused():
                self._refused += 1
                self._uncertain = 0
                if self._refused == MOST_STRIKES:
                    raise StoppedError(
                        f"Insight refused {MOST_STRIKES} calls in a row; its last answer: {outcome.error}",
                        hint="correct the field that Insight names, in the campaign file or the contacts; "
                        "apply plans calls again whose request changed. If the cause lay at Insight: "
                        "runner retry CAMPAIGN --all",
                    )
            case Uncertain():
                self._uncertain += 1
                if self._uncertain == MOST_STRIKES:
                    raise StoppedError(
                        f"{MOST_STRIKES} calls in a row ended uncertain; the last one: {outcome.reason}",
                        hint="Insight may have queued them, so they are not sent again; "
                        "find out what is wrong there before you go on",
                    )
            case CampaignBlocked() | NotSent():
                pass
