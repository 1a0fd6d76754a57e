"""The lines of `apply --events`: one form for each type. Programs rely on the names of types and keys."""

from typing import Annotated, Literal

from pydantic import Field

from runner.reports.forms import Form, LateOptOutForm

ABOUT_EVENTS = """
One JSON object on each line, written as it happens. Each has a `type`, the time `at` (UTC Unix seconds; in a
rehearsal its own simulated time) and the name of the `campaign`.

A new file can be read by its owner only. An existing file must hold such lines, and is appended to:
each apply begins with `version` and finishes with `ended`, unless it was killed. With `-` the lines
go to standard output, and all else to standard error. A file that cannot be opened is an error
before anything is queued. Later, a full disk or a slow reader never holds up calls: lines are lost
then, and `events_lost` counts them. Where the campaign file is invalid nothing is written, and the
exit status says so.
"""

# Given as an annotation: the attribute docstrings of a base class do not reach the schemas of its subclasses.
_At = Annotated[int, Field(description="When, in UTC Unix seconds. In a rehearsal, its own simulated time.")]
_CampaignName = Annotated[str, Field(description="The name of the campaign.")]


class EventLine(Form):
    """One line."""

    at: _At
    campaign: _CampaignName


class VersionLine(EventLine):
    """The first line of each apply. A file to which several applies were appended has several."""

    type: Literal["version"]
    format_version: int
    """The version of the lines up to the next `version`."""
    runner: str
    """The version of runner."""


class PlanMadeLine(EventLine):
    """The plan is made and shown. Nothing is queued yet."""

    type: Literal["plan_made"]
    plan_id: str
    summary: dict[str, int]
    """As `summary` of `plan --output json`."""


class RunBeganLine(EventLine):
    """The ledger holds the plan, and calls go out from now on."""

    type: Literal["run_began"]


class CallEndedLine(EventLine):
    """A request to queue a call ended, or was stopped before it was sent."""

    type: Literal["call_ended"]
    contact: str
    """The contact's key, or its ref where the key may tell who it is."""
    ref: str
    state: str
    """Of the call now: `queued`, `refused`, `uncertain`, `skipped`, or `planned` where it is tried again."""
    reason_code: str
    """Why, as a stable code; empty where nothing needs an explanation."""
    reason: str
    """The same in words."""
    call_id: str | None
    """Insight's ID of the call."""
    start_timestamp: int
    """The earliest moment at which Insight dials, in UTC Unix seconds."""


class RoundsPlannedLine(EventLine):
    """Calls of further rounds were added, from the results so far."""

    type: Literal["rounds_planned"]
    calls: int


class CallsJoinedLine(EventLine):
    """Calls to new contacts, or of further rounds, were added: the contacts were read again."""

    type: Literal["calls_joined"]
    calls: int


class RoundsNotPlannedLine(EventLine):
    """Further rounds could not be planned. It is tried again later."""

    type: Literal["rounds_not_planned"]
    problem: str


class CallsMovedLine(EventLine):
    """Late calls got new slots, or were skipped because no time was left in their windows."""

    type: Literal["calls_moved"]
    moved: int
    skipped: int


class CallsWithdrawnLine(EventLine):
    """Calls were skipped because a suppression list now has their contacts."""

    type: Literal["calls_withdrawn"]
    calls: int


class ListUnreadableLine(EventLine):
    """A suppression list cannot be read. Sending is on hold until `lists_read_again`."""

    type: Literal["list_unreadable"]
    problem: str


class ListsReadAgainLine(EventLine):
    """Every suppression list can be read again. Sending continues."""

    type: Literal["lists_read_again"]


class OptedOutTooLateLine(EventLine):
    """A list now has people whose calls Insight has already, and may dial."""

    type: Literal["opted_out_too_late"]
    calls: list[LateOptOutForm]


class BackingOffLine(EventLine):
    """Insight cannot be reached. Nothing was sent."""

    type: Literal["backing_off"]
    problem: str
    seconds: float
    """Until the next try."""


class ClockIsOffLine(EventLine):
    """The clocks of Insight and of this machine differ."""

    type: Literal["clock_is_off"]
    seconds: float
    """Positive when this machine is ahead."""


class WaitingLine(EventLine):
    """Nothing is due before `until`."""

    type: Literal["waiting"]
    until: int
    """UTC Unix seconds."""


class PausedLine(EventLine):
    """The campaign was paused or canceled. Nothing is sent until `resumed`."""

    type: Literal["paused"]
    state: str
    """`paused` or `canceled`."""
    by: str
    since: int
    """UTC Unix seconds."""


class ResumedLine(EventLine):
    """The pause is over."""

    type: Literal["resumed"]


class RunsShareLine(EventLine):
    """So many runs of this account send now, this one included, and share the request rate."""

    type: Literal["runs_share"]
    runs: int


class AnswersUnrecordedLine(EventLine):
    """The ledger was unavailable when the run ended: these calls may have been queued. The next apply marks
    them uncertain, and does not send them again.
    """

    type: Literal["answers_unrecorded"]
    calls: int


class CallsLostLine(EventLine):
    """Another run died while it was sending these calls. They are uncertain now."""

    type: Literal["calls_lost"]
    calls: int


class ResultsLearnedLine(EventLine):
    """Insight was asked how calls ended."""

    type: Literal["results_learned"]
    results: dict[str, int]
    """How many calls have which result."""


class ResultsUnavailableLine(EventLine):
    """Insight gave no result for so many calls since the last such line. It is asked again later."""

    type: Literal["results_unavailable"]
    failure: str
    """`unknown_call`, `not_allowed`, `server_error`, `unreachable` or `unreadable`."""
    calls: int
    problem: str


class EventsLostLine(EventLine):
    """Lines before this one are missing: they could not be written, or not fast enough."""

    type: Literal["events_lost"]
    events: int


EndReason = Literal[
    "done", "idle", "paused", "interrupted", "nothing_to_do", "declined", "guarded", "stopped", "failed"
]


class EndedLine(EventLine):
    """The last line of each apply, unless it was killed."""

    type: Literal["ended"]
    reason: EndReason
    """`done`: every call of the plan was tried or skipped. `idle`: nothing is due soon (`--until-idle`).
    `nothing_to_do`: the plan changes nothing. `declined`: the person who was asked did not agree.
    `guarded`: the plan is beyond a guard. `stopped`: no call could succeed. `failed`: anything else."""
    exit_status: int
    """Of the command."""
    problem: str | None
    """What went wrong, for people."""
    queued: int
    """Calls that this apply queued."""
    states: dict[str, int] | None
    """The campaign's calls by state; null where the ledger could not be asked."""
    next_due: int | None
    """When the next call is due, in UTC Unix seconds."""
    unacknowledged: int | None
    """Refused and uncertain calls that nobody has acknowledged."""


AnyEventLine = (
    VersionLine
    | PlanMadeLine
    | RunBeganLine
    | CallEndedLine
    | RoundsPlannedLine
    | CallsJoinedLine
    | RoundsNotPlannedLine
    | CallsMovedLine
    | CallsWithdrawnLine
    | ListUnreadableLine
    | ListsReadAgainLine
    | OptedOutTooLateLine
    | BackingOffLine
    | ClockIsOffLine
    | WaitingLine
    | PausedLine
    | ResumedLine
    | RunsShareLine
    | AnswersUnrecordedLine
    | CallsLostLine
    | ResultsLearnedLine
    | ResultsUnavailableLine
    | EventsLostLine
    | EndedLine
)
