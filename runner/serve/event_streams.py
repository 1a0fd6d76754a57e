"""Ends open event streams, which would never end by themselves, when `serve` ends."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVENT_STREAM = "text/event-stream"
_LONGEST_SECONDS = 300
"""Browsers open a stream again when it ended. Only then is it checked again who may see it."""


class EventStreams:
    """Wraps an ASGI application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[asyncio.Task[None]] = set()
        self._is_ending = False

    def end(self) -> None:
        self._is_ending = True
        for task in self._open:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        timers: list[asyncio.TimerHandle] = []

        async def watch(message: Message) -> None:
            await send(message)
            if _begins_stream(message):
                self._open.add(task)
                timers.append(asyncio.get_running_loop().call_later(_LONGEST_SECONDS, task.cancel))
                if self._is_ending:
                    task.cancel()

        # A task of its own: only what is in it is canceled.
        task = asyncio.create_task(self._run(scope, receive, watch))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._open.discard(task)
            for timer in timers:
                timer.cancel()
        if task.cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            task.result()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _begins_stream(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(_EVENT_STREAM)
