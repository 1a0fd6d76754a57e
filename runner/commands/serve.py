"""`runner serve`: takes Insight's callbacks until it is stopped."""

import asyncio
from contextlib import closing

from runner.commands.terminal import note, signals_restored, stop_on_signals
from runner.errors import ExitStatus
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.reports.plan_facts import count
from runner.results.token import Tokens
from runner.serve.listening import listener
from runner.serve.receiving import ReceiverServer
from runner.services.planning import privacy_key
from runner.settings import Settings, ledger_states_folder, load_settings, validate_public_url


def serve() -> int:
    """Serves until Ctrl-C or SIGTERM; then answers what is under way, and says what came in."""
    settings = load_settings()
    if settings.public_url:
        validate_public_url(settings.public_url)
    with closing(Ledger.open(settings.ledger_url)) as ledger, signals_restored():
        guard = RollbackGuard(ledger, ledger_states_folder())
        guard.check()
        server = ReceiverServer(ledger, Tokens(privacy_key(settings, ledger), guard.ledger_id))
        asyncio.run(_serve(server, settings))
        note(_what_came(server))
    return ExitStatus.DONE


async def _serve(server: ReceiverServer, settings: Settings) -> None:
    with listener(settings.receiver_listen, "RUNNER_RECEIVER_LISTEN") as listening:
        stop_on_signals(server.stop)
        host, port = listening.getsockname()[:2]
        note(f"taking results on http://{host}:{port}/results/, Ctrl-C ends this")
        if not settings.public_url:
            note(
                "RUNNER_PUBLIC_URL is not set: apply asks Insight for no callbacks. Set it for apply to the "
                "address at which Insight reaches this one"
            )
        await server.serve(listening)


def _what_came(server: ReceiverServer) -> str:
    came = ", ".join(f"{number:,} {word.replace('_', ' ')}" for word, number in server.received.items())
    return f"{count(sum(server.received.values()), 'callback')} taken{f': {came}' if came else ''}"
