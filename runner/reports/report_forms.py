"""The forms of `report --output json` and `export --output json`."""

from runner.reports.forms import Form


class EligibilityForm(Form):
    value: float
    estimated: bool
    """From the calls; else the campaign file declares it."""


class DispositionForm(Form):
    code: str
    """AAPOR's code."""
    disposition: str
    group: str
    """The letters of AAPOR's formulas."""
    contacts: int


class WordForm(Form):
    word: str
    """Insight's, or runner's own for what Insight does not say."""
    code: str
    """The AAPOR code that it leads to."""
    calls: int
    meaning: str


class RateForm(Form):
    name: str
    """`RR1` …"""
    family: str
    formula: str
    numerator: float
    denominator: float
    value: float | None
    """Null where the denominator is 0."""


class HourForm(Form):
    hour: int
    """Of the contacts' own time."""
    tried: int
    answered: int
    rate: float | None
    low: float | None
    """The 95% interval."""
    high: float | None


class WeekdayForm(Form):
    weekday: str
    tried: int
    answered: int
    rate: float | None
    low: float | None
    high: float | None


class WeekdayAndHourForm(Form):
    weekday: str
    hour: int
    tried: int
    answered: int
    rate: float | None
    low: float | None
    high: float | None


class RoundRateForm(Form):
    round: int
    tried: int
    answered: int
    rate: float | None
    low: float | None
    high: float | None


class ZoneRateForm(Form):
    zone: str
    """IANA names, with spaces between them."""
    tried: int
    answered: int
    rate: float | None
    low: float | None
    high: float | None


class ContactRatesForm(Form):
    hour: list[HourForm]
    weekday: list[WeekdayForm]
    weekday_and_hour: list[WeekdayAndHourForm]
    round: list[RoundRateForm]
    zone: list[ZoneRateForm]
    dials_without_time: int
    """Dials that are in none of these, because Insight did not say when they were."""


class AttemptsForm(Form):
    attempts: int
    contacts: int


class LagForm(Form):
    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None


class SurveyReportForm(Form):
    rows: int
    unmatched: int
    """Rows that belong to no call."""
    unreadable: int


class NeedsPersonForm(Form):
    refused: int
    uncertain: int
    late_opt_outs: int


class ReportForm(Form):
    """AAPOR's outcome rates, and when people answer. Figures are complete and not rounded."""

    format_version: int
    campaign: str
    as_of: str
    """RFC 3339, UTC."""
    contacts: int
    calls: int
    calls_without_result: int
    edition: str
    """Of AAPOR's Standard Definitions."""
    completes_from: str
    """What says that a survey is complete."""
    partials: str
    """How partial interviews count: `respondents` or `nonrespondents`."""
    e: EligibilityForm
    """The share of contacts of unknown eligibility that is taken to be eligible."""
    dispositions: list[DispositionForm]
    words: list[WordForm]
    rates: list[RateForm]
    contact_rates: ContactRatesForm
    attempts_until_answered: list[AttemptsForm]
    lag_minutes: LagForm
    """From the start of a call to its first dial."""
    survey_report: SurveyReportForm | None
    """Null where the campaign declares no `report_id`."""
    needs_person: NeedsPersonForm
    definitions: dict[str, str]
    """What is counted as what, by name."""


class ExportedCall(Form):
    contact: str
    """The contact's key, or its ref where the key may tell who it is."""
    ref: str
    round: int
    """0 for an imported contact."""
    state: str
    aapor: str
    """AAPOR's code of the disposition."""
    call_id: str | None
    queue_at: str | None
    """Times are RFC 3339, UTC."""
    start: str | None
    end: str | None
    first_dial: str | None
    last_attempt: str | None
    attempts: int | None
    zone: str
    """IANA names, with spaces between them."""
    reason: str
    reason_code: str
    result: str | None
    """In Insight's words; `unknown` when none came in time."""
    disposition: str
    group: str
    """The letters of AAPOR's formulas."""
    survey: str | None
    """What the survey's saved report says: `complete` or `partial`."""
    dials: list[str]
    """Every dial whose time is known."""
    phone: str


class CallsExport(Form):
    """One row for each call, each on a line of its own."""

    format_version: int
    campaign: str
    as_of: str
    """RFC 3339, UTC."""
    edition: str
    """Of AAPOR's Standard Definitions."""
    by: str
    calls: list[ExportedCall]


class ExportedContact(Form):
    contact: str
    """The contact's key, or its ref where the key may tell who it is."""
    ref: str
    rounds: int
    """0 for an imported contact."""
    state: str
    aapor: str
    """AAPOR's code of the disposition."""
    call_id: str | None
    """Of the call that decides the disposition, as the columns that describe one call."""
    first_dial: str | None
    """Times are RFC 3339, UTC."""
    last_attempt: str | None
    attempts: int
    attempts_until_answered: int | None
    zone: str
    reason: str
    reason_code: str
    result: str | None
    disposition: str
    group: str
    survey: str | None
    phone: str


class ContactsExport(Form):
    """One row for each contact, each on a line of its own."""

    format_version: int
    campaign: str
    as_of: str
    """RFC 3339, UTC."""
    edition: str
    by: str
    contacts: list[ExportedContact]
