"""Runs an ASGI application on one address until it is stopped. uvicorn's door, but for the sandbox's."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from runner.errors import RunnerError, SettingsError

_BACKLOG = 4_096
"""Connections that wait to be taken up: all of a campaign's calls may end in one minute."""
_DRAIN_SECONDS = 30


@contextmanager
def listener(address: str, variable: str) -> Iterator[socket.socket]:
    """A socket that listens on HOST:PORT, which the setting `variable` gives.

    Raises SettingsError for something else, RunnerError where the address cannot be used.
    """
    host, port = _parts(address, variable)
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sends small pieces at once only where the protocol is named; else an answer takes 40 ms.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise RunnerError(f"{variable}: {address} cannot be used: {error.strerror}") from None
    with made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(place)
        except OSError as error:
            raise RunnerError(
                f"{variable}: {address} cannot be used: {error.strerror}",
                hint=f"set {variable} to an address of this machine with a free port",
            ) from None
        # Listening at once, so that an early connection is not refused.
        made.listen(_BACKLOG)
        yield made


class Server(uvicorn.Server):
    """Serves `app` on a listening socket. `serve` it in an event loop; `stop` ends it in order."""

    def __init__(self, app: Callable[..., Any]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_config=None,
                # A path holds a token.
                access_log=False,
                server_header=False,
                # It would believe X-Forwarded-For of whoever is on this machine.
                proxy_headers=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to commands."""
        yield

    def stop(self) -> None:
        """Takes no new requests; those under way are answered."""
        self.should_exit = True


def allow_many_connections() -> None:
    """Raises the soft limit of open files to the hard one: each connection takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _parts(address: str, variable: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - the highest port there is
        raise SettingsError(
            f"{variable} is not an address and a port: {address}", hint="write it as in 127.0.0.1:8027"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
