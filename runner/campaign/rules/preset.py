"""The form of a preset file. Pure."""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from runner.campaign import hours
from runner.campaign.rules.rule_set import Cap, HolidayHours, RuleSet
from runner.campaign.values import (
    Country,
    Declared,
    HoursSpec,
    LocalDate,
    Period,
    RuleName,
    StateCode,
    Weekly,
)


class PresetScope(Declared):
    """The kinds of calls that the rule was made for. It is shown; the rule is obeyed for any call."""

    purpose: list[Literal["research", "solicitation"]] = Field(
        min_length=1, description="The purpose of the calls.", examples=[["solicitation"]]
    )
    voice: list[Literal["recorded", "live"]] = Field(
        default_factory=lambda: ["recorded", "live"],  # type: ignore[arg-type]
        min_length=1,
        description="Whether a recording or a person speaks. Default: both.",
        examples=[["recorded"]],
    )


class PresetHolidays(Declared):
    """What changes on public holidays."""

    country: Country = Field(description="ISO 3166 country, such as US.", examples=["DE"])
    subdivision: str | None = Field(
        None, min_length=1, description="State or province, such as AL.", examples=["AL"]
    )
    hours: HoursSpec = Field(
        description="The hours on a public holiday, or closed.", examples=["10:00-18:00"]
    )


class PresetCap(Declared):
    """How often one number may be dialled."""

    calls: int = Field(ge=1, le=1000, description="The most dials of one number.", examples=[3])
    per: Period = Field(description="In this time: 24h, 30d, or campaign.", examples=["24h"])


class Preset(Declared):
    """A rule about calling hours, public holidays and numbers of calls."""

    name: RuleName = Field(description="As `rules` of a campaign names it.", examples=["us-fl"])
    title: str = Field(
        min_length=1, description="What the preset is, in one line.", examples=["Florida, sales calls"]
    )
    version: int = Field(ge=1, description="Higher with every change of its facts.", examples=[1])
    covers: list[StateCode] = Field(
        default_factory=list, description="The US states in which it is law.", examples=[["FL"]]
    )
    weekly: Weekly | None = Field(
        None,
        description="Local hours by day, as in calling_windows.weekly. Default: any hour.",
        examples=[{"daily": "08:00-20:00"}],
    )
    holidays: PresetHolidays | None = Field(
        None, description="What changes on public holidays. Default: nothing."
    )
    caps: list[PresetCap] = Field(default_factory=list, description="How often one number may be dialled.")
    by_state: list[RuleName] = Field(
        default_factory=list,
        description="Presets that it consists of. Those that cover states apply to contacts there.",
        examples=[["us-federal", "us-fl"]],
    )
    scope: PresetScope
    source: str = Field(
        min_length=1, description="Where the rule is published.", examples=["Fla. Stat. 501.616(6)"]
    )
    checked: LocalDate = Field(description="When the facts were last checked.", examples=["2026-11-27"])
    confidence: Literal["high", "medium", "low"] = Field(
        description="How sure the facts are.", examples=["high"]
    )
    note: str = Field("", description="What else to know.", examples=["Polling is exempt elsewhere."])

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.weekly is None and self.holidays is None and not self.caps and not self.by_state:
            raise PydanticCustomError(
                "empty_preset",
                "this preset has no rule",
                {"hint": "add `weekly`, `holidays`, `caps` or `by_state`"},
            )
        return self

    def rule_set(self, states: frozenset[str] = frozenset()) -> RuleSet:
        """Its rule, for contacts in these states; without any, for all."""
        return RuleSet(
            name=self.name,
            weekly=None if self.weekly is None else hours.parse_weekly(self.weekly),
            holidays=self._holiday_hours(),
            caps=tuple(Cap(calls=cap.calls, per_seconds=cap.per, name=self.name) for cap in self.caps),
            states=states,
            title=self.title,
            version=self.version,
            purpose=tuple(self.scope.purpose),
            voice=tuple(self.scope.voice),
            source=self.source,
            checked=self.checked,
            confidence=self.confidence,
        )

    def _holiday_hours(self) -> HolidayHours | None:
        declared = self.holidays
        if declared is None:
            return None
        return HolidayHours(
            country=declared.country,
            subdivision=declared.subdivision,
            hours=hours.parse_hours(declared.hours),
        )
