"""`runner serve`: applies every campaign of some folders and takes callbacks, until it is stopped."""

import asyncio
import shlex
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from runner.commands.terminal import reload_on_signal, signals_restored, stop_on_signals
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import ExitStatus, RunnerError, UsageError, unexpected
from runner.ledger.ledger import Ledger
from runner.ledger.notifications import Unsent
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.plan_facts import count
from runner.reports.plan_facts import totals as plan_totals
from runner.reports.service_log import ServiceLog
from runner.results.token import Tokens
from runner.serve.listening import listener
from runner.serve.metrics import Metrics
from runner.serve.notifications import Notifications
from runner.serve.private import PrivateServer
from runner.serve.private_site import NothingServed, PrivateSite, kept_totals
from runner.serve.receiving import ReceiverServer
from runner.serve.reconciler import Reconciler
from runner.serve.served import Problem, Served, ServedCampaign, ServeStatus
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
    log = ServiceLog(settings.log, settings.log_level)
    try:
        with log.opened():
            _run(paths, settings, log)
    except Exception as error:
        # As JSON, the last line is an object, too.
        if settings.log != "json":
            raise
        known = error if isinstance(error, RunnerError) else unexpected(error)
        log.failed(_problem_words(known))
        return known.exit_status
    return ExitStatus.DONE


def _run(paths: Sequence[Path], settings: Settings, log: ServiceLog) -> None:
    for path in paths:
        _check(path, log)
    if paths:
        with insight(settings) as environment:
            _serve(environment, paths, log)
        return
    if settings.public_url:
        validate_public_url(settings.public_url)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        rate = RateLimit(settings.requests_per_second)
        _serve(Environment(settings, ledger, Timer(), rate, is_rehearsal=False), (), log)


def _check(path: Path, log: ServiceLog) -> None:
    """A folder may get its files later, but a name that does not exist is a mistake."""
    if not path.exists():
        raise UsageError(f"{path} does not exist", hint="name campaign files, or folders that hold some")
    try:
        campaign_files(path)
    except RunnerError as error:
        log.caution(f"{error.message}; serve waits for one")


def _serve(environment: Environment, paths: Sequence[Path], log: ServiceLog) -> None:
    settings = environment.settings
    if settings.private_url:
        validate_private_url(settings.private_url)
    receiver = _receiver(environment.ledger, settings)
    reconciler = _reconciler(paths, environment, log) if paths else None
    served = reconciler or NothingServed()
    notifications = _notifications(served, environment, log)
    # Who looks at pages waits for other connections than those who call.
    with closing(Ledger.open(settings.ledger_url)) as ledger, signals_restored():
        totals = kept_totals(ledger)
        metrics = Metrics(totals, environment.rate, receiver.received, notifications.outcomes)
        shown = replace(environment, ledger=ledger)
        site = PrivateSite(served=served, environment=shown, totals=totals, metrics=metrics)
        work = None
        if reconciler is not None:
            reconciler.listen(metrics.hear)
            reconciler.listen(notifications.hear)
            work = _Work(reconciler, notifications)
        asyncio.run(_listen(receiver, site, work, log))
    log.note(_what_came(receiver))


@dataclass(frozen=True, slots=True)
class _Work:
    """What `serve` does with the campaigns of its folders."""

    reconciler: Reconciler
    notifications: Notifications

    async def keep(self) -> None:
        """Until the reconciler is stopped. What it reports last is posted, or kept for the next start."""
        reporting = asyncio.create_task(self.notifications.keep())
        try:
            await self.reconciler.keep()
        finally:
            self.notifications.stop()
            await reporting


def _notifications(served: Served, environment: Environment, log: ServiceLog) -> Notifications:
    return Notifications(
        environment,
        served,
        on_failure=lambda unsent, error: log.failed_post(unsent.campaign, _failed_post(unsent, error)),
        on_problem=lambda error: log.problem(_problem_words(error)),
    )


def _failed_post(unsent: Unsent, error: RunnerError) -> str:
    tried = f"the notification `{unsent.event}` could not be posted, try {unsent.tries}"
    return f"{tried}: {_problem_words(error)}"


def _reconciler(paths: Sequence[Path], environment: Environment, log: ServiceLog) -> Reconciler:
    return Reconciler(
        paths,
        environment,
        on_status=lambda found: _log(log, found),
        on_problem=lambda error: log.problem(_problem_words(error)),
    )


def _receiver(ledger: Ledger, settings: Settings) -> ReceiverServer:
    guard = RollbackGuard(ledger, ledger_states_folder())
    guard.check()
    return ReceiverServer(ledger, Tokens(privacy_key(settings, ledger), guard.ledger_id))


async def _listen(receiver: ReceiverServer, site: PrivateSite, work: _Work | None, log: ServiceLog) -> None:
    settings = site.environment.settings
    with (
        listener(settings.receiver_listen, "RUNNER_RECEIVER_LISTEN") as results,
        listener(settings.listen, "RUNNER_LISTEN") as pages,
    ):
        private = PrivateServer(
            site, pages, on_problem=lambda error: log.problem(_problem_words(error)), on_sign_in=log.note
        )
        log.note(f"taking results on {_url(results)}/results/, Ctrl-C ends this")
        log.note(f"showing campaigns on {_url(pages)}/")
        if private.is_in_clear:
            log.caution(
                "other machines reach RUNNER_LISTEN without TLS: passwords cross the network in the clear. "
                "To prevent it, put a proxy with TLS in front, and set RUNNER_PRIVATE_URL to its address"
            )
        if not settings.public_url:
            log.note(
                "RUNNER_PUBLIC_URL is not set: apply asks Insight for no callbacks. Set it for apply to the "
                "address at which Insight reaches this one"
            )
        ending = asyncio.Event()
        stop_on_signals(ending.set if work is None else work.reconciler.stop)
        servers = [asyncio.create_task(receiver.serve(results)), asyncio.create_task(private.serve())]
        try:
            reload_on_signal(lambda: _reload(work, log))
            await (ending.wait() if work is None else work.keep())
        finally:
            receiver.stop()
            private.stop()
            await asyncio.gather(*servers)


def _reload(work: _Work | None, log: ServiceLog) -> None:
    log.note(
        "reading campaign files, contacts, lists and the policy file again; restart serve where its settings "
        "or credentials changed"
    )
    if work is not None:
        work.reconciler.reload()


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _log(log: ServiceLog, found: ServedCampaign) -> None:
    log.status(found.name, found.status.value, _words(found), is_problem=found.status in _PROBLEMS)


def _words(found: ServedCampaign) -> str:
    words = found.status.value.replace("_", " ")
    if found.plan is not None and found.status in _WITH_A_PLAN:
        words += f" ({plan_totals(found.plan)})"
    if found.status is ServeStatus.WAITING_FOR_APPROVAL:
        words += f"; approve it with: runner approve {shlex.quote(str(found.path))}"
    return words if found.problem is None else f"{words}: {found.problem.words}"


def _problem_words(error: RunnerError) -> str:
    return Problem(message=error.message, hint=error.hint).words


def _what_came(server: ReceiverServer) -> str:
    came = ", ".join(f"{number:,} {word.replace('_', ' ')}" for word, number in server.received.items())
    return f"{count(sum(server.received.values()), 'callback')} taken{f': {came}' if came else ''}"
