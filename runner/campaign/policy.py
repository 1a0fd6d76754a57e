"""The organisation's policy: limits that no campaign can loosen. Pure."""

from pydantic import Field

from runner.campaign import hours
from runner.campaign.rules.contact_limits import ContactLimits
from runner.campaign.rules.rule_set import RuleSet
from runner.campaign.source_models import Suppressions
from runner.campaign.values import Declared, Identifier, RuleName, Weekly

POLICY = "policy"
"""The name of its rule set, wherever a rule is named."""


class PolicyWindows(Declared):
    """When people may be called at all, in the local time of the contact."""

    weekly: Weekly = Field(
        description="Local hours by day, as in a campaign. Nobody is called outside of them.",
        examples=[{"mon-fri": "09:00-20:00", "sat": "10:00-16:00"}],
    )


class Policy(Declared):
    """What every campaign obeys, next to its own file. A campaign may be stricter, and never looser."""

    surveys: list[Identifier] | None = Field(
        None,
        min_length=1,
        description="The survey_ids that campaigns may use. Default: any.",
        examples=[["48211", "48212"]],
    )
    rules: list[RuleName] = Field(
        default_factory=list,
        description="Rule presets that every campaign obeys.",
        examples=[["us-federal", "us-states"]],
    )
    calling_windows: PolicyWindows | None = None
    contact_limits: ContactLimits | None = Field(
        None,
        description="How often one number may be dialled, over all campaigns of the ledger. Default: no "
        "limit.",
        examples=[{"calls": 3, "per": "30d"}],
    )
    max_calls_per_day: int | None = Field(
        None,
        ge=1,
        description="The most calls that start in a day of UTC, over all campaigns of the ledger. Default: "
        "no limit.",
        examples=[2000],
    )
    suppress: Suppressions = Field(
        default_factory=list,
        description="Lists of people whom no campaign calls. Paths are relative to this file.",
        examples=[[{"type": "csv", "path": "do-not-call.csv", "phone": "{{ row.phone }}"}]],
    )

    def rule_set(self) -> RuleSet | None:
        """Its hours and limits; None where it has none."""
        windows, limits = self.calling_windows, self.contact_limits
        if windows is None and limits is None:
            return None
        return RuleSet(
            name=POLICY,
            title="the organisation's policy",
            weekly=None if windows is None else hours.parse_weekly(windows.weekly),
            caps=() if limits is None else (limits.cap(POLICY),),
        )
