"""Applies a campaign: checks the ledger, plans, enters the plan as a run, and dispatches its calls."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress

from runner.calls import CallState, Guard
from runner.campaign.loader import LoadedCampaign
from runner.campaign.model import Campaign
from runner.campaign.warning_codes import WarningCode
from runner.contacts.identity import Identity
from runner.dispatch.dispatcher import Dispatcher
from runner.dispatch.events import CallEnded, Event, RunBegan, RunEnd
from runner.dispatch.run import CurrentPlan, Post, Run, no_records, nothing_awaited
from runner.dispatch.timer import ClockCheck
from runner.errors import GuardError, LedgerUnavailableError, SourceContentError, StoppedError
from runner.insight.client import InsightClient
from runner.insight.outcome import CampaignBlocked, Exchange, Uncertain, classify
from runner.insight.protocol import queue_request, record_request
from runner.ledger import late_opt_outs
from runner.ledger.asking import Patience
from runner.ledger.call_limits import CallLimits
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import Claim
from runner.ledger.late_opt_outs import LateOptOut
from runner.ledger.ledger import RunProcess
from runner.ledger.process_ids import pid_space
from runner.ledger.results import Results
from runner.planning.guards import GUARDS, allow_options
from runner.planning.pacing import PaceLimit
from runner.planning.placement import effective_pace, reschedule
from runner.planning.plan import PlannedCall, Slot, WaitingCall
from runner.results.polling import CONNECTIONS as POLLING_CONNECTIONS
from runner.results.polling import Polling
from runner.results.token import Attempt, Tokens
from runner.services import saved_plans
from runner.services.binding import binding_of, commit_of
from runner.services.environment import Environment, insight_client
from runner.services.further_rounds import FurtherRounds, MayEnter
from runner.services.planning import PreparedPlan, prepare_plan, privacy_key
from runner.services.planning_process import Order, planned
from runner.services.progress import NO_PROGRESS, Progress

_TRIES_TO_REACH = 3
_UNAUTHORIZED = 401
_WITHOUT_POLLING_SECONDS = 3600
"""How often to look for results that did not come, where Insight is not asked."""


class _CanceledError(Exception):
    """Entering the plan was canceled."""


class Apply:
    """One apply of one campaign, in this order: `check`, `plan`, `run`. Hold the campaign meanwhile."""

    def __init__(
        self,
        loaded: LoadedCampaign,
        environment: Environment,
        *,
        saved: saved_plans.PlanFile | None = None,
        limit: int | None = None,
        until_idle: bool = False,
        wait: bool = False,
        allowed: Collection[Guard] = (),
        progress: Progress = NO_PROGRESS,
    ) -> None:
        """What is beyond a guard of the campaign is done where it is `allowed`. With `limit`, only so many
        calls are planned, and only those are sent. With `until_idle` the run ends when nothing is due soon.
        With `wait`, or where the campaign has further rounds, it ends when all results are in.
        """
        self.campaign = loaded.campaign.name
        self.identity = Identity(privacy_key(environment.settings, environment.ledger))
        self.late_opt_outs = list[LateOptOut]()
        """People who opted out after Insight got their call, as `plan` finds them."""
        self.queued = 0
        """Calls that the run has queued."""
        self._loaded = loaded
        self._environment = environment
        self._saved = saved
        self._limit = limit
        self._until_idle = until_idle
        self._waits = wait or loaded.campaign.retry_policy.rounds > 1
        self._allowed = allowed
        self._progress = progress
        self._binding = binding_of(loaded, environment.settings, self.identity)
        self._guard = environment.guard()
        self._dispatcher: Dispatcher | None = None
        self._rounds: FurtherRounds | None = None

    def check(self) -> int:
        """Returns how many calls a run was sending when it died: they are uncertain now.

        Raises LedgerError where the ledger was lost or copied, belongs to another account, API or survey, or
        has the campaign as canceled.
        """
        ledger = self._environment.ledger
        self._guard.check()
        ledger.check_binding(self._binding)
        ledger.check_not_canceled(self.campaign)
        return ledger.mark_orphaned_calls(self.campaign)

    def plan(self) -> PreparedPlan:
        """Plans as of now. Raises RunnerError for all that keeps a plan from being made, and PlanStaleError
        where it differs from the saved plan.
        """
        ledger = self._environment.ledger
        prepared = prepare_plan(
            self._loaded,
            self._environment.settings,
            ledger,
            now=float(int(self._environment.clock.now())),
            limit=self._limit,
            allowed=self._allowed,
            progress=self._progress,
        )
        if self._saved is not None:
            prepared = saved_plans.confirm(self._saved, prepared, ledger, self._guard, self._progress)
        self._note_late_opt_outs(prepared)
        return prepared

    async def plan_meanwhile(self) -> PreparedPlan:
        """The same without a saved plan, while other runs of this process go on."""
        environment = self._environment
        order = Order(self._loaded, environment.settings, float(int(environment.clock.now())))
        async with planned(order, environment) as (prepared, _):
            await asyncio.to_thread(self._note_late_opt_outs, prepared)
            return prepared

    def _note_late_opt_outs(self, prepared: PreparedPlan) -> None:
        engine, match = self._environment.ledger.engine, prepared.suppressed.match
        self.late_opt_outs = late_opt_outs.note(engine, self.campaign, match, prepared.plan.as_of)

    def is_needed(self, prepared: PreparedPlan) -> bool:
        """Whether a run has something to do: also where calls that another run is sending may come back
        unsent, or become uncertain with it. Raises SourceContentError for a source without rows, and
        GuardError for a plan beyond a guard.
        """
        _refuse_empty_sources(prepared)
        _refuse_beyond_guard(prepared)
        ledger = self._environment.ledger
        return (
            prepared.has_changes
            or ledger.is_sending(self.campaign)
            or (self._waits and ledger.awaits_results(self.campaign, self._environment.clock.now()))
        )

    async def run(self, prepared: PreparedPlan, on_event: Callable[[Event], None]) -> RunEnd:
        """Queues every call of the plan and returns why the run ended. Canceled before RunBegan, it leaves
        nothing in the ledger.

        Raises StoppedError when no call can succeed, and LedgerError; the ledger then holds every call that
        is left.
        """
        _refuse_empty_sources(prepared)
        _refuse_beyond_guard(prepared)

        def hear(event: Event) -> None:
            self.queued += isinstance(event, CallEnded) and event.state is CallState.QUEUED
            on_event(event)

        clock_check = ClockCheck(self._environment.clock.now, hear)
        async with self._environment.client() as client, self._environment.callbacks():
            async with self._environment.clock.held():
                await _check_insight(client, self._loaded, self._environment, clock_check)
                run = await self._enter(prepared)
            rounds = self._rounds = FurtherRounds(prepared, self._environment, self._binding, run, hear)
            self._dispatcher = Dispatcher(
                self._run(run, rounds, clock_check, hear),
                _post(client, self._environment),
                push=_push(client, self._loaded.campaign, self._environment),
                max_in_flight=self._environment.settings.max_in_flight,
                until_idle=self._until_idle,
            )
            hear(RunBegan())
            async with self._polling(self._dispatcher, hear), self._planning(rounds, self._dispatcher):
                return await self._dispatch(run, self._dispatcher)

    @asynccontextmanager
    async def _polling(self, dispatcher: Dispatcher, hear: Callable[[Event], None]) -> AsyncIterator[None]:
        """Inside the block, Insight is asked about calls whose attempts must be over."""
        environment, results = self._environment, self._loaded.campaign.results
        # Connections of its own: a request that queues a call never waits for a question.
        async with insight_client(environment.settings, POLLING_CONNECTIONS) as client:
            polling = Polling(
                self.campaign,
                Results(environment.ledger.engine),
                client.call_details,
                rate=environment.rate,
                clock=environment.clock,
                patience=Patience(every=results.poll or _WITHOUT_POLLING_SECONDS, give_up=results.give_up),
                asks=results.poll is not None,
                on_event=hear,
            )
            async with _meanwhile(polling.keep(), dispatcher.fail):
                yield

    @asynccontextmanager
    async def _planning(self, rounds: FurtherRounds, dispatcher: Dispatcher) -> AsyncIterator[None]:
        """Inside the block, further rounds are planned as results come in."""
        planning = _meanwhile(rounds.keep(dispatcher.wake), dispatcher.fail) if self._waits else nullcontext()
        async with planning:
            yield

    async def join(self, may_enter: MayEnter) -> bool:
        """After RunBegan, as `FurtherRounds.join`."""
        if self._rounds is None:
            raise RuntimeError("the run has not begun")
        return await self._rounds.join(may_enter)

    def stop(self) -> None:
        """Ends the run after RunBegan: no new calls are sent, and requests under way are finished."""
        if self._dispatcher is not None:
            self._dispatcher.stop()

    async def _dispatch(self, run: int, dispatcher: Dispatcher) -> RunEnd:
        ending: str | None = "failed"
        try:
            finish = await dispatcher.run()
            ending = finish.value
        except LedgerUnavailableError:
            # Asking it again would take as long again; the run's lease passes by itself.
            ending = None
            raise
        finally:
            if ending is not None:
                self._environment.ledger.end_run(run, ending, self._environment.clock.now())
        return finish

    async def _enter(self, prepared: PreparedPlan) -> int:
        """In a thread: entering a large plan takes long, and other runs of this process go on meanwhile."""
        ledger, now = self._environment.ledger, self._environment.clock.now()
        canceled = threading.Event()

        def watch(calls: Sequence[PlannedCall]) -> Iterator[PlannedCall]:
            for call in self._progress.bar("entering the plan", len(calls), calls):
                if canceled.is_set():
                    raise _CanceledError
                yield call

        def enter() -> int:
            process = RunProcess(
                host=socket.gethostname(),
                pid=os.getpid(),
                pid_space=pid_space(),
                git_commit=commit_of(self._loaded.path),
                limited=self._limit is not None,
            )
            with self._progress.activity("entering the plan"):
                return ledger.begin_run(
                    self._binding,
                    prepared.plan,
                    process,
                    now,
                    watch=watch,
                    entered=self._note_saved_plan,
                    counts=prepared.counts,
                )

        entering = asyncio.ensure_future(asyncio.to_thread(enter))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            canceled.set()
            while not entering.done():
                # Also where it is canceled again: the thread may enter the plan all the same.
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([entering])
            with suppress(_CanceledError):
                ledger.end_run(entering.result(), RunEnd.INTERRUPTED, now)
            raise

    def _note_saved_plan(self) -> None:
        """It counts as used once it is entered, not before: Insight may be unreachable."""
        if self._saved is not None:
            self._guard.note_plan(self._saved.saved.view.plan_id)

    def _run(
        self, run: int, rounds: FurtherRounds, clock_check: ClockCheck, hear: Callable[[Event], None]
    ) -> Run:
        environment = self._environment
        return Run(
            queue=CallQueue(
                environment.ledger.engine,
                self.campaign,
                run,
                only_own=self._limit is not None,
                pace=_pace(self._loaded, environment),
                intended=self._guard.advance,
                result_url=self._result_url(),
                pushes_records=self._loaded.campaign.metadatabase is not None,
                suppressions=environment.ledger.suppressions(self.campaign),
                limits=CallLimits(self.campaign, rounds.rules),
            ),
            lease=environment.ledger.lease(self.campaign, run),
            plan=_current_plan(rounds, environment.settings.requests_per_second),
            awaits=rounds.awaits if self._waits else nothing_awaited,
            clock=environment.clock,
            rate=environment.rate,
            clock_check=clock_check,
            on_event=hear,
            noted=self._guard.note,
        )

    def _result_url(self) -> Callable[[int, int], str]:
        """Where Insight posts the result of an attempt, where the campaign does not say it."""
        settings = self._environment.settings
        if not settings.public_url or self._loaded.campaign.result_url is not None:
            return lambda _call, _fence: ""
        tokens = Tokens(privacy_key(settings, self._environment.ledger), self._guard.ledger_id)
        return lambda call, fence: f"{settings.public_url}/results/{tokens.token(Attempt(call, fence))}"


@asynccontextmanager
async def _meanwhile(
    work: Coroutine[None, None, None], fail: Callable[[BaseException], None]
) -> AsyncIterator[None]:
    """Inside the block, the work goes on. Where it fails, `fail` is called: what waits for it would wait for
    ever.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            fail(error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _refuse_empty_sources(prepared: PreparedPlan) -> None:
    """Raises SourceContentError: an export that broke must not withdraw everybody."""
    empty = [found for found in prepared.plan.diagnostics if found.code == WarningCode.EMPTY_SOURCE]
    if empty:
        raise SourceContentError(
            "\n".join(f"{found.file}:{found.line}: {found.message}; nothing was changed" for found in empty),
            hint=empty[0].hint,
        )


def _refuse_beyond_guard(prepared: PreparedPlan) -> None:
    """Raises GuardError: half an export or half a list must not be taken for the whole."""
    beyond = [found for found in prepared.plan.diagnostics if found.code in GUARDS]
    if beyond:
        raise GuardError(
            "\n".join(f"{found.message}; nothing was changed" for found in beyond),
            hint=f"check the sources and lists; if the plan is right, add {allow_options(prepared.beyond)}",
        )


def _current_plan(rounds: FurtherRounds, requests_per_second: float) -> CurrentPlan:
    campaign, rules = rounds.loaded.campaign, rounds.rules

    def excluded_now(key: str, phone: str) -> str | None:
        """A call that the plan counts as queued may come back from another run of the same campaign."""
        newest = rounds.newest_plan
        return newest.working_set.left_out(key, phone) or newest.suppressed.match(key, phone)

    def new_slots(late: Sequence[WaitingCall], taken: Sequence[int], now: float) -> Mapping[int, Slot | None]:
        return reschedule(
            campaign,
            late,
            taken,
            now=now,
            requests_per_second=requests_per_second,
            rules=rules,
            days=rounds.days_of_others(now),
        )

    return CurrentPlan(
        excluded_now=excluded_now, newly_suppressed=rounds.newly_suppressed, reschedule=new_slots
    )


async def _check_insight(
    client: InsightClient, loaded: LoadedCampaign, environment: Environment, clock_check: ClockCheck
) -> None:
    """A harmless request before anything is written: Insight answers, and accepts the credentials."""
    survey = loaded.campaign.survey
    for attempt in range(_TRIES_TO_REACH):
        exchange = await client.responses(survey.survey_id, survey.instance_id)
        if exchange.status is not None:
            break
        if attempt < _TRIES_TO_REACH - 1:
            await asyncio.sleep(2**attempt)
    if exchange.status is None:
        raise StoppedError(
            f"Insight cannot be reached at {environment.settings.insight_base_url}: {exchange.problem}",
            hint="check the network and RUNNER_INSIGHT_BASE_URL; nothing was queued or changed",
        )
    outcome = classify(exchange)
    # Other errors may concern only this request; those that concern the campaign come with the first call.
    if exchange.status == _UNAUTHORIZED and isinstance(outcome, CampaignBlocked | Uncertain):
        said = outcome.error if isinstance(outcome, CampaignBlocked) else outcome.body
        raise StoppedError(f"Insight does not accept the credentials: {said}", hint=outcome.advice)
    clock_check.compare(exchange)


def _post(client: InsightClient, environment: Environment) -> Post:
    async def post(claim: Claim, before_send: Callable[[], None]) -> Exchange:
        request = queue_request(
            survey_id=claim.survey_id,
            instance_id=claim.instance_id,
            call=claim.request,
            start_timestamp=claim.start_timestamp,
            end_timestamp=claim.end_timestamp,
            accept=environment.settings.accept,
        )
        return await client.post(request, before_send=before_send)

    return post


def _push(client: InsightClient, campaign: Campaign, environment: Environment) -> Post:
    metadatabase = campaign.metadatabase
    if metadatabase is None:
        return no_records

    async def push(claim: Claim, before_send: Callable[[], None]) -> Exchange:
        request = record_request(
            metadatabase=metadatabase, metadata=claim.request.metadata, accept=environment.settings.accept
        )
        return await client.post(request, before_send=before_send)

    return push


def _pace(loaded: LoadedCampaign, environment: Environment) -> PaceLimit | None:
    """None where the campaign declares no pace: the request rate bounds it then."""
    pacing = loaded.campaign.pacing
    if pacing.calls_per_minute is None:
        return None
    return PaceLimit(effective_pace(loaded.campaign, environment.requests_per_second), pacing.queue_ahead)
