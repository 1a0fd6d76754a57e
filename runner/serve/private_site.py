"""What the parts of the private address work with."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from runner.errors import RunnerError
from runner.ledger.ledger import Ledger
from runner.ledger.totals import Totals, totals
from runner.serve.metrics import Metrics
from runner.serve.served import Served, ServedCampaign
from runner.serve.shared import Shared
from runner.serve.threads import in_thread
from runner.services.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateSite:
    """Each part makes its routes from this: `routes(site)`."""

    served: Served
    environment: Environment
    """With a ledger of its own: nobody who sends calls waits for its connections."""
    totals: Shared[Mapping[str, Totals]]
    metrics: Metrics
    ending: Event = field(default_factory=Event)
    """Set when `serve` ends: what would take long is given up."""


def kept_totals(ledger: Ledger) -> Shared[Mapping[str, Totals]]:
    """Counts of all campaigns, which everybody shares. Counting a million calls takes some 0.2 seconds; with
    SQLite, who writes may have to wait so long.
    """
    return Shared(lambda: in_thread(totals, ledger.engine, time.time()), share=0.05, most_age=60.0)


class NothingServed:
    """Implements `served.Served` where `serve` carries out no campaign: the ledger may have some."""

    def campaigns(self) -> Sequence[ServedCampaign]:
        return ()

    def campaign(self, _name: str) -> ServedCampaign | None:
        return None

    async def approve(self, name: str, _content: str, _who: str) -> None:
        raise RunnerError(
            f"this server carries out no campaign {name}",
            hint="start serve with the folder of the campaign files",
        )

    def seconds_since_look(self) -> float:
        """There is nothing to look at."""
        return 0

    def reload(self) -> None:
        """There is nothing to read again."""

    async def changed(self) -> None:
        """Nothing changes here."""
        await asyncio.Event().wait()
