"""Sockets for httpcore, on asyncio itself. Its own are anyio's, which know other event loops too: that takes
a fifth of the processor time of a request.
"""
# ruff: noqa: ARG002, ASYNC109 - the arguments are httpcore's

import asyncio
import select
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

_NEXT_ADDRESS_SECONDS = 0.25
"""Then another address of the host is tried, too."""
_MOST_UNREAD_BYTES = 1024 * 1024
"""What comes beyond that stays with the system until somebody reads."""


class Network(httpcore.AsyncNetworkBackend):
    """How httpcore connects. The time for reading and writing is up to the caller."""

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_others: object, **_named: object
    ) -> httpcore.AsyncNetworkStream:
        with _connecting():
            async with asyncio.timeout(timeout):
                _, stream = await asyncio.get_running_loop().create_connection(
                    _Stream, host, port, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS
                )
        return stream


class _Stream(httpcore.AsyncNetworkStream, asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._arrival: asyncio.Future[None] | None = None
        self._has_ended = False
        self._error: Exception | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._received and not self._has_ended:
            self._transport.resume_reading()
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        if self._error is not None and not self._received:
            raise httpcore.ReadError(str(self._error))
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """A failure to write shows when the answer is read."""
        self._transport.write(buffer)

    async def aclose(self) -> None:
        self._transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        # Another stream: what came before the handshake is nobody's answer.
        secured = _Stream()
        with _connecting():
            async with asyncio.timeout(timeout):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport, secured, ssl_context, server_hostname=server_hostname
                )
        if transport is None:
            raise httpcore.ConnectError("the connection ended during the TLS handshake")
        secured.connection_made(transport)
        return secured

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore says so
        if info == "is_readable":
            # asyncio closes a TLS connection a turn of the loop before it says that it ended.
            has_ended = self._has_ended or self._transport.is_closing()
            return has_ended or bool(self._received) or self._has_unseen()
        return self._transport.get_extra_info(info)

    def _has_unseen(self) -> bool:
        """Whether something came that asyncio has not seen yet, such as the end."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _MOST_UNREAD_BYTES:
            self._transport.pause_reading()
        self._arrived()

    def eof_received(self) -> None:
        self._has_ended = True
        self._arrived()

    def connection_lost(self, error: Exception | None) -> None:
        self._has_ended, self._error = True, error
        self._arrived()

    def _arrived(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
