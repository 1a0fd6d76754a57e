"""Carries work out: reaches Insight, begins a run in the ledger, and dispatches its calls."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from runner.campaign.loader import LoadedCampaign
from runner.commands.environment import Environment
from runner.commands.planned_run import PlannedRun
from runner.dispatch.clock_check import ClockCheck
from runner.dispatch.dispatcher import Dispatcher, Limits
from runner.dispatch.events import Event, RunBegan, RunEnd
from runner.dispatch.sender import Post
from runner.errors import StoppedError
from runner.insight.client import InsightClient
from runner.insight.outcome import CampaignBlocked, Exchange, classify
from runner.insight.protocol import queue_request
from runner.ledger.call_queue import CallQueue
from runner.ledger.claim import Claim
from runner.ledger.late_calls import Reschedule
from runner.ledger.ledger import RunProcess
from runner.ledger.rollback_guard import RollbackGuard
from runner.planning.pace_limit import PaceLimit
from runner.planning.placement import effective_pace, reschedule
from runner.planning.plan import Slot, WaitingCall

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TRIES_TO_REACH = 3
_UNAUTHORIZED = 401


async def execute(
    loaded: LoadedCampaign,
    work: PlannedRun,
    target: Environment,
    guard: RollbackGuard,
    *,
    until_idle: bool,
    on_event: Callable[[Event], None],
) -> RunEnd:
    """Queues every call of this work and returns why it ended.

    Raises StoppedError when Insight cannot be reached or nothing can succeed there; the ledger then holds
    every call that is left.
    """
    ledger, clock = target.ledger, target.clock
    async with target.client() as client:
        clock_check = ClockCheck(clock.now, on_event)
        await _check_insight(client, loaded, target, clock_check)
        with interruptible():
            run = work.begin(_this_process(loaded, limited=work.is_limited), clock.now())
        on_event(RunBegan())
        ending = "failed"
        try:
            dispatcher = Dispatcher(
                queue=CallQueue(
                    ledger.engine,
                    loaded.campaign.name,
                    run,
                    only_own=work.is_limited,
                    pace=_pace(loaded, target),
                    intended=guard.advance,
                ),
                lease=ledger.lease(loaded.campaign.name, run),
                post=_post(client, target),
                clock=clock,
                clock_check=clock_check,
                limits=Limits(
                    requests_per_second=target.requests_per_second,
                    max_in_flight=target.settings.max_in_flight,
                    until_idle=until_idle,
                ),
                reschedule=_reschedule(loaded, target),
                excluded_now=work.excluded_now,
                newly_suppressed=work.newly_suppressed,
                noted=guard.note,
                on_event=on_event,
            )
            _stop_on_signals(dispatcher.stop)
            finish = await dispatcher.run()
            ending = finish.value
        finally:
            ledger.end_run(run, ending, clock.now())
    return finish


@contextmanager
def interruptible() -> Iterator[None]:
    """At once: entering a large plan takes long, and the event loop would wait until all of it is entered."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def signals_kept() -> Iterator[None]:
    """A loop that closes leaves the signals it heard to the system, which ends a process without more ado."""
    before = {name: signal.getsignal(name) for name in _ENDING}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the run in order: what is under way is finished."""
    loop = asyncio.get_running_loop()
    for name in _ENDING:
        # Under nohup a closed terminal is no reason to stop.
        if signal.getsignal(name) is not signal.SIG_IGN:
            loop.add_signal_handler(name, stop)


async def _check_insight(
    client: InsightClient, loaded: LoadedCampaign, target: Environment, clock_check: ClockCheck
) -> None:
    """Asks Insight something harmless before anything is written, to see that it is there and knows us."""
    survey = loaded.campaign.survey
    for attempt in range(_TRIES_TO_REACH):
        exchange = await client.responses(survey.survey_id, survey.instance_id)
        if exchange.status is not None:
            break
        if attempt < _TRIES_TO_REACH - 1:
            await asyncio.sleep(2**attempt)
    if exchange.status is None:
        raise StoppedError(
            f"Insight cannot be reached at {target.settings.insight_base_url}: {exchange.problem}",
            hint="check the network and RUNNER_INSIGHT_BASE_URL; nothing was queued or changed",
        )
    outcome = classify(exchange)
    # Other errors may concern only this question; those that concern the campaign come with the first call.
    if isinstance(outcome, CampaignBlocked) and outcome.status == _UNAUTHORIZED:
        raise StoppedError(f"Insight does not accept the credentials: {outcome.error}", hint=outcome.advice)
    clock_check.compare(exchange)


def _post(client: InsightClient, target: Environment) -> Post:
    async def post(claim: Claim, before_send: Callable[[], None]) -> Exchange:
        request = queue_request(
            survey_id=claim.survey_id,
            instance_id=claim.instance_id,
            call=claim.request,
            start_timestamp=claim.start_timestamp,
            end_timestamp=claim.end_timestamp,
            accept=target.settings.accept,
        )
        return await client.queue(request, before_send=before_send)

    return post


def _pace(loaded: LoadedCampaign, target: Environment) -> PaceLimit | None:
    """None where the campaign declares no pace: the request rate bounds it then."""
    pacing = loaded.campaign.pacing
    if pacing.calls_per_minute is None:
        return None
    return PaceLimit(effective_pace(loaded.campaign, target.requests_per_second), pacing.queue_ahead)


def _reschedule(loaded: LoadedCampaign, target: Environment) -> Reschedule:
    def new_slots(late: Sequence[WaitingCall], taken: Sequence[int], now: float) -> Mapping[int, Slot | None]:
        return reschedule(
            loaded.campaign, late, taken, now=now, requests_per_second=target.settings.requests_per_second
        )

    return new_slots


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
