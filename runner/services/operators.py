"""What operators do to one campaign of a ledger, beyond a single change in the ledger."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.contacts.identity import Identity
from runner.errors import CampaignHeldError, UnknownCampaignError
from runner.ledger.ledger import Ledger
from runner.ledger.operators import Operators
from runner.ledger.rollback_guard import RollbackGuard
from runner.services.campaigns import known_campaign
from runner.services.planning import privacy_key
from runner.settings import Settings, ledger_states_folder

if TYPE_CHECKING:
    from runner.services.environment import Environment


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


def stop_campaign(ledger: Ledger, campaign: str, problem: str, now: float) -> None:
    """Pauses it in the name of this machine's `serve`, until a person resumes it."""
    Operators(ledger.engine, f"serve@{socket.gethostname()}").stop(campaign, problem, now)


@contextmanager
def guarded_ledger(settings: Settings) -> Iterator[Ledger]:
    """Raises LedgerError for a ledger that was lost or copied, before and after: it must not forget what is
    done to it in between.
    """
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        RollbackGuard(ledger, ledger_states_folder()).check()
        try:
            yield ledger
        finally:
            RollbackGuard(ledger, ledger_states_folder()).check()


@contextmanager
def open_desk(campaign: str, actor: str, settings: Settings) -> Iterator[Desk]:
    """`campaign` is a file or a name that the ledger knows; `actor` is kept with each act.

    Raises LedgerError as `guarded_ledger` does.
    """
    # First: a ledger that was lost may not know the campaign either.
    with guarded_ledger(settings) as ledger:
        name = known_campaign(campaign, ledger)
        identity = Identity(privacy_key(settings, ledger))
        yield Desk(ledger, name, Operators(ledger.engine, actor), identity)


@contextmanager
def guard_checked(environment: "Environment") -> Iterator[None]:
    """As `guarded_ledger`, around acts on a ledger that is open already."""
    environment.guard().check()
    try:
        yield
    finally:
        environment.guard().check()


@contextmanager
def environment_desk(environment: "Environment", campaign: str, actor: str) -> Iterator[Desk]:
    """As `open_desk`, in a process that has its ledger open. `campaign` is a name, never a file.

    Raises UnknownCampaignError too.
    """
    ledger = environment.ledger
    with guard_checked(environment):
        if not ledger.knows(campaign):
            raise UnknownCampaignError(
                f"the ledger has no campaign {campaign}", hint="its first run enters it into the ledger"
            )
        yield Desk(ledger, campaign, Operators(ledger.engine, actor), identity_of(environment))


def identity_of(environment: "Environment") -> Identity:
    return Identity(privacy_key(environment.settings, environment.ledger))
