"""Contacts that a run must not call: those that its plan excludes, and those that are on a list by now."""

import asyncio
from collections.abc import Mapping, Sequence

from runner.calls import ReasonCode, StateReason
from runner.dispatch.events import CallsWithdrawn, ListsReadAgain, ListUnreadable, OptedOutTooLate
from runner.dispatch.run import Exclude, Run
from runner.errors import SourceError
from runner.ledger.claim import Claim


class ExclusionCheck:
    """Of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._problem = ""

    @property
    def on_hold(self) -> bool:
        """Whether a list could not be read when it was read last: nobody may be called until it can."""
        return bool(self._problem)

    async def withdraw(self) -> bool:
        """Withdraws the calls to people whom a list newly names; returns whether there were any.

        Where a list cannot be read, sending is on hold until a later check can read it.
        """
        try:
            suppressed = await asyncio.to_thread(self._run.plan.newly_suppressed)
        except SourceError as error:
            self._hold(error.message)
            return False
        self._go_on()
        return suppressed is not None and await self._withdraw(suppressed)

    async def _withdraw(self, suppressed: Exclude) -> bool:
        queue = self._run.queue
        late = await self._run.in_ledger(queue.note_late_opt_outs, suppressed, self._run.clock.now())
        if late:
            self._run.on_event(OptedOutTooLate(found=late))
        people = await self._run.in_ledger(queue.waiting_people)
        reasons = {call: _excluded(why) for call, key, phone in people if (why := suppressed(key, phone))}
        if reasons:
            await self._run.in_ledger(queue.skip, reasons, self._run.clock.now())
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

    def why_not(self, claim: Claim) -> StateReason | None:
        """Why this call must not be sent; None where it may."""
        why = self._run.plan.excluded_now(claim.key, claim.phone)
        return _excluded(why) if why else None

    def excluded(self, claims: Sequence[Claim]) -> Mapping[int, StateReason]:
        """The claimed calls that this run's own plan or a list forbids, with the reason.

        A contact who was being sent or uncertain when the plan was made, or when a list changed, was not
        withdrawn then, and may be planned again by what another process learns.
        """
        found = {claim.call: self.why_not(claim) for claim in claims}
        return {call: reason for call, reason in found.items() if reason}


def _excluded(why: str) -> StateReason:
    return StateReason.of(ReasonCode.EXCLUDED, why=why)
