"""Slows down clients that guess tokens of the receiver, and loses no callback.

Insight may post thousands of results within seconds, all from one address or through one proxy: a limit on
requests or connections of an address would lose some of them. So a request with a known token is never
limited. Of an address that sends many others, each takes a connection of its own.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runner.serve.limits import RateLimit

_PER_SECOND = 1
_BURST = 100
_NOT_FOUND = 404


class Strangers:
    """Wraps an ASGI application that answers 404 to requests without a known token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limit = RateLimit(_PER_SECOND, _BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _NOT_FOUND:
                address = scope["client"][0] if scope["client"] else ""
                if self._limit.wait(address, time.monotonic()):
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, watch)
