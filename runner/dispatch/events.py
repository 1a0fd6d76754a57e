"""What happens while a campaign is applied, as values. Reports write the sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runner.calls import CallState, StateReason
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.operators import PauseInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """The ledger holds the plan, and calls go out from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSent:
    """A request that left."""

    lag: float
    """Seconds from when it was due until it left."""
    status: int | None
    """The HTTP status of its answer; None where no whole answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """One attempt ended. `start_timestamp` is UTC Unix seconds."""

    key: str
    ref: str
    state: CallState
    reason: StateReason
    call_id: str | None
    start_timestamp: int
    request: RequestSent | None = None
    """None where nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsPlanned:
    """Calls of further rounds were added to the run, after results came in."""

    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsJoined:
    """Calls to new contacts, or of further rounds, were added to the run: its contacts were read again."""

    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsNotPlanned:
    """Further rounds could not be planned; it is tried again later."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsMoved:
    """Calls that were late got new slots; those for which none was left were skipped."""

    moved: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsWithdrawn:
    """Calls were skipped because a suppression list now names their contacts."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUnreadable:
    """A suppression list cannot be read; sending is on hold until it can."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsReadAgain:
    """All suppression lists can be read again; sending goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOutTooLate:
    """A list now names people whose calls Insight has, and may dial."""

    found: Sequence[LateOptOut]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOff:
    """Insight cannot be reached; nothing was sent. The next try is in `seconds`."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockIsOff:
    """Insight's clock and ours differ by `seconds`; positive when ours is ahead."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing is due before `until` (UTC Unix seconds)."""

    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """An operator paused the campaign; nothing is sent until an operator resumes it, and the run waits."""

    pause_info: PauseInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The pause that the run reported is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsShare:
    """`runs` runs send from the ledger now, this one included: they share the request rate."""

    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersUnrecorded:
    """The ledger was unavailable when the run ended: the answers to these requests could not be recorded."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsLost:
    """Another run died while it was sending `count` calls, which are uncertain now."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsLearned:
    """Insight was asked how calls ended: how many had which status."""

    counts: Mapping[str, int]


class AskFailure(StrEnum):
    """Why asking about a call brought nothing."""

    UNKNOWN_CALL = "unknown_call"
    """404: Insight does not know the call_id."""
    NOT_ALLOWED = "not_allowed"
    """401, 403 and other statuses that no call can change."""
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsUnavailable:
    """Insight gave no result for so many calls since the last such event."""

    failure: AskFailure
    calls: int
    problem: str
    """What Insight or the connection said at last."""


Event = (
    RunBegan
    | CallEnded
    | RoundsPlanned
    | CallsJoined
    | RoundsNotPlanned
    | CallsMoved
    | CallsWithdrawn
    | ListUnreadable
    | ListsReadAgain
    | OptedOutTooLate
    | BackingOff
    | ClockIsOff
    | Waiting
    | Paused
    | Resumed
    | RunsShare
    | AnswersUnrecorded
    | CallsLost
    | ResultsLearned
    | ResultsUnavailable
)


class RunEnd(StrEnum):
    """Why an apply came to its end."""

    DONE = "done"
    """Every call of the plan was tried or skipped."""
    IDLE = "idle"
    """Nothing is due soon, and the user did not want to wait."""
    PAUSED = "paused"
    """An operator paused the campaign, and the user did not want to wait."""
    INTERRUPTED = "interrupted"
    """A person or the system asked it to stop; what was under way was finished."""
