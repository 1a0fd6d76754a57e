"""`runner serve`: applies every campaign of some folders and takes callbacks, until it is stopped."""

import asyncio
import shlex
import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from runner.commands.terminal import note, reload_on_signal, signals_restored, stop_on_signals
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import ExitStatus, RunnerError, UsageError
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.live import LogOptions, log_lines, log_status
from runner.reports.plan_facts import count, totals
from runner.results.token import Tokens
from runner.serve.listening import listener
from runner.serve.metrics import Metrics
from runner.serve.private import PrivateServer
from runner.serve.private_site import NothingServed, PrivateSite
from runner.serve.receiving import ReceiverServer
from runner.serve.reconciler import Reconciler
from runner.serve.served import Problem, ServedCampaign, ServeStatus
from runner.services.campaigns import campaign_files
from runner.services.environment import Environment, insight
from runner.services.planning import privacy_key
from runner.settings import (
    Settings,
    ledger_states_folder,
    load_settings,
    validate_private_url,
    validate_public_url,
)

_WITH_A_PLAN = {ServeStatus.WAITING_FOR_APPROVAL, ServeStatus.RUNNING}
_PROBLEMS = {ServeStatus.GUARDED, ServeStatus.STOPPED, ServeStatus.BROKEN, ServeStatus.UNREACHABLE}


def serve(paths: Sequence[Path]) -> int:
    """Serves until Ctrl-C or SIGTERM; then finishes what is under way, and says what came in.

    With `paths`, it applies every campaign of these files and folders. Raises RunnerError.
    """
    settings = load_settings()
    for path in paths:
        _check(path)
    if paths:
        _carry_out(paths, settings)
    else:
        _take_results(settings)
    return ExitStatus.DONE


def _check(path: Path) -> None:
    """A folder may get its files later, but a name that does not exist is a mistake."""
    if not path.exists():
        raise UsageError(f"{path} does not exist", hint="name campaign files, or folders that hold some")
    try:
        campaign_files(path)
    except RunnerError as error:
        note(f"warning: {error.message}; serve waits for one")


def _carry_out(paths: Sequence[Path], settings: Settings) -> None:
    with insight(settings) as environment:
        _run(environment, paths)


def _take_results(settings: Settings) -> None:
    if settings.public_url:
        validate_public_url(settings.public_url)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        rate = RateLimit(settings.requests_per_second)
        _run(Environment(settings, ledger, Timer(), rate, is_rehearsal=False), ())


def _run(environment: Environment, paths: Sequence[Path]) -> None:
    settings = environment.settings
    if settings.private_url:
        validate_private_url(settings.private_url)
    receiver = _receiver(environment.ledger, settings)
    metrics = Metrics(environment.ledger, environment.rate, receiver.received)
    reconciler = _reconciler(paths, environment, metrics) if paths else None
    site = PrivateSite(served=reconciler or NothingServed(), environment=environment, metrics=metrics)
    with signals_restored(), log_lines(settings.log_level):
        asyncio.run(_serve(receiver, site, reconciler))
    note(_what_came(receiver))


def _reconciler(paths: Sequence[Path], environment: Environment, metrics: Metrics) -> Reconciler:
    settings, clock = environment.settings, environment.clock
    return Reconciler(
        paths,
        environment,
        on_status=lambda found: _log(found, settings, clock.now()),
        on_problem=lambda error: _log_problem(error, settings, clock.now()),
        on_event=metrics.hear,
    )


def _receiver(ledger: Ledger, settings: Settings) -> ReceiverServer:
    guard = RollbackGuard(ledger, ledger_states_folder())
    guard.check()
    return ReceiverServer(ledger, Tokens(privacy_key(settings, ledger), guard.ledger_id))


async def _serve(receiver: ReceiverServer, site: PrivateSite, reconciler: Reconciler | None) -> None:
    environment, settings = site.environment, site.environment.settings
    with (
        listener(settings.receiver_listen, "RUNNER_RECEIVER_LISTEN") as results,
        listener(settings.listen, "RUNNER_LISTEN") as pages,
    ):
        private = PrivateServer(
            site, pages, lambda error: _log_problem(error, settings, environment.clock.now())
        )
        note(f"taking results on {_url(results)}/results/, Ctrl-C ends this")
        note(f"showing campaigns on {_url(pages)}/")
        if not settings.public_url:
            note(
                "RUNNER_PUBLIC_URL is not set: apply asks Insight for no callbacks. Set it for apply to the "
                "address at which Insight reaches this one"
            )
        ending = asyncio.Event()
        stop_on_signals(ending.set if reconciler is None else reconciler.stop)
        servers = [asyncio.create_task(receiver.serve(results)), asyncio.create_task(private.serve())]
        try:
            if reconciler is None:
                await ending.wait()
            else:
                reload_on_signal(reconciler.reload)
                await reconciler.keep()
        finally:
            receiver.stop()
            private.stop()
            await asyncio.gather(*servers)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _log(found: ServedCampaign, settings: Settings, now: float) -> None:
    log = LogOptions(found.name, settings.log, settings.log_level)
    log_status(log, now, found.status.value, _words(found), is_problem=found.status in _PROBLEMS)


def _words(found: ServedCampaign) -> str:
    words = found.status.value.replace("_", " ")
    if found.plan is not None and found.status in _WITH_A_PLAN:
        words += f" ({totals(found.plan)})"
    if found.status is ServeStatus.WAITING_FOR_APPROVAL:
        words += f"; approve it with: runner approve {shlex.quote(str(found.path))}"
    return words if found.problem is None else f"{words}: {found.problem.words}"


def _log_problem(error: RunnerError, settings: Settings, now: float) -> None:
    words = Problem(message=error.message, hint=error.hint).words
    log = LogOptions("serve", settings.log, settings.log_level)
    log_status(log, now, ServeStatus.UNREACHABLE.value, words, is_problem=True)


def _what_came(server: ReceiverServer) -> str:
    came = ", ".join(f"{number:,} {word.replace('_', ' ')}" for word, number in server.received.items())
    return f"{count(sum(server.received.values()), 'callback')} taken{f': {came}' if came else ''}"
