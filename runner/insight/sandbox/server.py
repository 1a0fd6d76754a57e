"""Runs the sandbox on a loopback port: in a thread for one rehearsal, or in the foreground as a server."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from runner.errors import RunnerError
from runner.insight.sandbox.app import Api
from runner.insight.sandbox.behavior import EVERYBODY_ANSWERS, Behavior
from runner.insight.sandbox.call_store import CallStore
from runner.insight.sandbox.callbacks import Callbacks
from runner.insight.sandbox.connections import Connections
from runner.insight.sandbox.faults import Fault, Faults

_HOST = "127.0.0.1"
_BACKLOG = 512
_LAST_WORDS_SECONDS = 2.0


class Sandbox:
    """A running sandbox, for code in the same process."""

    def __init__(self, server: "_Server") -> None:
        self._server = server
        self.root = server.root
        self.base_url = f"{server.root}/api"
        self.store = server.store

    def calls(self) -> list[dict[str, Any]]:
        """Every accepted call so far, as `GET /_sandbox/calls` gives them."""
        return [call.received() for call in list(self.store.calls)]

    def records(self) -> list[dict[str, Any]]:
        """Every pushed record so far, as `GET /_sandbox/records` gives them."""
        return list(self.store.records)

    async def deliver_callbacks(self) -> float | None:
        """Sends every callback that is due by the sandbox's clock; returns when the next one is, or None."""
        delivering = asyncio.run_coroutine_threadsafe(self._server.callbacks.deliver_due(), self._server.loop)
        # A POST under way is finished and noted even if the caller is canceled.
        return await asyncio.shield(asyncio.wrap_future(delivering))


@contextmanager
def running_sandbox(
    *,
    now: Callable[[], float] = time.time,
    behavior: Behavior = EVERYBODY_ANSWERS,
    faults: Sequence[Fault] = (),
    receiver: ASGIApp | None = None,
) -> Iterator[Sandbox]:
    """A sandbox on a free port, in a thread, ready when the block begins and gone when it ends.

    `now` is its clock, UTC Unix seconds. `receiver` is an application that it serves at /results, for its
    own callbacks.
    """
    with _bind(0) as listener:
        server = _Server(listener, CallStore(now, behavior), Faults(tuple(faults)), receiver)
        thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
        thread.start()
        try:
            server.started.wait()
            yield Sandbox(server)
        finally:
            server.stop()
            thread.join()


def serve(
    *,
    port: int,
    behavior: Behavior = EVERYBODY_ANSWERS,
    faults: Sequence[Fault] = (),
    on_ready: Callable[[str], None],
) -> None:
    """Serves until SIGINT or SIGTERM. `on_ready` gets the API's base URL. Raises RunnerError when the port
    is taken.
    """
    with _bind(port) as listener:
        store = CallStore(time.time, behavior)
        server = _Server(listener, store, Faults(tuple(faults)))
        on_ready(f"{server.root}/api")
        server.run(until=(signal.SIGINT, signal.SIGTERM))


class _Server:
    def __init__(
        self,
        listener: socket.socket,
        store: CallStore,
        faults: Faults,
        receiver: ASGIApp | None = None,
    ) -> None:
        connections = Connections(faults)
        self._listener = listener
        self.store = store
        self.callbacks = Callbacks(store)
        self.root = f"http://{_HOST}:{listener.getsockname()[1]}"
        self.started = threading.Event()
        self.loop: asyncio.AbstractEventLoop
        """Once it is started."""
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                Api(store, faults, connections).app(receiver),
                http=_watched(connections),
                loop="asyncio",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # The sandbox dates its answers by its own clock.
                date_header=False,
            ),
            connections,
        )

    def run(self, until: Sequence[signal.Signals] = ()) -> None:
        asyncio.run(self._serve(until))

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        # A request that hangs on purpose would delay an orderly shutdown.
        self._uvicorn.force_exit = True

    async def _serve(self, until: Sequence[signal.Signals]) -> None:
        self.loop = asyncio.get_running_loop()
        for wanted in until:
            self.loop.add_signal_handler(wanted, self.stop)
        delivering = asyncio.create_task(self.callbacks.keep_delivering())
        self.started.set()
        try:
            await self._uvicorn.serve(sockets=[self._listener])
        finally:
            delivering.cancel()


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone: uvicorn raises them again after the shutdown, which looks like a failure."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets quick answers finish, then closes the requests that hang or are slow on purpose."""
        await super().shutdown(sockets)
        self._connections.reset_all()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_LAST_WORDS_SECONDS)


def _watched(connections: Connections) -> type[H11Protocol]:
    class Watched(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            self._watched_transport = transport
            connections.opened(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self._watched_transport)
            super().connection_lost(exc)

    return Watched


@contextmanager
def _bind(port: int) -> Iterator[socket.socket]:
    # asyncio sends small pieces at once only where the protocol is named; else an answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError as error:
            raise RunnerError(
                f"port {port} cannot be used: {error.strerror}",
                hint="choose another with --port, or --port 0 for any free one",
            ) from None
        # Listening at once, so that an early connection is not refused.
        listener.listen(_BACKLOG)
        yield listener
    finally:
        listener.close()
