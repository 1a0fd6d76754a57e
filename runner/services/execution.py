"""Carries out a plan: reaches Insight, begins a run in the ledger, and dispatches its calls."""

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from runner.campaign.loader import LoadedCampaign
from runner.dispatch.dispatcher import Dispatcher
from runner.dispatch.events import Event, RunBegan, RunEnd
from runner.dispatch.run import CurrentPlan, Post, Run
from runner.dispatch.timer import ClockCheck
from runner.errors import LedgerUnavailableError, StoppedError
from runner.insight.client import InsightClient
from runner.insight.outcome import CampaignBlocked, Exchange, Uncertain, classify
from runner.insight.protocol import queue_request
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import Claim
from runner.ledger.ledger import RunProcess
from runner.ledger.rollback_guard import RollbackGuard
from runner.planning.pacing import PaceLimit
from runner.planning.placement import effective_pace
from runner.planning.plan import PlannedCall
from runner.services.environment import Environment
from runner.services.planned_run import PlannedRun
from runner.services.progress import NO_PROGRESS, Progress

_TRIES_TO_REACH = 3
_UNAUTHORIZED = 401


class _CanceledError(Exception):
    """Entering the plan was canceled."""


class Execution:
    """One run of one planned campaign: `begin` it, then `dispatch` it; `stop` ends it early and in order."""

    def __init__(
        self,
        planned: PlannedRun,
        environment: Environment,
        client: InsightClient,
        guard: RollbackGuard,
        on_event: Callable[[Event], None],
        *,
        until_idle: bool = False,
    ) -> None:
        self._planned = planned
        self._environment = environment
        self._client = client
        self._guard = guard
        self._on_event = on_event
        self._until_idle = until_idle
        self._clock_check = ClockCheck(environment.clock.now, on_event)
        self._run = 0
        self._dispatcher: Dispatcher | None = None

    async def begin(self, progress: Progress = NO_PROGRESS) -> None:
        """Enters the plan into the ledger. Canceled before it is entered, it leaves nothing there.

        Raises StoppedError when Insight cannot be reached or refuses the credentials, and LedgerError.
        """
        await _check_insight(self._client, self._planned.loaded, self._environment, self._clock_check)
        self._run = await self._enter(progress)
        self._dispatcher = self._make_dispatcher()
        self._on_event(RunBegan())

    async def dispatch(self) -> RunEnd:
        """Queues every call of the plan and returns why the run ended.

        Raises StoppedError when no call can succeed; the ledger then holds every call that is left.
        """
        if self._dispatcher is None:
            raise RuntimeError("dispatch a run after it began")
        ending: str | None = "failed"
        try:
            finish = await self._dispatcher.run()
            ending = finish.value
        except LedgerUnavailableError:
            # Asking it again would take as long again; the run's lease passes by itself.
            ending = None
            raise
        finally:
            if ending is not None:
                self._environment.ledger.end_run(self._run, ending, self._environment.clock.now())
        return finish

    def stop(self) -> None:
        """Ends the run that began: no new calls are sent, and requests under way are finished."""
        if self._dispatcher is not None:
            self._dispatcher.stop()

    async def _enter(self, progress: Progress) -> int:
        """In a thread: entering a large plan takes long, and other runs of this process go on meanwhile."""
        ledger, now = self._environment.ledger, self._environment.clock.now()
        process = _this_process(self._planned.loaded, limited=self._planned.is_limited)
        canceled = threading.Event()

        def watch(calls: Sequence[PlannedCall]) -> Iterator[PlannedCall]:
            for call in progress.bar("entering the plan", len(calls), calls):
                if canceled.is_set():
                    raise _CanceledError
                yield call

        def enter() -> int:
            with progress.activity("entering the plan"):
                return self._planned.begin(ledger, process, now, watch)

        entering = asyncio.ensure_future(asyncio.to_thread(enter))
        try:
            return await asyncio.shield(entering)
        except asyncio.CancelledError:
            canceled.set()
            with suppress(_CanceledError):
                ledger.end_run(await entering, RunEnd.INTERRUPTED, now)
            raise

    def _make_dispatcher(self) -> Dispatcher:
        planned, environment = self._planned, self._environment
        settings = environment.settings
        run = Run(
            queue=CallQueue(
                environment.ledger.engine,
                planned.campaign,
                self._run,
                only_own=planned.is_limited,
                pace=_pace(planned.loaded, environment),
                intended=self._guard.advance,
            ),
            lease=environment.ledger.lease(planned.campaign, self._run),
            plan=CurrentPlan(
                excluded_now=planned.excluded_now,
                newly_suppressed=planned.newly_suppressed,
                reschedule=partial(planned.reschedule, requests_per_second=settings.requests_per_second),
            ),
            clock=environment.clock,
            rate=environment.rate,
            clock_check=self._clock_check,
            on_event=self._on_event,
            noted=self._guard.note,
        )
        return Dispatcher(
            run,
            _post(self._client, environment),
            max_in_flight=settings.max_in_flight,
            until_idle=self._until_idle,
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
        return await client.queue(request, before_send=before_send)

    return post


def _pace(loaded: LoadedCampaign, environment: Environment) -> PaceLimit | None:
    """None where the campaign declares no pace: the request rate bounds it then."""
    pacing = loaded.campaign.pacing
    if pacing.calls_per_minute is None:
        return None
    return PaceLimit(effective_pace(loaded.campaign, environment.requests_per_second), pacing.queue_ahead)


def _this_process(loaded: LoadedCampaign, *, limited: bool) -> RunProcess:
    return RunProcess(
        host=socket.gethostname(),
        pid=os.getpid(),
        git_commit=_git_commit(loaded.path),
        limited=limited,
    )


def _git_commit(campaign_file: Path) -> str:
    """The last commit of the campaign file; empty outside git, or where git is not installed."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed words, and a path after `--`
            ["git", "log", "-1", "--format=%H", "--", campaign_file.name],  # noqa: S607 - the user's own git
            cwd=campaign_file.resolve().parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
