"""The private address of `serve`: pages, the API, metrics and health, for people who may see them.

The receiver's address is another one: it serves nothing of this.
"""

import getpass
import socket
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router

from runner.errors import RunnerError, SettingsError
from runner.ledger.users import Role
from runner.serve import health, hosts, metrics, problems
from runner.serve import site as pages
from runner.serve.event_streams import EventStreams
from runner.serve.gate import Gate
from runner.serve.headers import SecurityHeaders
from runner.serve.listening import Server, allow_many_connections
from runner.serve.people import Person
from runner.serve.private_site import PrivateSite
from runner.services.planning import privacy_key

_PARTS: Sequence[Callable[[PrivateSite], Sequence[BaseRoute]]] = (
    pages.routes,
    lambda site: metrics.routes(site.metrics, site.served),
)
"""Each makes its routes. The pages, the API and the metrics are parts."""


def private_app(site: PrivateSite, on_problem: Callable[[RunnerError], None]) -> EventStreams:
    """`on_problem` is called with what no route expected, when the request was answered with 500."""
    settings = site.environment.settings
    routes = [route for part in _PARTS for route in part(site)]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: problems.http_problem,  # type: ignore[dict-item]  # they say any Exception
            RunnerError: problems.runner_problem,  # type: ignore[dict-item]
            Exception: lambda request, _error: problems.problem(request, 500, "an error in runner"),
        },
    )
    gate = Gate(
        app,
        local_person=Person(name=getpass.getuser(), role=Role.OPERATOR),
        private_url=settings.private_url,
        key=privacy_key(settings, site.environment.ledger),
        on_error=lambda error: on_problem(_unexpected(error)),
    )
    # Probes name no host and nobody: they pass no gate.
    probes = health.routes(site.served, site.environment.ledger)
    outer = Router(probes, redirect_slashes=False, default=gate)
    return EventStreams(SecurityHeaders(outer, is_behind_tls=settings.private_url.startswith("https:")))


class PrivateServer:
    """Serves the private address. `serve` it in an event loop; `stop` ends it in order."""

    def __init__(self, site: PrivateSite, on_problem: Callable[[RunnerError], None]) -> None:
        self._app = private_app(site, on_problem)
        self._server = Server(self._app)

    async def serve(self, listening: socket.socket) -> None:
        """Until `stop`; what is under way then is answered."""
        allow_many_connections()
        await self._server.serve(sockets=[listening])

    def stop(self) -> None:
        self._server.stop()
        self._app.end()


def check_address(listening: socket.socket) -> None:
    """Raises SettingsError where other machines reach the address, and nobody has to sign in."""
    host = listening.getsockname()[0]
    if not hosts.is_loopback(host):
        raise SettingsError(
            f"RUNNER_LISTEN: other machines reach {host}, and nobody has to sign in",
            hint="listen on 127.0.0.1",
        )


def _unexpected(error: Exception) -> RunnerError:
    """Without its text, which may hold what was in a row."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return RunnerError(
        f"unexpected error {type(error).__name__} in {Path(last.filename).name}:{last.lineno}",
        hint="a request was answered with 500; this is an error in runner: please report it",
    )
