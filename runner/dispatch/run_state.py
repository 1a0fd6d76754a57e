"""Whether a run goes on, and whether it may send: what those who carry it out tell each other."""

import asyncio

from runner.ledger.operators import CampaignState


class RunState:
    """Of one run. Everything that waits in between waits for `wake`."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.may_send = True
        """Whether operators allow it, as far as is known."""
        self.interrupted = False
        self.error: BaseException | None = None
        """What ends the run: the first thing that went wrong."""

    def stopping(self) -> bool:
        return self.interrupted or self.error is not None

    def interrupt(self) -> None:
        self.interrupted = True
        self.wake.set()

    def fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.wake.set()

    def update(self, state: CampaignState) -> None:
        self.may_send = state is CampaignState.ACTIVE
