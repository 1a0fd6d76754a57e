"""The private address of `serve`: pages, the API, metrics and health, for people who may see them.

The receiver's address is another one: it serves nothing of this.
"""

import asyncio
import getpass
import socket
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router

from runner.calls import Role
from runner.errors import RunnerError, SettingsError, unexpected
from runner.ledger.sign_ins import has_users
from runner.serve import api, health, hosts, metrics, problems
from runner.serve import site as pages
from runner.serve.event_streams import EventStreams
from runner.serve.gate import Gate
from runner.serve.headers import SecurityHeaders
from runner.serve.listening import Server, allow_many_connections
from runner.serve.people import Person
from runner.serve.private_site import PrivateSite
from runner.serve.sign_in import SignIn
from runner.serve.visitors import Access, Visitors
from runner.services.planning import privacy_key
from runner.settings import Settings

_PARTS: Sequence[Callable[[PrivateSite], Sequence[BaseRoute]]] = (
    pages.routes,
    api.routes,
    lambda site: metrics.routes(site.metrics, site.served),
)
"""Each makes its routes. The pages, the API and the metrics are parts."""
_MOST_CONNECTIONS = 1_000
_COUNT_SECONDS = 30
"""So old may the counts be that somebody sees who comes first."""


class PrivateServer:
    """Serves the private address. `serve` it in an event loop; `stop` ends it in order."""

    def __init__(
        self,
        site: PrivateSite,
        listening: socket.socket,
        *,
        on_problem: Callable[[RunnerError], None],
        on_sign_in: Callable[[str], None],
    ) -> None:
        """`on_problem` is called with what no route expected, when the request was answered with 500;
        `on_sign_in` with a sentence for the log.

        Raises SettingsError where other machines reach the address, and nobody has to sign in.
        """
        settings, ledger = site.environment.settings, site.environment.ledger
        access = access_of(settings, listening.getsockname()[0], has_users=has_users(ledger.engine))
        key = privacy_key(settings, ledger)
        self.is_in_clear = not access.is_local and not access.is_behind_tls
        """Whether other machines may reach it without TLS, as far as the settings tell."""
        self._listening = listening
        self._site = site
        self._sign_in = SignIn(ledger, access, key, on_sign_in)
        local_person = Person(name=getpass.getuser(), role=Role.OPERATOR)
        gate = Gate(
            _routed([*([] if access.user_header else self._sign_in.routes()), *_parts(site)]),
            access=access,
            visitors=Visitors(ledger, access, key, local_person),
            private_url=settings.private_url,
            on_error=lambda error: on_problem(unexpected(error)),
        )
        # Probes name no host and nobody: they pass no gate.
        outer = Router(health.routes(site.served, ledger), redirect_slashes=False, default=gate)
        self._app = EventStreams(SecurityHeaders(outer, is_behind_tls=access.is_behind_tls))
        self._server = Server(self._app, most_connections=_MOST_CONNECTIONS)

    async def serve(self) -> None:
        """Until `stop`; what is under way then is answered."""
        allow_many_connections()
        counting = asyncio.create_task(self._site.totals.keep(_COUNT_SECONDS))
        try:
            await self._server.serve(sockets=[self._listening])
        finally:
            counting.cancel()
            self._sign_in.close()

    def stop(self) -> None:
        self._site.ending.set()
        self._server.stop()
        self._app.end()


def access_of(settings: Settings, host: str, *, has_users: bool) -> Access:
    """Who may come to this address. Raises SettingsError where anybody could."""
    if settings.user_header and not settings.trusted_proxies:
        raise SettingsError(
            f"RUNNER_USER_HEADER is set, and anybody could send {settings.user_header}",
            hint="name the addresses of the proxy in RUNNER_TRUSTED_PROXIES, such as 127.0.0.1",
        )
    is_local = hosts.is_loopback(host)
    is_shared = not is_local or not hosts.is_loopback(hosts.hostname(settings.private_url) or host)
    if is_shared and not has_users and not settings.user_header:
        setting, address = (
            ("RUNNER_PRIVATE_URL", settings.private_url) if is_local else ("RUNNER_LISTEN", host)
        )
        raise SettingsError(
            f"{setting}: other machines reach {address}, and nobody has to sign in",
            hint="add a user first (runner users add NAME --role operator), name the header of a proxy that "
            "people sign in to (RUNNER_USER_HEADER), or listen on 127.0.0.1 without RUNNER_PRIVATE_URL",
        )
    return Access(
        is_local=is_local,
        is_shared=is_shared,
        is_behind_tls=settings.private_url.startswith("https:"),
        user_header=settings.user_header,
        trusted_proxies=settings.trusted_proxies,
    )


def _parts(site: PrivateSite) -> Sequence[BaseRoute]:
    return [route for part in _PARTS for route in part(site)]


def _routed(routes: Sequence[BaseRoute]) -> Starlette:
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: problems.http_problem,  # type: ignore[dict-item]  # they say any Exception
            RunnerError: problems.runner_problem,  # type: ignore[dict-item]
            Exception: lambda request, _error: problems.problem(
                request, 500, "unexpected error; the log of serve says where"
            ),
        },
    )
