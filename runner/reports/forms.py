"""What the JSON forms of all outputs share. `schemas/outputs` describes each of them, generated from here."""

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

FORMAT_VERSION = 1
"""Of every form. New keys may come under the same version; programs ignore those that they do not know."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class Form(TypedDict):
    """A JSON object with these keys."""


class DiagnosticForm(Form):
    severity: str
    """`error` or `warning`."""
    code: str
    file: str
    line: int
    col: int
    message: str
    hint: str


class Validation(Form):
    """Every error and warning. The exit status is 3 when there is an error."""

    format_version: int
    diagnostics: list[DiagnosticForm]


class LateOptOutForm(Form):
    """A call that Insight has and may dial, though its contact opted out."""

    contact: str
    ref: str
    state: str
    """Of the call."""
    reason: str
    """Why the contact must not be called."""
    dialled_until: int
    """UTC Unix seconds."""


class RoundForm(Form):
    round: int
    states: dict[str, int]


class AwaitedForm(Form):
    calls: int
    next_ask: int | None
    """When Insight is to be asked next, in UTC Unix seconds; null where the campaign does not ask."""
    oldest: int | None
    """The `end_timestamp` of the call that has waited longest."""


class ProblemForm(Form):
    contact: str
    ref: str
    round: int
    state: str
    """`refused` or `uncertain`."""
    reason_code: str
    reason: str
    at: int
    """When it came into this state, in UTC Unix seconds."""
    sent_at: int
    """When the intent to send was committed."""
    attempt: int
    """How often the call was sent, and may have been."""
    http_status: int | None
    call_id: str | None
    """Of an uncertain call: the one that its contradictory answer held."""
    sender: str
    """The process that sent it."""
    acknowledged: bool


class Status(Form):
    """How far a campaign is. Without CAMPAIGN, a list with one such object for each campaign of the ledger.
    Times are UTC Unix seconds.
    """

    format_version: int
    campaign: str
    states: dict[str, int]
    """Calls of all rounds by state."""
    rounds: list[RoundForm]
    results: dict[str, int]
    """Calls by result: `completed`, `failed`, `canceled`, `rejected`, `unknown`."""
    awaited: AwaitedForm
    """Queued calls whose results are awaited."""
    imported: int
    """Contacts that another tool has queued. No other count includes them."""
    next_due: int | None
    """When the next request is due."""
    holder: str | None
    """The process that applies the campaign now."""
    queued_last_minute: int
    newest_result: int | None
    """When the newest result was learned."""
    late_opt_outs: list[LateOptOutForm]
    """Calls that Insight has and may dial, though their contacts opted out."""
    lists_read: bool
    """Whether the suppression lists were read for this; else the late opt-outs are as the last apply found
    them."""
    unacknowledged: int
    """Refused and uncertain calls that nobody has acknowledged."""
    problems: list[ProblemForm]
    """The newest 100 of these and of the acknowledged ones."""
    state: str
    """`active`, `paused` or `canceled`."""
    state_since: int | None
    state_by: str | None
    warning: str
    """Why the campaign should not be applied with these settings; mostly empty."""


class Refreshed(Form):
    """What asking Insight brought. Without CAMPAIGN, a list with one such object for each campaign."""

    format_version: int
    campaign: str
    asked: int
    """Calls that Insight was asked about."""
    learned: dict[str, int]
    """How many of them have which result."""
    waiting: int
    """Calls without a result yet."""
    responses: int | None
    """Insight's own count of responses to the survey."""


class SuppressionForm(Form):
    number: str | None
    key: str | None
    campaign: str | None
    """Null: for all campaigns of the ledger."""
    since: str
    """RFC 3339, UTC."""
    until: str | None
    """Null: no end."""
    by: str
    reason: str


class Suppressions(Form):
    """The entries of the ledger's suppression list that are in force, oldest first."""

    format_version: int
    entries: list[SuppressionForm]


class PresetCapForm(Form):
    calls: int
    """The most dials of one number …"""
    per_seconds: int | None
    """… in so many seconds; null: in the whole campaign."""


class PresetHolidaysForm(Form):
    country: str
    subdivision: str | None
    hours: list[tuple[int, int]]
    """Minutes from midnight, in place of those of the weekday; empty where nobody is called."""


class PresetForm(Form):
    name: str
    title: str
    version: int
    covers: list[str]
    """The states for which it holds; empty for all."""
    weekly: list[list[tuple[int, int]]] | None
    """Seven days, Monday first; each window as start and end in minutes from midnight."""
    holidays: PresetHolidaysForm | None
    caps: list[PresetCapForm]
    by_state: list[str]
    """The presets of which it takes that of each contact's state."""
    purpose: list[str]
    voice: list[str]
    source: str
    checked: str
    """The date on which the source was read."""
    confidence: str
    note: str
    file: str | None
    """The file of a preset from RUNNER_RULES; null for one that ships with runner."""


class Presets(Form):
    """The rule presets, or the one that was named."""

    format_version: int
    notice: str
    presets: list[PresetForm]


class HistoryEntry(Form):
    at: int
    """When, in UTC Unix seconds."""
    kind: str
    """`change` of a call's state; `evidence`: something was said of a call and was not simply applied;
    `import`: another tool has queued the contact; `act` of a person on the whole campaign."""
    contact: str | None
    """The contact's key, or its ref where the key may tell who it is."""
    ref: str | None
    round: int | None
    """Of the call."""
    before: str | None
    """Of a change: the state before; null where the call is new."""
    after: str | None
    source: str | None
    """Of evidence: where it came from, such as `callback`."""
    status: str | None
    """Of evidence: how it says that the call ended."""
    act: str | None
    """Of an act: what was done, such as `pause`."""
    reason_code: str
    """Why, as a stable code; empty where nothing needs an explanation."""
    reason_values: dict[str, str]
    """What belongs to the code, such as `error` in Insight's words."""
    reason: str
    """The same in words."""
    detail: str
    """What an act was about; of evidence that cannot be read, its beginning, with --show-contacts."""
    dials: int | None
    """Of a result: how often Insight dialled."""
    last_dial: int | None
    """UTC Unix seconds."""
    by: str
    """The process or person."""


class History(Form):
    """Everything that happened to a campaign, oldest first. Each entry is on a line of its own, and a long
    history is written while it is read.
    """

    format_version: int
    campaign: str
    as_of: str
    """RFC 3339, UTC."""
    entries: list[HistoryEntry]


class DoctorCheck(Form):
    check: str
    """`ledger`, `time_zones`, `rules`, `credentials` or `insight`."""
    ok: bool
    finding: str
    hint: str
    """What to do about a problem."""


class Doctor(Form):
    """What a campaign depends on, on this machine. The exit status is 1 when a check found a problem."""

    format_version: int
    python: str
    """Its version."""
    packages: dict[str, str]
    """The versions of the packages that plans and calls depend on."""
    ok: bool
    checks: list[DoctorCheck]
