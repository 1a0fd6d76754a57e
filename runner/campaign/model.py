"""The campaign file as typed values: what may be written, what it means, and its defaults.

Pure: nothing here reads a file or a clock. The JSON Schema (`schemas/campaign.schema.json`) is generated
from these models, so every description below is what an editor shows for the key.

A value that breaks a rule raises `PydanticCustomError` with a stable code; `runner.campaign.loader` turns
each into a diagnostic at the line and column of the value.
"""

from datetime import date
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from runner.campaign import hours
from runner.campaign.rules.contact_limits import ContactLimits
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.source_models import Sources, Suppressions
from runner.campaign.template_syntax import is_meant_as_template
from runner.campaign.templates import compile_template
from runner.campaign.values import (
    Condition,
    ConnectionName,
    Constant,
    Country,
    CountryTemplate,
    Declared,
    Duration,
    Identifier,
    KeysTemplate,
    LocalDate,
    Metadatabase,
    MetadataName,
    Name,
    Percentage,
    PhoneTemplate,
    PollInterval,
    RuleName,
    Share,
    Template,
    Templates,
    UrlTemplate,
    Weekly,
    Written,
    ZoneTemplate,
    at_least,
    known_zone,
)
from runner.campaign.warning_codes import Silence

MIN_REATTEMPT_WAIT = 60
MAX_REATTEMPT_WAIT = 24 * 3600
"""Seconds. Insight documents no range; its sister product Fuse says 60 to 86,400, so we stay inside it."""

MIN_ROUND_GAP = 3600
MIN_RELOAD = 60
"""Seconds."""

RetriedResult = Literal["failed", "canceled", "rejected", "unknown"]
_RETRIED_BY_DEFAULT: tuple[RetriedResult, ...] = ("failed",)

CONTACT: Final = "contact"
"""The value of `calling_windows.timezone` that means each contact's own zones."""
_EXCLUDE: Final = "exclude"
"""The value that excludes rows instead of choosing something for them."""

SHORTEST_SLOT = 300
"""Seconds required between `start_timestamp` and `end_timestamp`."""


class Survey(Declared):
    """Which Insight survey calls people."""

    survey_id: Identifier = Field(description="Insight's ID of the survey, in quotes.", examples=["48211"])
    instance_id: Identifier = Field(
        description="The ID of the survey's instance (deployment), in quotes.", examples=["3"]
    )


class Contacts(Declared):
    """Who is called."""

    sources: Sources = Field(
        min_length=1,
        description="The files or rows to read, in this order.",
        examples=[[{"type": "csv", "path": "contacts/visits.csv"}]],
    )
    phone: Templates = Field(
        description="The number to call, in any common spelling. Of several templates, the first number that "
        "may be called is taken; suppression lists are checked for all of them.",
        examples=["{{ row['Phone Number'] }}"],
    )
    several_numbers: Literal["exclude", "first"] = Field(
        _EXCLUDE,
        description="How a cell with several numbers is read: `exclude` takes none of them, `first` takes "
        "the first that may be called.",
        examples=["first"],
    )
    countries: list[Country] | None = Field(
        None,
        min_length=1,
        description="Only numbers of these countries are called. Default: any country.",
        examples=[["US", "PR"]],
    )
    premium_rate: bool = Field(
        default=False,
        description="Whether numbers with a special tariff (premium rate, shared cost) are called.",
        examples=[True],
    )
    key: Template | None = Field(
        None,
        description="Identifies the contact: unique and stable. Default: the number in E.164 form.",
        examples=["{{ row.visit_id }}"],
    )
    region: CountryTemplate | None = Field(
        None,
        description="The country (ISO 3166, such as US) of numbers written without a country code. For "
        "suppression lists and caller_id it counts only if it is the same for every row.",
        examples=["US"],
    )
    timezone: ZoneTemplate | None = Field(
        None,
        description="The contact's IANA time zone. Without a value: all zones of the number, narrowed by "
        "postal_code and state.",
        examples=["{{ row.tz }}"],
    )
    postal_code: Template | None = Field(
        None,
        description="ZIP code or Canadian postal code: narrows the zones of the number. Where both name "
        "different zones, a call must be inside a window in all of them.",
        examples=["{{ row.zip }}"],
    )
    state: Template | None = Field(
        None,
        description="US state or Canadian province, as a code or an English name: narrows the zones of the "
        "number, and decides which rules of states apply.",
        examples=["{{ row.state }}"],
    )
    unknown_timezone: Annotated[str, Written("time zone, or `exclude`")] = Field(
        _EXCLUDE,
        description="The IANA zone where neither the row nor the number says where the contact is, as with a "
        "toll-free number; or `exclude`.",
        examples=["America/New_York"],
    )
    where: Condition | None = Field(
        None,
        description="Calls only rows for which this is true, yes, y, 1, on, t or a number other than 0.",
        examples=["{{ row.consent == 'Y' }}"],
    )
    priority: Template | None = Field(
        None, description="A number; higher is called first.", examples=["{{ row.risk | int }}"]
    )
    not_before: Template | None = Field(
        None,
        description="No call before this local date (2026-12-01) or RFC 3339 instant.",
        examples=["{{ row.visit_date | add_days(2) }}"],
    )
    not_after: Template | None = Field(
        None,
        description="No call after this local date (inclusive) or RFC 3339 instant.",
        examples=["{{ row.visit_date | add_days(14) }}"],
    )
    suppress: Suppressions = Field(
        default_factory=list,
        description="Lists of people who are never called.",
        examples=[[{"type": "csv", "path": "do-not-call.csv", "phone": "{{ row.phone }}"}]],
    )

    @field_validator("unknown_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value, also=_EXCLUDE)

    @property
    def gives_several_numbers(self) -> bool:
        """Whether a contact may have numbers that are not called."""
        lists = (self.phone, *(source.phone or () for source in self.sources))
        return self.several_numbers == "first" or any(len(templates) > 1 for templates in lists)

    @property
    def common_region(self) -> str | None:
        """The region where it is the same for every row."""
        return None if self.region is None or not compile_template(self.region).is_constant else self.region

    @property
    def default_zone(self) -> str | None:
        """The zone of contacts of whom nothing says where they are; None if they are excluded."""
        return None if self.unknown_timezone == _EXCLUDE else self.unknown_timezone


class CampaignDates(Declared):
    """The first and last local date of the campaign, both inclusive; either may be left out."""

    from_: LocalDate | None = Field(
        None, alias="from", description="Default: today.", examples=["2026-12-01"]
    )
    to: LocalDate | None = Field(None, description="Default: 30 days later.", examples=["2026-12-14"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise PydanticCustomError(
                "bad_dates",
                "the first date, {first}, is after the last, {last}",
                {"first": self.from_, "last": self.to},
            )
        return self


class DateRange(CampaignDates):
    """Local dates, both inclusive."""

    from_: LocalDate = Field(alias="from", description="The first date.", examples=["2026-12-24"])
    to: LocalDate = Field(description="The last date.", examples=["2026-12-26"])


class Holidays(Declared):
    """Public holidays on which nobody is called."""

    country: Country = Field(description="ISO 3166 country, such as US.", examples=["US"])
    subdivision: str | None = Field(
        None, min_length=1, description="State or province, such as MA.", examples=["MA"]
    )


class CallingWindows(Declared):
    """When people may be called, in local time. A call is only made inside a window in every zone of the
    contact.
    """

    timezone: str = Field(
        CONTACT,
        description="`contact` (each contact's own) or one IANA name for all.",
        examples=["contact"],
    )
    dates: CampaignDates = Field(default_factory=CampaignDates)  # type: ignore[arg-type]
    weekly: Weekly = Field(
        description="Local hours by day: `mon`, `mon-fri`, `sat,sun` or `daily`; `closed` for no calls.",
        examples=[{"mon-fri": "17:15-20:30", "sat": ["10:15-12:30", "13:15-16:00"]}],
    )
    holidays: Holidays | None = Field(None, description="No calls on the public holidays of this place.")
    blackout: list[LocalDate | DateRange] = Field(
        default_factory=list,
        description="Local dates on which nobody is called.",
        examples=[["2026-12-05", {"from": "2026-12-24", "to": "2026-12-26"}]],
    )
    close_margin: Duration = Field(
        300, description="The last moment to dial is this long before a window closes.", examples=["10m"]
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if is_meant_as_template(value):
            raise PydanticCustomError(
                "bad_zone",
                "one zone is needed here, not a template",
                {"hint": "write `timezone: contact` here, and the template as contacts.timezone"},
            )
        return known_zone(value, also=CONTACT)

    @model_validator(mode="after")
    def _opens_on_some_date(self) -> Self:
        if self.dates.from_ is None or self.dates.to is None:
            return self
        days = hours.weekdays_left(
            date.fromisoformat(self.dates.from_), date.fromisoformat(self.dates.to), self.closed_ranges
        )
        if not any(self.weekly_hours[day] for day in days):
            raise PydanticCustomError(
                "never_opens",
                "no day between these dates is open outside `blackout`, so nobody could be called",
                {"loc": ("dates",), "hint": "widen `dates`, or open one of their weekdays"},
            )
        return self

    @model_validator(mode="after")
    def _opens_long_enough(self) -> Self:
        longest = hours.Stretches(self.weekly_hours).longest() * 60
        if longest < self.close_margin + SHORTEST_SLOT:
            raise PydanticCustomError(
                "never_opens",
                "every window is shorter than close_margin plus the 5 minutes that a call needs",
                {
                    "loc": ("close_margin",) if "close_margin" in self.model_fields_set else ("weekly",),
                    "hint": "lengthen a window, or shorten close_margin (default 5m)",
                },
            )
        return self

    @property
    def closed_ranges(self) -> list[tuple[date, date]]:
        """What `blackout` closes: first and last local date of each entry, both inclusive."""
        return [
            (date.fromisoformat(first), date.fromisoformat(last))
            for entry in self.blackout
            for first, last in [(entry.from_, entry.to) if isinstance(entry, DateRange) else (entry, entry)]
        ]

    @property
    def weekly_hours(self) -> hours.WeeklyHours:
        return hours.parse_weekly(self.weekly)


class RetryPolicy(Declared):
    """How often a contact is tried: dials by Insight inside one window, and rounds in later windows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"max_attempts": {"minimum": 2}}, "required": ["max_attempts"]},
            "then": {"required": ["reattempt_wait"]},
        }
    )

    max_attempts: int = Field(
        1, ge=1, le=10, description="Dial attempts in one window, 1 to 10.", examples=[3]
    )
    reattempt_wait: Duration | None = Field(
        None,
        validate_default=True,
        description="Time between two attempts: 1m to 24h. Required if max_attempts is above 1.",
        examples=["45m"],
    )
    rounds: int = Field(
        1, ge=1, le=10, description="Windows in which a contact may be tried, 1 to 10.", examples=[3]
    )
    round_gap: Annotated[Duration, at_least(MIN_ROUND_GAP, "round_gap")] = Field(
        20 * 3600,
        description="From the last dial of one round to the start of the next; at least 1h.",
        examples=["20h"],
    )
    retry_on: list[RetriedResult] = Field(
        default_factory=lambda: list(_RETRIED_BY_DEFAULT),
        min_length=1,
        description="Results after which a contact is tried again. Default: failed.",
        examples=[["failed", "rejected"]],
    )
    vary_time: bool | None = Field(
        None,
        description="Whether a later round prefers a kind of time not tried yet: weekday before 17:00, "
        "weekday from 17:00, weekend. Default: true where rounds is above 1.",
        examples=[True],
    )

    @field_validator("reattempt_wait")
    @classmethod
    def _wait_between_attempts(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and info.data.get("max_attempts", 1) > 1:
            raise PydanticCustomError(
                "missing_reattempt_wait",
                "max_attempts above 1 requires reattempt_wait, the time between two attempts",
                {"hint": "add for example `reattempt_wait: 45m`"},
            )
        if value is not None and not MIN_REATTEMPT_WAIT <= value <= MAX_REATTEMPT_WAIT:
            raise PydanticCustomError("out_of_range", "reattempt_wait must be from 1m to 24h")
        return value

    @property
    def varies_time(self) -> bool:
        return self.rounds > 1 if self.vary_time is None else self.vary_time


class Results(Declared):
    """How the results of calls are learned and counted."""

    poll: PollInterval = Field(
        900,
        description="How often to ask about a call whose attempts should be over: at least 1m, or off.",
        examples=["15m"],
    )
    give_up: Duration = Field(
        48 * 3600,
        description="This long after the end of a call without a final status, its result counts as unknown.",
        examples=["48h"],
    )
    report_id: Identifier | None = Field(
        None,
        description="The survey's saved report at Insight, which shows who completed the survey. In quotes.",
        examples=["7712"],
    )
    eligibility: Share = Field(
        None,
        description="The share of contacts of unknown eligibility that counts as eligible in response rates "
        "(AAPOR's e). Default: estimate, in proportion to the contacts whose eligibility is known.",
        examples=[0.45],
    )
    partials: Literal["respondents", "nonrespondents"] = Field(
        "nonrespondents",
        description="How partial interviews count in response rates.",
        examples=["nonrespondents"],
    )


LIST_DROP = 10
"""Percent."""
LEAST_LOSS = 10
"""Smaller changes never stop a plan: of few calls or entries, some come and go every day."""


class GuardLimits(Declared):
    """Limits on what a plan may change. `apply` refuses a plan that exceeds one (exit status 7), unless
    `--allow` permits it.
    """

    withdraw: Percentage = Field(
        30,
        description="The share of planned calls that a plan may withdraw. Fewer than 10 are always allowed.",
        examples=["30%"],
    )
    new_calls: int | None = Field(
        None, ge=0, description="The most new calls of one plan. Default: any number.", examples=[5000]
    )
    list_drop: Percentage = Field(
        LIST_DROP,
        description="The share of its entries that a source or suppression list may have lost since the last "
        "apply. Fewer than 10 are always allowed.",
        examples=["10%"],
    )

    def stops_loss(self, before: int, now: int) -> bool:
        """Whether a source or list that had so many entries has lost too many."""
        return is_beyond(before - now, before, self.list_drop)

    def for_policy_lists(self) -> Self:
        """The same for the lists of a policy: a campaign may be stricter than the default, never looser."""
        return self.model_copy(update={"list_drop": min(self.list_drop, LIST_DROP)})

    def stops_withdrawals(self, withdrawn: int, planned: int) -> bool:
        return is_beyond(withdrawn, planned, self.withdraw)


def is_beyond(part: int, whole: int, percent: int) -> bool:
    """Whether it is a larger share, and so many that it counts."""
    return part >= LEAST_LOSS and part * 100 > whole * percent


class Pacing(Declared):
    """How fast calls start, and how early their requests are sent."""

    calls_per_minute: int | None = Field(
        None, ge=1, le=60_000, description="Default: what the request rate allows.", examples=[30]
    )
    spread: Literal["front", "even"] = Field(
        "front",
        description="front: as early as the pace allows; even: over the whole window.",
        examples=["even"],
    )
    queue_ahead: Duration = Field(
        300, description="How long before its start a call's request is sent to Insight.", examples=["10m"]
    )


NotifyEvent = Literal["finished", "stopped", "needs_person", "quota_full", "waiting_for_approval"]


class Notification(Declared):
    """Where `runner serve` posts what happens to the campaign, as JSON with a `text`."""

    connection: ConnectionName = Field(
        description="The setting RUNNER_CONNECTION_NAME holds the address that is posted to, such as an "
        "incoming webhook of Slack, and RUNNER_CONNECTION_NAME_TOKEN its token, if it needs one.",
        examples=["slack"],
    )
    on: list[NotifyEvent] = Field(
        min_length=1,
        description="`finished`: nothing is left to send, and no result is awaited. `stopped`: nothing is "
        "sent until the cause is removed, such as an error in the file or a plan beyond a guard. "
        "`needs_person`: calls are refused or uncertain. `waiting_for_approval`: nobody has approved the "
        "file as it is. `quota_full`: no release sends it yet.",
        examples=[["stopped", "needs_person"]],
    )


def _no_boolean(value: object) -> object:
    # To Python, and so to pydantic, true is 1.
    if isinstance(value, bool):
        raise PydanticCustomError("unknown_value", "`version` must be 1")
    return value


class Campaign(Declared):
    """A voice-survey campaign on Plum Insight."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        json_schema_extra={"dependencies": {"metadatabase": ["metadata"]}}
    )

    version: Annotated[Literal[1], BeforeValidator(_no_boolean)] = Field(
        description="The version of this file format.", examples=[1]
    )
    name: Name = Field(
        description="Identifies the campaign in the ledger, which stores who was called. Do not change it.",
        examples=["clinic-followup"],
    )
    extends: Annotated[str, Written("path")] | None = Field(
        None,
        min_length=1,
        description="A file with shared values, relative to this one. Mappings are merged; any other value "
        "here, such as a list, replaces the one there. It has no `name` and extends no other file.",
        examples=["../base.yaml"],
    )
    description: str = Field(
        "",
        description="What the campaign is for.",
        examples=["Satisfaction survey, two days after the visit"],
    )
    survey: Survey
    contacts: Contacts
    calling_windows: CallingWindows
    rules: list[RuleName] = Field(
        default_factory=list,
        description="Rule presets that narrow the windows, close days and cap calls; all of them are obeyed. "
        "`runner rules` lists them. They are not legal advice.",
        examples=[["us-federal", "us-states"]],
    )
    contact_limits: ContactLimits | None = Field(
        None,
        description="How often one number may be dialled, over all campaigns of the ledger. Default: no "
        "limit.",
        examples=[{"calls": 3, "per": "30d"}],
    )
    retry_policy: RetryPolicy = Field(default_factory=RetryPolicy)  # type: ignore[arg-type]
    pacing: Pacing = Field(default_factory=Pacing)  # type: ignore[arg-type]
    results: Results = Field(default_factory=Results)  # type: ignore[arg-type]
    caller_id: PhoneTemplate | None = Field(
        None, description="Caller ID that people see, in E.164 form.", examples=["+16175550100"]
    )
    post_dial: KeysTemplate | None = Field(
        None,
        description="Keys pressed after the call connects: digits, * # and , only.",
        examples=["{{ row.extension }}"],
    )
    metadata: dict[MetadataName, Template] = Field(
        default_factory=dict,
        max_length=500,
        description="Metadatabase columns and their values.",
        examples=[{"first_name": "{{ row.first_name | title }}"}],
    )
    metadatabase: Metadatabase | None = Field(
        None,
        description="The metadatabase to which the `metadata` of each call is pushed as a record, once, "
        "before the call is sent. A call whose record may not have arrived is not sent until `runner retry`.",
        examples=["clinic visits"],
    )
    result_url: UrlTemplate | None = Field(
        None,
        description="Where Insight posts the result of each call.",
        examples=["https://hooks.example.org/insight"],
    )
    guard: GuardLimits = Field(default_factory=GuardLimits)  # type: ignore[arg-type]
    reload: Annotated[Duration, at_least(MIN_RELOAD, "reload")] = Field(
        900,
        description="How often `runner serve` reads the contacts again, also when no file changed. The "
        "minimum is 1m.",
        examples=["15m"],
    )
    notify: list[Notification] = Field(
        default_factory=list,
        description="What `runner serve` reports, and where. `runner apply` sends no notifications.",
        examples=[[{"connection": "slack", "on": ["finished", "stopped", "needs_person"]}]],
    )
    vars: dict[str, Constant] = Field(
        default_factory=dict,
        description="Constants for templates: {{ vars.site }}.",
        examples=[{"site": "Boston"}],
    )
    silence: Silence = Field(
        default_factory=dict,
        description="Warnings that are not shown, each with the reason.",
        examples=[{"on_the_hour": "agreed with Plum"}],
    )

    def own_rule(self) -> RuleSet | None:
        """Its own limits as a rule set; None where it has none."""
        if self.contact_limits is None:
            return None
        caps = (self.contact_limits.cap("contact_limits"),)
        return RuleSet(name="contact_limits", title="the campaign's own limits", caps=caps)

    @field_validator("metadatabase")
    @classmethod
    def _has_records(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("metadata") == {}:
            raise PydanticCustomError(
                "missing_metadata",
                "metadatabase needs `metadata`: its columns and values are the record of each call",
                {"hint": "add `metadata` with the columns of the metadatabase"},
            )
        return value
