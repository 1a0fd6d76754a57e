"""Keeps one campaign of `serve` going: plans and carries it out, and begins again when something changed.

All that `apply` promises holds, because `services.apply.Apply` does the work. Nothing is kept here but what
is shown: the plans are on the disk, the calls in the ledger.
"""

import asyncio
import shlex
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runner.campaign.loader import LoadedCampaign
from runner.campaign.model import Notification
from runner.dispatch.events import CallsLost, Event, OptedOutTooLate, RunBegan, RunEnd
from runner.errors import (
    CampaignHeldError,
    GuardError,
    LedgerChangedError,
    LedgerError,
    LedgerUnavailableError,
    NeedsPersonError,
    RunnerError,
    unexpected,
)
from runner.ledger.approvals import Approval
from runner.ledger.operators import CampaignState
from runner.ledger.serving import LedgerFacts
from runner.planning.guards import allow_options
from runner.reports.live import LogOptions, RunLog
from runner.serve.campaign_files import CampaignFile, problem_of
from runner.serve.decisions import (
    Found,
    Step,
    is_another,
    next_step,
    pause_after,
    status_after,
    status_of,
)
from runner.serve.served import Problem, SeenEvent, ServedCampaign, ServeStatus
from runner.services.apply import Apply
from runner.services.campaigns import content_of
from runner.services.environment import Environment
from runner.services.operators import stop_campaign
from runner.services.planning import PreparedPlan
from runner.services.planning_process import Order, planned

if TYPE_CHECKING:
    from runner.planning.plan_view import PlanView

_MOST_EVENTS = 50
_LOOKS = 2
_AGAIN_SECONDS = 10
"""Calls that wait without a run are looked at this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all campaigns of one `serve` have in common."""

    environment: Environment
    wake: Callable[[], None]
    """Something may follow now."""
    on_status: Callable[[ServedCampaign], None]
    """Called with a campaign whose status changed."""
    on_change: Callable[[], None]
    """Called when anything else changed that is shown: an event of a run, a new plan."""
    on_event: Callable[[str, Event], None]
    """Called with the name of a campaign and what happened in its run."""

    @property
    def approves_all(self) -> bool:
        return self.environment.settings.approval == "merge"


class _Stop(NamedTuple):
    """A campaign that waits for a person from now on."""

    campaign: str
    problem: str


@dataclass(slots=True)
class _Run:
    """What is carried out now."""

    content: str
    work: Apply
    task: asyncio.Task[None]
    has_begun: bool = False
    is_ending: bool = False
    is_outdated: bool = False
    looks: int = 0
    """How often the ledger was asked since it began."""

    @property
    def is_new(self) -> bool:
        """Whether what is known of the ledger may be from before it began."""
        return self.looks < _LOOKS

    def end(self) -> None:
        """In order; before it has begun, nothing is entered into the ledger."""
        if self.has_begun:
            self.work.stop()
        elif not self.is_ending:
            self.task.cancel()
        self.is_ending = True


class Keeper:
    """Of one campaign file. Use it in one event loop: `follow` what was found, and in the end `end`."""

    def __init__(self, shared: Shared, file: CampaignFile) -> None:
        self._shared = shared
        self._environment = shared.environment
        self._file = file
        self._notify = _notify_of(file)
        self._facts = LedgerFacts()
        self._run: _Run | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._planning = set[asyncio.Task[None]]()
        self._is_ending = False
        self._due_at = 0.0
        self._asked_again = False
        self._failures = 0
        self._outcome: ServeStatus | None = None
        self._problem: Problem | None = None
        self._to_stop: _Stop | None = None
        """Until the ledger holds it."""
        self._plan: PlanView | None = None
        self._planned_at: float | None = None
        self._events = deque[SeenEvent](maxlen=_MOST_EVENTS)
        self._shown: tuple[ServeStatus, Problem | None] | None = None
        self._since = self._now()

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def is_running(self) -> bool:
        return self._run is not None

    def follow(self, file: CampaignFile, facts: LedgerFacts) -> None:
        """Does what follows from the file and from the ledger as they are now."""
        before, approved_before = self._file, self._is_approved()
        was_resumed = self._run is None and self._facts.state is not facts.state is CampaignState.ACTIVE
        self._file, self._facts = file, facts
        # Of a file that has errors now, what it said before: that they are there is reported, too.
        self._notify = self._notify if file.loaded is None else _notify_of(file)
        if self._run is not None and self._run.has_begun:
            self._run.looks += 1
        if (file.state, file.content) != (before.state, before.content):
            self._forget()
        elif file.versions != before.versions or self._is_approved() != approved_before or was_resumed:
            self.retry()
        self._step()

    def retry(self) -> None:
        """Plans again now, however long the pause would be; where a plan is being made, after it."""
        self._due_at = 0
        self._asked_again = True

    def _pause(self, seconds: float) -> None:
        """Plans again after so long, unless something changed since the last plan was begun."""
        if not self._asked_again:
            self._due_at = self._now() + seconds

    async def end(self) -> None:
        """Ends the run in order, and begins no other."""
        self._is_ending = True
        if self._run is not None:
            self._run.end()
        if self._to_stop is None:
            for task in self._planning:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._to_stop is not None:
            await self._stop(self._to_stop)

    def served(self) -> ServedCampaign:
        status = self._status()
        return ServedCampaign(
            name=self._file.name,
            path=self._file.path,
            status=status,
            since=self._since,
            problem=self._problem_of(status),
            content=self._file.content,
            approved=self._approval(),
            planned_at=self._planned_at,
            plan=self._plan,
            next_due=self._facts.next_due,
            notify=self._notify,
            last_events=tuple(self._events),
        )

    def _forget(self) -> None:
        """What was found out of another content."""
        self.retry()
        self._failures = 0
        self._outcome = self._problem = self._plan = self._planned_at = None

    def _now(self) -> float:
        return self._environment.clock.now()

    def _approval(self) -> Approval | None:
        given = self._facts.approval
        return given if given is not None and given.content == self._file.content else None

    def _is_approved(self) -> bool:
        return self._shared.approves_all or self._approval() is not None

    def _found(self) -> Found:
        return Found(
            file=self._file.state,
            content=self._file.content,
            is_approved=self._is_approved(),
            state=self._facts.state,
            is_stopped=bool(self._facts.stopped),
            is_to_stop=self._to_stop is not None,
            running=None if self._run is None else self._run.content,
            is_outdated=self._run is not None and self._run.is_outdated,
            is_planning=bool(self._planning),
            is_due=self._is_due(),
        )

    def _is_due(self) -> bool:
        now = self._now()
        # An operator may have planned calls again, by `retry` or `resolve`.
        waits = self._facts.next_due is not None and self._outcome is ServeStatus.FINISHED
        return now >= self._due_at or (waits and now >= (self._planned_at or 0) + _AGAIN_SECONDS)

    def _status(self) -> ServeStatus:
        run, facts = self._run, self._facts
        return status_of(
            self._found(),
            self._outcome,
            has_begun=run is not None and run.has_begun,
            has_calls=facts.next_due is not None or facts.is_sending or (run is not None and run.is_new),
            was_planned=self._plan is not None,
        )

    def _problem_of(self, status: ServeStatus) -> Problem | None:
        if self._file.problem is not None or status is self._outcome:
            return self._file.problem or self._problem
        return _stopped(self._file.name, self._facts.stopped) if status is ServeStatus.STOPPED else None

    def _step(self) -> None:
        if self._is_ending:
            return
        match next_step(self._found()):
            case Step.REVIEW:
                self._start(self._review(self._file))
            case Step.APPLY:
                self._start(self._apply(self._file))
            case Step.COMPARE:
                self._start(self._compare(self._file))
            case Step.END_RUN if self._run is not None:
                self._run.end()
            case Step.STOP if self._to_stop is not None:
                self._start(self._stop(self._to_stop))
        self._show()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._asked_again = False
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._planning.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._planning.discard(task)
        self._shared.wake()

    def _show(self) -> None:
        status = self._status()
        shown = status, self._problem_of(status)
        if shown != self._shown:
            if self._shown is None or self._shown[0] is not status:
                self._since = self._now()
            self._shown = shown
            self._shared.on_status(self.served())

    async def _review(self, file: CampaignFile) -> None:
        """Plans for people who decide."""
        async with self._trying(file) as loaded:
            order = Order(loaded, self._environment.settings, float(int(self._now())))
            async with planned(order, self._environment) as (prepared, _):
                await self._keep_plan(file, prepared)
            self._outcome = self._problem = None
            self._pause(loaded.campaign.reload)

    async def _stop(self, stop: _Stop) -> None:
        """In the ledger, so that it holds for every process and after a restart."""
        # Where the ledger cannot be asked now, nothing is sent either: it is tried at the next look.
        with suppress(LedgerError):
            await asyncio.to_thread(
                stop_campaign, self._environment.ledger, stop.campaign, stop.problem, self._now()
            )
            self._to_stop = None

    async def _compare(self, file: CampaignFile) -> None:
        """Plans next to the run, which takes new contacts in. Where the plan differs otherwise, it ends."""
        run = self._run
        async with self._trying(file) as loaded:
            if run is None:
                return
            try:
                joined = await run.work.join(partial(self._may_join, file, run))
            except (LedgerUnavailableError, CampaignHeldError):
                # The run notices it too, and decides whether it can go on; or it has ended meanwhile.
                self._pause(pause_after(ServeStatus.UNREACHABLE, 1))
                return
            self._pause(loaded.campaign.reload)
            run.is_outdated = run.is_outdated or not joined

    async def _may_join(self, file: CampaignFile, run: _Run, prepared: PreparedPlan) -> bool:
        await self._keep_plan(file, prepared)
        await self._is_needed(file, run.work, prepared)
        run.is_outdated = is_another(prepared.plan)
        return not run.is_outdated and await self._is_still(file)

    async def _apply(self, file: CampaignFile) -> None:
        """Checks, plans and runs, as `apply` does. The run counts from when its plan is made."""
        async with self._trying(file) as loaded, self._held(file.name):
            work, prepared = await self._planned(file, loaded)
            end: RunEnd | None = RunEnd.DONE
            if await self._is_needed(file, work, prepared):
                end = await self._carry_out(file, work, prepared) if await self._is_still(file) else None
            if end is RunEnd.DONE and file.content == self._file.content:
                self._finished(loaded)

    async def _carry_out(self, file: CampaignFile, work: Apply, prepared: PreparedPlan) -> RunEnd | None:
        """Why the run ended; None where it was ended before it began."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a run needs a task of its own")
        run = self._run = _Run(file.content, work, task)
        self._pause(prepared.loaded.campaign.reload)
        log = RunLog(len(prepared.plan.calls), work.identity, self._now, self._log_options(file.name))

        def hear(event: Event) -> None:
            if isinstance(event, RunBegan):
                run.has_begun = True
                self._planning.discard(task)
                self._outcome = self._problem = None
                self._shared.wake()
            self._hear(event, log)
            self._show()

        if work.late_opt_outs:
            hear(OptedOutTooLate(found=work.late_opt_outs))
        self._shared.wake()
        try:
            return await work.run(prepared, hear)
        except asyncio.CancelledError:
            if not run.is_ending:
                raise
            return None
        except Exception as error:
            if isinstance(error, RunnerError) or not run.has_begun:
                raise
            raise unexpected(error, NeedsPersonError) from None
        finally:
            log.sum_up()
            self._run = None
            if self._outcome is None or not run.has_begun:
                self._due_at = 0

    def _hear(self, event: Event, log: RunLog) -> None:
        self._events.append(SeenEvent(at=self._now(), event=event))
        log.write(event)
        self._shared.on_event(self._file.name, event)
        self._shared.on_change()

    def _finished(self, loaded: LoadedCampaign) -> None:
        self._outcome, self._problem, self._failures = ServeStatus.FINISHED, None, 0
        self._pause(loaded.campaign.reload)

    async def _planned(self, file: CampaignFile, loaded: LoadedCampaign) -> tuple[Apply, PreparedPlan]:
        """Raises RunnerError."""

        def checked() -> tuple[Apply, int]:
            work = Apply(loaded, self._environment, wait=True)
            return work, work.check()

        work, orphaned = await asyncio.to_thread(checked)
        if orphaned:
            log = RunLog(0, work.identity, self._now, self._log_options(file.name))
            self._hear(CallsLost(count=orphaned), log)
        prepared = await work.plan_meanwhile()
        await self._keep_plan(file, prepared)
        return work, prepared

    async def _keep_plan(self, file: CampaignFile, prepared: PreparedPlan) -> None:
        def settled() -> "PlanView":
            view = prepared.view(show_contacts=False)
            prepared.working_set.settle()
            return view

        view = await asyncio.to_thread(settled)
        if file.content == self._file.content:
            self._plan, self._planned_at = view, self._now()
            self._shared.on_change()

    async def _is_needed(self, file: CampaignFile, work: Apply, prepared: PreparedPlan) -> bool:
        """Raises RunnerError also where the plan must not be carried out."""
        try:
            return await asyncio.to_thread(work.is_needed, prepared)
        except GuardError as error:
            raise GuardError(error.message, hint=_how_to_allow(file.path, prepared)) from None

    async def _is_still(self, file: CampaignFile) -> bool:
        """Whether what was planned is what may be carried out now."""
        content = await asyncio.to_thread(content_of, file.path)
        return not self._is_ending and self._found().may_run and file.content == content == self._file.content

    @asynccontextmanager
    async def _held(self, name: str) -> AsyncIterator[None]:
        """In a thread, since it waits for a moment where another process looks who holds it."""
        holding = self._environment.ledger.hold(name)
        entering = asyncio.ensure_future(asyncio.to_thread(holding.__enter__))
        try:
            await asyncio.shield(entering)
            yield
        finally:
            # Also where it was canceled meanwhile.
            await entering
            holding.__exit__(None, None, None)

    @asynccontextmanager
    async def _trying(self, file: CampaignFile) -> AsyncIterator[LoadedCampaign]:
        """Around work that fails for one campaign alone."""
        if file.loaded is None:
            raise ValueError(f"{file.path} is not valid")
        try:
            yield file.loaded
        except LedgerChangedError:
            # Somebody acted while the plan was made: a new plan follows at once.
            self._due_at = 0
        except RunnerError as error:
            self._failed(file, error)
        except Exception as error:  # noqa: BLE001 - an error of one campaign must not end the others
            self._failed(file, unexpected(error))

    def _failed(self, file: CampaignFile, error: RunnerError) -> None:
        problem = problem_of(error)
        if isinstance(error, NeedsPersonError):
            self._to_stop = _Stop(file.name, problem.words)
            problem = _stopped(file.name, problem.words)
        if (file.state, file.content) != (self._file.state, self._file.content):
            return
        self._failures += 1
        self._outcome, self._problem = status_after(error), problem
        self._pause(pause_after(self._outcome, self._failures))
        if self._run is not None:
            self._run.is_outdated = True

    def _log_options(self, name: str) -> LogOptions:
        settings = self._environment.settings
        return LogOptions(name, settings.log, settings.log_level, names_campaign=True)


def _notify_of(file: CampaignFile) -> tuple[Notification, ...]:
    return () if file.loaded is None else tuple(file.loaded.campaign.notify)


def _how_to_allow(path: Path, prepared: PreparedPlan) -> str:
    allowed = f"runner apply {shlex.quote(str(path))} {allow_options(prepared.beyond)} --until-idle"
    return f"check the sources and lists; if the plan is right, enter it once: {allowed}"


def _stopped(campaign: str, problem: str) -> Problem:
    return Problem(message=problem, hint=f"nothing is sent until you resume it: runner resume {campaign}")
