"""Runs an ASGI application on one address until it is stopped. uvicorn's door, but for the sandbox's."""

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from runner.errors import RunnerError, SettingsError

_BACKLOG = 4_096
"""Connections that wait to be taken up: all of a campaign's calls may end in one minute."""
_DRAIN_SECONDS = 30
_HEAD_SECONDS = 10
"""Within which the head of a request must have come, and the rest of one that is answered already."""
_LONGEST_HEAD_BYTES = 32 * 1024


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


class _Limited(H11Protocol):
    """That of uvicorn, with limits: each connection takes a file, and calls need some too."""

    most_connections = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > min(self.most_connections, _files() // 2):
            transport.abort()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE or self._is_answered():
            self._wait()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_answered():
            self._wait()

    def _is_answered(self) -> bool:
        """Whether the rest of a request is no longer of use."""
        return self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """Serves `app` on a listening socket. `serve` it in an event loop; `stop` ends it in order."""

    def __init__(self, app: Callable[..., Any], *, most_connections: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=type("Limited", (_Limited,), {"most_connections": most_connections}),
                h11_max_incomplete_event_size=_LONGEST_HEAD_BYTES,
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_config=None,
                # A path holds a token.
                access_log=False,
                server_header=False,
                # It would believe X-Forwarded-For of anybody on this machine.
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


def _files() -> int:
    """How many this process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


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
