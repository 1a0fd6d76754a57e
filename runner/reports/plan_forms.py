"""The form of `plan --output json`, and of saved plans."""

from typing import NotRequired

from runner.reports.forms import DiagnosticForm, Form

_Windows = list[tuple[int, int]]
"""Minutes from the local midnight with which the day begins, as (start, end)."""
_Week = list[_Windows]


class HoursForm(Form):
    timezone: str
    """`contact`, or the IANA name that holds for all."""
    weekly: _Week
    """Seven days, Monday first; each window as start and end in minutes from midnight."""
    calls_per_minute: int
    """The pace that the plan used."""


class VersionsForm(Form):
    tzdata: str
    phonenumbers: str
    holidays: str
    rules: str
    """Of each rule preset; empty without rules."""


class SourceForm(Form):
    place: str
    """Where the campaign file names it: `sources[0]`."""
    name: str
    type: str
    rows: int
    digest: str
    """A keyed hash of its content; empty for rows in the campaign file."""


class CapForm(Form):
    calls: int
    """The most dials of one number …"""
    per_seconds: int | None
    """… in so many seconds; null: in the whole campaign."""
    name: str
    """The rule set that sets it."""


class HolidaysForm(Form):
    country: str
    """ISO 3166."""
    subdivision: str | None
    states: list[str]
    hours: _Windows
    """Minutes from midnight, in place of those of the weekday; empty where nobody is called."""


class CutForm(Form):
    days: list[int]
    """Monday is 0."""
    start: int
    """Of the declared window, in minutes from midnight."""
    end: int
    left: _Windows
    """What the preset leaves of the window."""


class RuleForm(Form):
    name: str
    title: str
    version: int
    states: list[str]
    """It applies to contacts who may be in one of them; empty for all contacts."""
    weekly: _Week | None
    """The hours that it allows; null where it says nothing about them."""
    holidays: HolidaysForm | None
    caps: list[CapForm]
    cuts: list[CutForm]
    """What it closes of the declared windows."""
    purpose: list[str]
    voice: list[str]
    source: str
    checked: str
    confidence: str


class RulesForm(Form):
    notice: str
    presets: list[RuleForm]


class CallForm(Form):
    contact: str
    ref: str
    round: int
    phone: str
    timezones: list[str]
    queue_at: int
    """When the request is due, in UTC Unix seconds."""
    start_timestamp: int
    """The earliest moment at which Insight dials, in UTC Unix seconds."""
    end_timestamp: int
    """After it Insight does not dial, in UTC Unix seconds."""
    max_attempts: int
    reattempt_wait: int | None
    """Seconds."""
    attempts_that_fit: int
    """How many of the attempts fit before `end_timestamp`."""
    phone_number: str
    """As it is sent to Insight."""
    metadata: dict[str, str]
    result_url: NotRequired[str]
    change: str
    """`new`, `moved`, `changed` or `unchanged`, compared with the ledger."""
    reason: str
    """Why, as a code: `first_call`, `fields_changed` …"""
    changed: list[str]
    """The fields that changed, by their names in the campaign file."""
    start_before: int | None
    """The start that the ledger has."""
    source: str
    row: int
    fingerprint: NotRequired[str]
    """In a saved plan."""


class ExclusionForm(Form):
    contact: str
    """Empty where the row gave no key."""
    ref: str
    reason: str
    """The reason code."""
    source: str
    row: int
    detail: str
    cause: str
    """What exactly led to the reason, as a code; mostly empty."""


class WithdrawalForm(Form):
    contact: str
    ref: str
    round: int
    reason: str | None
    """The reason code; null where no row of the sources is this contact."""
    detail: str
    start_timestamp: int
    timezones: list[str]


class SuppressedWarningForm(Form):
    code: str
    reason: str
    """As `silence` of the campaign file gives it."""


class SummaryForm(Form):
    rows: int
    """planned + excluded + already_queued + refused + no_window"""
    planned: int
    """new + moved + changed + unchanged"""
    excluded: int
    already_queued: int
    uncertain: int
    """Of those already queued."""
    new: int
    moved: int
    changed: int
    unchanged: int
    withdrawn: int
    no_window: int
    refused: int
    further_calls: int
    """The most calls that may follow in further rounds."""


class InputsForm(Form):
    campaign_file: str
    key: str
    """Fingerprint of the privacy key."""
    sections: dict[str, str]
    """Fingerprint of each top-level key of the campaign file."""
    files: dict[str, str]
    """Fingerprint of each further file."""
    read_at: dict[str, int]
    """When each source and list over a connection was read, in UTC Unix seconds, by its place."""
    ledger_revision: str
    ledger_knew: bool
    limit: int | None
    variables: dict[str, str]


class PlanForm(Form):
    """The plan, masked. `plan -o FILE` saves the same with the fingerprint of what it was made from, and a
    signature: `apply` takes it unedited.
    """

    format_version: int
    plan_id: str
    campaign: str
    survey_id: str
    instance_id: str
    as_of: str
    """RFC 3339, UTC."""
    summary: SummaryForm
    rounds: int
    """In how many windows the campaign may try a contact."""
    hours: HoursForm
    """The calling hours as declared."""
    versions: VersionsForm
    """Of the data that decide times and numbers."""
    sources: list[SourceForm]
    """Sources, then suppression lists."""
    metadatabase: NotRequired[str]
    calls_per_day: NotRequired[int]
    """The most that the policy allows, over all campaigns."""
    variables: NotRequired[dict[str, str]]
    """What `--var` gave."""
    rules: NotRequired[RulesForm]
    inputs: NotRequired[InputsForm]
    """In a saved plan: fingerprints of what it was made from."""
    calls: list[CallForm]
    exclusions: list[ExclusionForm]
    """Rows that get no call."""
    withdrawals: list[WithdrawalForm]
    """Planned calls of the ledger that the plan withdraws."""
    diagnostics: list[DiagnosticForm]
    suppressed_warnings: list[SuppressedWarningForm]
    """Warnings that `silence` leaves out."""
    signature: NotRequired[str]
    """In a saved plan."""
