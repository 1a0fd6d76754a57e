"""`contact_limits` of a campaign file or policy. Pure."""

from pydantic import Field

from runner.campaign.rules.rule_set import Cap
from runner.campaign.values import Declared, Period


class ContactLimits(Declared):
    """How often one number may be dialled, over all campaigns of the ledger. A dial that may still happen
    counts, and so does each of a call's max_attempts until its result is known.
    """

    calls: int = Field(ge=1, le=1000, description="The most dials of one number.", examples=[3])
    per: Period = Field(
        description="In any such time: 24h, 30d; or campaign, which counts the calls of this campaign alone.",
        examples=["30d"],
    )

    def cap(self, name: str) -> Cap:
        """The cap, as `name` sets it."""
        return Cap(calls=self.calls, per_seconds=self.per, name=name)
