"""What the JSON API of `serve` takes and answers, besides the outputs that commands have too."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

from runner.calls import CallState
from runner.reports.forms import DiagnosticForm, Form, LateOptOutForm, Status
from runner.reports.plan_forms import SummaryForm

_LONGEST = 500
_Text = Annotated[str, Field(max_length=_LONGEST)]
_Number = Annotated[
    str, Field(max_length=_LONGEST, description="With + and its country code, or with `region`.")
]
_Key = Annotated[str, Field(max_length=_LONGEST, description="The contact's key.")]
_Region = Annotated[
    str,
    Field(max_length=_LONGEST, description="The country of a number without +, in two letters, such as US."),
]
_Campaign = Annotated[
    str,
    Field(
        max_length=_LONGEST,
        description="The name of a campaign that the ledger knows; without it, all campaigns.",
    ),
]


@with_config(ConfigDict(use_attribute_docstrings=True, extra="forbid", strict=True))
class Request(TypedDict):
    """A JSON object with these keys and no others."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Query(TypedDict):
    """What may be asked for in an address."""


class CallsQuery(Query):
    state: NotRequired[Annotated[CallState, WithJsonSchema({"type": "string", "enum": [*CallState]})]]
    """Only calls in this state."""
    after: NotRequired[Annotated[int, Field(ge=0, lt=2**63)]]
    """That of `next` of the page before."""
    limit: NotRequired[Annotated[int, Field(ge=1, le=1000)]]
    """The most calls of a page; 100 unless given."""


class SuppressionsQuery(Query):
    campaign: NotRequired[_Text]
    """Only entries that concern this campaign."""


class CallForm(Form):
    """A call as it is now. Times are UTC Unix seconds."""

    contact: str
    """Its key; the ref, where the key may show who somebody is."""
    ref: str
    round: int
    state: str
    since: int
    """When it came into this state, or was changed last."""
    reason_code: str
    reason: str
    attempt: int
    """How often it was sent, and may have been."""
    call_id: str | None
    queue_at: int
    """When its request is due, or was."""
    start: int
    end: int
    zones: list[str]


class CallsForm(Form):
    """One page of the calls of a campaign, in the order of their keys. A call keeps its place."""

    format_version: int
    campaign: str
    calls: list[CallForm]
    next: int | None
    """What to ask for as `after`; null on the last page."""


class NothingRequest(Request):
    """An empty object."""


class ServeProblemForm(Form):
    message: str
    hint: str
    """What to do."""
    diagnostics: list[DiagnosticForm]
    """The errors and warnings of a file that has errors."""


class ApprovalForm(Form):
    by: str
    at: int
    """UTC Unix seconds."""


class ServeForm(Form):
    """What `serve` does with a campaign file. Times are UTC Unix seconds."""

    status: str
    """`planning`, `waiting_for_approval`, `running`, `finished`, `broken` …"""
    since: int
    problem: ServeProblemForm | None
    """Why the campaign is not carried out."""
    content: str
    """A hash of the campaign file with the one that it extends: what is approved."""
    approved: ApprovalForm | None
    """The approval of this content."""
    planned_at: int | None
    plan: SummaryForm | None
    """The newest plan, in numbers."""


class CampaignEntryForm(Form):
    campaign: str
    """Its name; the path of a file that never named one."""
    state: str
    """`active`, `paused` or `canceled`: what operators allow."""
    states: dict[str, int]
    """Calls by state, of all rounds."""
    awaited: int
    """Queued calls whose results are awaited."""
    unacknowledged: int
    """Refused and uncertain calls that nobody has acknowledged."""
    next_due: int | None
    """When the next request is due, in UTC Unix seconds."""
    serve: ServeForm | None
    """Null for a campaign that the ledger knows and this `serve` does not carry out."""


class CampaignsForm(Form):
    """Every campaign that this `serve` carries out or the ledger knows, by name."""

    format_version: int
    campaigns: list[CampaignEntryForm]


class CampaignForm(Form):
    format_version: int
    campaign: str
    status: Status | None
    """As `runner status CAMPAIGN --output json`; null before the first run."""
    serve: ServeForm | None


class DoneForm(Form):
    """What an act did. It may be repeated: what was done already is not done again."""

    format_version: int
    done: list[str]
    warnings: list[str]
    """What somebody may have to do now."""


class ApproveRequest(Request):
    content: _Text
    """That of the campaign's `serve`: exactly what was reviewed is approved."""


class CancelRequest(Request):
    confirm: _Text
    """The name of the campaign."""
    pending_at_insight: NotRequired[bool]
    """Also cancel EVERY call waiting in the survey's instance at Insight, others' calls included."""


class RetryRequest(Request):
    contact: NotRequired[_Text]
    """By key or ref."""
    all: NotRequired[bool]
    """In place of one contact: every refused call."""


class SeenCall(Request):
    """A call as it was seen in the campaign's `calls`, or in the `problems` of its `status`: where it was
    sent again since, nothing is done.
    """

    contact: _Text
    """By key or ref."""
    round: Annotated[int, Field(ge=1, lt=2**31)]
    """A later round is another call."""
    attempt: int
    """How often it was sent."""


class ResolveRequest(Request):
    """Decides on all of these calls or on none, so that a request may be repeated."""

    calls: Annotated[list[SeenCall], Field(min_length=1, max_length=500)]
    resolution: Literal["queued", "not-queued", "abandoned", "completed", "failed"]
    """What was found out at Insight. `not-queued`: the call is sent again."""
    call_id: NotRequired[_Text]
    """Of one call that Insight queued, where it is known."""


class TargetRequest(Request):
    """One person, by `number` or by `key`."""

    number: NotRequired[_Number]
    key: NotRequired[_Key]
    region: NotRequired[_Region]
    campaign: NotRequired[_Campaign]


class SuppressRequest(TargetRequest):
    """One person who is not called any more, by `number` or by `key`."""

    until: NotRequired[_Text]
    """The last day, such as 2026-12-31; without it, there is no end."""
    reason: NotRequired[_Text]
    """Plans and the history show it: name nobody in it."""


class LateCallsForm(Form):
    campaign: str
    calls: list[LateOptOutForm]


class SuppressedForm(Form):
    """The person is suppressed, also where it was so before: a request may be repeated."""

    format_version: int
    target: str
    """The number, masked, or the key."""
    kind: Literal["number", "key"]
    campaign: str | None
    is_new: bool
    withdrawn: dict[str, int]
    """For each campaign, how many calls were planned for this very number or key: they are not sent."""
    late: list[LateCallsForm]
    """Calls that Insight has already and may still dial."""


class UnsuppressedForm(Form):
    format_version: int
    target: str
    kind: Literal["number", "key"]
    campaign: str | None
    removed: int
    """How many entries are no longer in force; 0 where there was none."""
    left: int
    """How many others still name this person."""


class ProblemDetails(Form):
    """Why a request was not done, as RFC 9457 says."""

    title: str
    status: int
    detail: str
    hint: str
    """What to do; may be empty."""
