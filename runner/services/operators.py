"""What operators do to one campaign of a ledger, beyond a single change in the ledger."""

import time
from contextlib import suppress
from dataclasses import dataclass

from runner.contacts.identity import Identity
from runner.errors import CampaignHeldError
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators
from runner.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """One campaign of one ledger, and the person who acts on it."""

    ledger: Ledger
    campaign: str
    operators: Operators
    identity: Identity

    def mark_orphaned_calls(self) -> None:
        """Marks as uncertain what a run was sending when it died; the next apply would do the same."""
        with suppress(CampaignHeldError), self.ledger.hold(self.campaign):
            self.ledger.mark_orphaned_calls(self.campaign)

    async def cancel_at_insight(self, settings: Settings) -> None:
        """Cancels every call that waits in the survey's instance at Insight, and keeps a note of it."""
        # The client, which no other act needs: a pause is often urgent.
        from runner.services.environment import insight  # noqa: PLC0415

        survey_id, instance_id = self.ledger.survey(self.campaign)
        with insight(settings) as environment:
            async with environment.client() as client:
                await client.cancel_pending(survey_id, instance_id)
        detail = f"survey {survey_id}, instance {instance_id}"
        self.operators.note(self.campaign, "cancel-pending", detail, time.time())
