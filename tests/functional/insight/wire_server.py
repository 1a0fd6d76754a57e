"""A server whose every byte a test decides, and what it saw."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 20
Behaviour = Callable[["Connection"], Awaitable[None]]


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.requests: list[bytes] = []

    async def request(self) -> bytes:
        """The next whole request, head and body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        request = head + await self._reader.readexactly(length)
        self.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until_gone(self) -> None:
        """Waits for the other end to close, and keeps whatever else it sends."""
        rest = await self._reader.read()
        if rest:
            self.requests.append(rest)

    def reset(self) -> None:
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class WireServer:
    """Runs `behave` for each connection and closes it when `behave` ends."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.connections: list[Connection] = []
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def posts(self) -> int:
        return sum(
            request.count(b"POST /api") for connection in self.connections for request in connection.requests
        )

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/api"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        if self._endings:
            _, left_open = await asyncio.wait(self._endings, timeout=PATIENCE_SECONDS)
            for task in left_open:
                task.cancel()
            assert not left_open, "the client left a connection open"
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._endings.add(task)
        connection = Connection(reader, writer)
        self.connections.append(connection)
        try:
            await self._behave(connection)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            with contextlib.suppress(ConnectionError):
                await connection.close()


def answer(
    body: bytes = b'{"success": true, "call_id": 155761}',
    *,
    status: str = "200 OK",
    content_type: str = "application/json",
    headers: tuple[str, ...] = (),
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
