"""Whom a run must not call after all: what its plan left out, and what suppression lists name by now."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from runner.dispatch.events import CallsWithdrawn, ListsReadAgain, ListUnreadable, OptedOutTooLate
from runner.dispatch.run_context import RunContext
from runner.errors import SourceError
from runner.ledger.claim import Claim

Unwanted = Callable[[str, str], str | None]
"""(key, number) → why the plan or a suppression list leaves this contact out, or None."""
NewlySuppressed = Callable[[], Callable[[str, str], str | None] | None]
"""Reads the suppression lists again if they changed; then (key, number) → the reason, or None."""


class ExclusionCheck:
    """Of the people whom one run would call."""

    def __init__(self, run: RunContext, excluded_now: Unwanted, newly_suppressed: NewlySuppressed) -> None:
        self._run = run
        self._excluded_now = excluded_now
        self._newly_suppressed = newly_suppressed
        self._problem = ""

    @property
    def on_hold(self) -> bool:
        """Whether a list could not be read when it was read last: nobody may be called until it can."""
        return bool(self._problem)

    async def withdraw(self) -> bool:
        """Gives up the calls to people whom a list names since it was read last; whether there were any.

        Where a list cannot be read, sending is on hold until this is asked again and it can.
        """
        try:
            suppressed = await asyncio.to_thread(self._newly_suppressed)
        except SourceError as error:
            self._hold(error.message)
            return False
        self._go_on()
        if suppressed is None:
            return False
        now = self._run.clock.now()
        late = await self._run.ledger.do(self._run.queue.note_late_opt_outs, suppressed, now)
        if late:
            self._run.on_event(OptedOutTooLate(found=late))
        people = await self._run.ledger.do(self._run.queue.waiting_people)
        reasons = {call: reason for call, key, phone in people if (reason := suppressed(key, phone))}
        if reasons:
            await self._run.ledger.do(self._run.queue.skip, reasons, self._run.clock.now())
            self._run.on_event(CallsWithdrawn(count=len(reasons)))
        return bool(reasons)

    def _hold(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._run.on_event(ListUnreadable(problem=problem))

    def _go_on(self) -> None:
        if self.on_hold:
            self._problem = ""
            self._run.on_event(ListsReadAgain())

    def why_not(self, claim: Claim) -> str | None:
        """Why this call is not wanted; None where it is."""
        return self._excluded_now(claim.key, claim.phone)

    def against(self, claims: Sequence[Claim]) -> Mapping[int, str]:
        """The claims that this run's own plan or a list forbids, with the reason.

        A contact who was being sent or uncertain when the plan was made, or when a list changed, was not
        withdrawn then, and may be planned again by what another process learns.
        """
        found = {claim.call: self.why_not(claim) for claim in claims}
        return {call: reason for call, reason in found.items() if reason}
