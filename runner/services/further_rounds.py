"""Plans further rounds while a run goes on, as results come in."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from runner.calls import Guard
from runner.dispatch.events import Event, RoundsNotPlanned, RoundsPlanned
from runner.dispatch.timer import Timer
from runner.errors import GuardError, LedgerError, RunnerError
from runner.ledger.plan_entry import Binding
from runner.planning.guards import CODES
from runner.services.environment import Environment
from runner.services.planning import PreparedPlan, prepare_plan

_LEAST_PAUSE_SECONDS = 15 * 60
_MOST_PAUSE_SECONDS = 2 * 3600
_PARTS_OF_THE_GAP = 8


class FurtherRounds:
    """Of one run. No round can start before the gap after the last dial is over, so plans need not be made at
    each result.
    """

    def __init__(
        self,
        newest_plan: PreparedPlan,
        environment: Environment,
        binding: Binding,
        run: int,
        on_event: Callable[[Event], None],
    ) -> None:
        self.newest_plan = newest_plan
        self._binding = binding
        self._environment = environment
        self._run = run
        self._on_event = on_event
        retry = newest_plan.loaded.campaign.retry_policy
        self._plans = retry.rounds > 1
        pause = retry.round_gap / _PARTS_OF_THE_GAP
        self._pause = min(max(pause, _LEAST_PAUSE_SECONDS), _MOST_PAUSE_SECONDS)
        self._next_plan_at = 0.0
        self._failed = False
        self._ring = asyncio.Event()

    @property
    def _clock(self) -> Timer:
        return self._environment.clock

    async def awaits(self) -> bool:
        """Whether a result may still come, or has come that no plan knows of. Raises LedgerError."""
        return await asyncio.to_thread(self._awaits)

    async def keep(self, wake: Callable[[], None]) -> None:
        """Plans when results have come in, until it is canceled. `wake` is called when calls were added, and
        when nothing is awaited any more.
        """
        alarm = self._clock.alarm(self._ring.set)
        try:
            while True:
                self._ring.clear()
                try:
                    alarm.set(await self._look(wake), idle=True)
                except LedgerError as error:
                    # Those who send notice it too, and decide whether the run can go on.
                    self._on_event(RoundsNotPlanned(problem=error.message))
                    alarm.set(self._clock.now() + self._pause, idle=True)
                await self._ring.wait()
        finally:
            await alarm.stop()

    async def _look(self, wake: Callable[[], None]) -> float:
        """Plans if it is time to, and returns when to look again."""
        now = self._clock.now()
        awaited = await asyncio.to_thread(self._awaits_results, now)
        if await asyncio.to_thread(self._has_new_results, is_last_look=not awaited):
            # With all results in there is nothing to wait for, unless the last plan could not be made.
            if now >= self._next_plan_at or not (awaited or self._failed):
                self._next_plan_at = now + self._pause
                self._failed = not await self._plan(now)
                wake()
        elif not awaited:
            wake()
        return self._next_plan_at if self._next_plan_at > now else now + self._pause

    async def _plan(self, now: float) -> bool:
        """Returns whether the plan could be made."""
        try:
            added = await asyncio.to_thread(self._plan_and_enter, float(int(now)))
        except LedgerError:
            raise
        except RunnerError as error:
            # A source that cannot be read now may be readable later.
            self._on_event(RoundsNotPlanned(problem=error.message))
            return False
        if added:
            self._on_event(RoundsPlanned(calls=added))
        return True

    def _plan_and_enter(self, now: float) -> int:
        environment, limit = self._environment, self.newest_plan.limit
        prepared = prepare_plan(
            self.newest_plan.loaded, environment.settings, environment.ledger, now=now, limit=None
        )
        if Guard.LIST_DROP in prepared.beyond:
            # Rows that are missing would only wait, but people who are missing on a list would be called.
            raise GuardError(
                next(f.message for f in prepared.plan.diagnostics if f.code == CODES[Guard.LIST_DROP])
            )
        added = environment.ledger.extend_run(
            self._binding, self._run, prepared.plan, now, only_own=limit is not None
        )
        self.newest_plan = replace(prepared, limit=limit)
        return added

    def _awaits(self) -> bool:
        return self._awaits_results(self._clock.now()) or self._has_new_results(is_last_look=True)

    def _awaits_results(self, now: float) -> bool:
        return self._environment.ledger.awaits_results(self._binding.campaign, now)

    def _has_new_results(self, *, is_last_look: bool) -> bool:
        if not self._plans:
            return False
        ledger, campaign = self._environment.ledger, self._binding.campaign
        known = self.newest_plan.results_so_far
        if ledger.results_learned_at(campaign) != known.learned_at:
            return True
        # A result may carry an earlier time than others that were known before it. To count takes longer.
        return is_last_look and ledger.results_so_far(campaign) != known
