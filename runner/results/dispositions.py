"""From how a call ended to its code in AAPOR's Standard Definitions. Pure.

The codes are those of telephone surveys, at the depth that Insight's words can support. Insight says
`completed` when a call connected and ended: an interview, a hang-up and a voicemail look the same. It says
`failed` when no dial connected: busy, no answer and a number out of service look the same. Only the survey's
own report says who completed the interview. No source says who refused, so nobody is coded as a refusal
(2.11), and no number as out of service (4.3).
"""

from enum import StrEnum
from typing import NamedTuple

from runner.calls import CallState, ResultStatus
from runner.ledger.result_rows import CallRow

EDITION = "AAPOR Standard Definitions, 10th edition (2023)"


class Group(StrEnum):
    """The groups of final dispositions that the outcome rates are made of."""

    COMPLETE = "I"
    PARTIAL = "P"
    REFUSAL = "R"
    """Refusals and break-offs."""
    NON_CONTACT = "NC"
    OTHER = "O"
    UNKNOWN_HOUSEHOLD = "UH"
    """Unknown whether the number reaches anybody."""
    UNKNOWN_OTHER = "UO"
    NOT_ELIGIBLE = "NE"


class Disposition(StrEnum):
    """The codes that runner gives."""

    COMPLETE = "1.1"
    PARTIAL = "1.2"
    BREAK_OFF = "2.12"
    NOT_REACHED = "3.10"
    """Dialled; nobody answered, or the number is busy or out of service."""
    NOT_WORKED = "3.11"
    """Not attempted."""
    UNKNOWN = "3.90"
    """May have been dialled; what came of it is not known."""

    @property
    def group(self) -> Group:
        return _GROUPS[self]

    @property
    def precedence(self) -> int:
        """The final disposition of a contact is that of its call with the highest precedence."""
        return _PRECEDENCE[self]


_GROUPS = {
    Disposition.COMPLETE: Group.COMPLETE,
    Disposition.PARTIAL: Group.PARTIAL,
    Disposition.BREAK_OFF: Group.REFUSAL,
    Disposition.NOT_REACHED: Group.UNKNOWN_HOUSEHOLD,
    Disposition.NOT_WORKED: Group.UNKNOWN_HOUSEHOLD,
    Disposition.UNKNOWN: Group.UNKNOWN_OTHER,
}
_PRECEDENCE = {
    Disposition.COMPLETE: 4,
    Disposition.PARTIAL: 3,
    Disposition.BREAK_OFF: 2,
    Disposition.UNKNOWN: 1,
    Disposition.NOT_REACHED: 1,
    Disposition.NOT_WORKED: 0,
}


class CompletesFrom(StrEnum):
    """What says that somebody completed the survey."""

    INSIGHT = "insight"
    """Insight's word `completed`: everybody who answered counts."""
    REPORT = "report"
    """The survey's saved report."""


class Answer(StrEnum):
    """What the survey's saved report says of a call."""

    COMPLETE = "complete"
    PARTIAL = "partial"


class CodingRules(NamedTuple):
    """How a campaign declares that its calls are coded."""

    completes_from: CompletesFrom = CompletesFrom.INSIGHT
    partials_respond: bool = False
    """Whether a partial interview counts as a response (1.2), and not as a break-off (2.12)."""
    eligibility: float | None = None
    """The share of contacts of unknown eligibility that is eligible; None to estimate it."""


_BY_RESULT = {
    ResultStatus.FAILED: Disposition.NOT_REACHED,
    ResultStatus.REJECTED: Disposition.UNKNOWN,
    ResultStatus.UNKNOWN: Disposition.UNKNOWN,
}
_NOT_SENT = frozenset({CallState.PLANNED, CallState.REFUSED, CallState.SKIPPED})


def disposition(call: CallRow, answer: Answer | None, rules: CodingRules) -> Disposition:
    """`answer` is that of the survey's report; None where it has no visit of this call."""
    if answer is Answer.COMPLETE:
        return Disposition.COMPLETE
    if answer is Answer.PARTIAL:
        return Disposition.PARTIAL if rules.partials_respond else Disposition.BREAK_OFF
    if call.result is ResultStatus.COMPLETED:
        from_insight = rules.completes_from is CompletesFrom.INSIGHT
        return Disposition.COMPLETE if from_insight else Disposition.UNKNOWN
    if call.result is ResultStatus.CANCELED:
        return Disposition.NOT_REACHED if call.attempts else Disposition.NOT_WORKED
    if call.result is not None:
        return _BY_RESULT[call.result]
    return Disposition.NOT_WORKED if call.state in _NOT_SENT else Disposition.UNKNOWN
