"""Plans again while a run goes on: further rounds as results come in, and new contacts that join it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runner.contacts.contact import Match
from runner.contacts.suppression import Suppressed
from runner.dispatch.events import CallsJoined, Event, RoundsNotPlanned, RoundsPlanned
from runner.dispatch.timer import Timer
from runner.errors import LedgerError, RunnerError
from runner.ledger.plan_entry import Binding
from runner.ledger.results import ResultsSoFar
from runner.planning.pacing import DayLimit, day_of
from runner.planning.plan import Change
from runner.planning.working_file import WorkingFile
from runner.services.environment import Environment
from runner.services.planning import PreparedPlan, refuse_shrunk_lists
from runner.services.planning_process import EnterSome, Entry, Order, planned

_LEAST_PAUSE_SECONDS = 15 * 60
_MOST_PAUSE_SECONDS = 2 * 3600
_PARTS_OF_THE_GAP = 8
_PAUSES = 3
"""How much longer than a step of entering a plan the pause after it is."""

MayEnter = Callable[[PreparedPlan], Awaitable[bool]]
"""Whether a plan that was made next to the run may be entered. What it raises ends the attempt."""


@dataclass(frozen=True, slots=True)
class NewestPlan:
    """Whom the newest plan excludes."""

    working_set: WorkingFile
    suppressed: Suppressed


class FurtherRounds:
    """Of one run. No round can start before the gap after the last dial is over, so plans need not be made at
    each result.
    """

    def __init__(
        self,
        first_plan: PreparedPlan,
        environment: Environment,
        binding: Binding,
        run: int,
        on_event: Callable[[Event], None],
    ) -> None:
        self.newest_plan = self._last_asked = _newest(first_plan)
        self.loaded = first_plan.loaded
        self.rules = first_plan.plan.rules
        self._limits = first_plan.limits
        self._days = first_plan.days
        self._only_own = first_plan.limit is not None
        self._entered_for = first_plan.results_so_far
        """The results whose further rounds have been entered."""
        self._binding = binding
        self._environment = environment
        self._run = run
        self._on_event = on_event
        retry = first_plan.loaded.campaign.retry_policy
        self._plans = retry.rounds > 1
        pause = retry.round_gap / _PARTS_OF_THE_GAP
        self._pause = min(max(pause, _LEAST_PAUSE_SECONDS), _MOST_PAUSE_SECONDS)
        self._next_plan_at = 0.0
        self._failed = False
        self._ring = asyncio.Event()
        self._turn = asyncio.Lock()
        """A plan that was begun later is entered later, and is the newest."""
        self._wake: Callable[[], None] = lambda: None

    def days_of_others(self, now: float) -> DayLimit | None:
        """The limit of calls in a day, with those of other campaigns as they are now."""
        if self._days is None:
            return None
        ledger, today = self._environment.ledger, day_of(int(now))
        return self._days._replace(
            started=ledger.starts_by_day(self._binding.campaign, today, only_others=True)
        )

    def newly_suppressed(self) -> Match | None:
        """Who must not be called, where a list changed since this was asked last. A plan that was made
        meanwhile has read its lists again, and what changed in them before.
        """
        newest = self.newest_plan
        changed = newest.suppressed.refresh() or newest is not self._last_asked
        self._last_asked = newest
        return newest.suppressed.match if changed else None

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
        self._wake = wake
        alarm = self._clock.alarm(self._ring.set)
        try:
            while True:
                self._ring.clear()
                try:
                    alarm.set(await self._look(), idle=True)
                except LedgerError as error:
                    # Those who send notice it too, and decide whether the run can go on.
                    self._on_event(RoundsNotPlanned(problem=error.message))
                    alarm.set(self._clock.now() + self._pause, idle=True)
                await self._ring.wait()
        finally:
            await alarm.stop()

    async def _look(self) -> float:
        """Plans if it is time to, and returns when to look again."""
        now = self._clock.now()
        awaited = await asyncio.to_thread(self._awaits_results, now)
        if await asyncio.to_thread(self._has_new_results, is_last_look=not awaited):
            # With all results in there is nothing to wait for, unless the last plan could not be made.
            if now >= self._next_plan_at or not (awaited or self._failed):
                self._next_plan_at = now + self._pause
                self._failed = not await self.plan(now)
                self._wake()
        elif not awaited:
            self._wake()
        return self._next_plan_at if self._next_plan_at > now else now + self._pause

    async def plan(self, now: float) -> bool:
        """Plans and enters further rounds; returns whether the plan could be made."""
        try:
            added = await self._plan(now, _has_whole_lists, joins=False)
        except LedgerError:
            raise
        except RunnerError as error:
            # A source that cannot be read now may be readable later.
            self._on_event(RoundsNotPlanned(problem=error.message))
            return False
        if added:
            self._on_event(RoundsPlanned(calls=added))
        return True

    async def join(self, may_enter: MayEnter) -> bool:
        """Plans, and enters new contacts and further rounds, where they may be entered and the rules and the
        policy are still those of the run. Returns whether the run carries out all new calls of the plan then.
        Raises what `prepare_plan` raises.
        """
        new = 0

        async def count_new(prepared: PreparedPlan) -> bool:
            nonlocal new
            changes = prepared.plan.statistics.changes
            new = sum(calls for (change, *_), calls in changes.items() if change is Change.NEW)
            return await may_enter(prepared) and prepared.limits == self._limits

        added = await self._plan(self._clock.now(), count_new, joins=True)
        if added:
            self._on_event(CallsJoined(calls=added))
        return added == new

    async def _plan(self, now: float, may_enter: MayEnter, *, joins: bool) -> int | None:
        """How many calls were added; None where they may not be."""
        entry = Entry(self._binding, self._run, self._only_own, joins)
        order = Order(self.loaded, self._environment.settings, float(int(now)), entry)

        def find_suppressed(working_set: WorkingFile) -> Suppressed:
            return self.newest_plan.suppressed.for_plan(
                working_set.shared_numbers, working_set.other_numbers, order.now
            )

        async with self._turn, planned(order, self._environment, find_suppressed) as (prepared, enter_some):
            if not await may_enter(prepared):
                return None
            self.newest_plan = _newest(prepared)
            return await self._enter(enter_some, prepared.results_so_far)

    async def _enter(self, enter_some: EnterSome, results: ResultsSoFar) -> int:
        """Enters the calls of a plan; returns how many were added. The results count as known only then: a
        run may end where nothing is left that no plan knows of.
        """
        added, began = 0, time.monotonic()
        while (some := await asyncio.to_thread(enter_some)) is not None:
            added += some
            self._wake()
            # For most of the time, those who send and those who record results have the ledger.
            await asyncio.sleep(_PAUSES * (time.monotonic() - began))
            began = time.monotonic()
        self._entered_for = results
        return added

    def _awaits(self) -> bool:
        return self._awaits_results(self._clock.now()) or self._has_new_results(is_last_look=True)

    def _awaits_results(self, now: float) -> bool:
        return self._environment.ledger.awaits_results(self._binding.campaign, now)

    def _has_new_results(self, *, is_last_look: bool) -> bool:
        if not self._plans:
            return False
        ledger, campaign = self._environment.ledger, self._binding.campaign
        if ledger.results_learned_at(campaign) != self._entered_for.learned_at:
            return True
        # A result may carry an earlier time than others that were known before it. To count takes longer.
        return is_last_look and ledger.results_so_far(campaign) != self._entered_for


def _newest(prepared: PreparedPlan) -> NewestPlan:
    return NewestPlan(prepared.working_set, prepared.suppressed)


async def _has_whole_lists(prepared: PreparedPlan) -> bool:
    refuse_shrunk_lists(prepared)
    return True
