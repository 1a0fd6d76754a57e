"""Takes Insight's callbacks: `/results/TOKEN` and nothing else.

A callback is answered with 200 once its result is committed. Whatever came meanwhile is committed together.
Everything else gets the same 404, before anything of it is read: a stranger learns nothing, and costs no
look into the ledger.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runner.errors import LedgerError
from runner.insight.answers import UnreadableError, read_callback
from runner.ledger.evidence import EvidenceSource, Report
from runner.ledger.results import Recorded
from runner.results.reading import report_of, unreadable
from runner.results.token import Attempt, Tokens

MOST_BYTES = 64 * 1024
_BODY_SECONDS = 20
"""Within which a body must have come."""
_MOST_AT_ONCE = 500
"""Results in one commit: more would make the first of them wait."""
_ENOUGH_TOGETHER = 8
"""With so many, none waits for more."""
_PAUSES_OF_THE_LEDGER_SECONDS = (0.5, 1.0, 2.0)
"""Waited before a result is recorded once more, as while the ledger's server restarts."""
_SHOWN_CHARACTERS = 2_048

Record = Callable[[Sequence[Report], float], Awaitable[Sequence[Recorded]]]
"""Commits these reports; for each, in order, what became of it, None for an unknown call."""


class Receiver:
    """An ASGI application. `record` is never called again before its last call has returned. A callback waits
    up to `gather` seconds for others that can be recorded with it.
    """

    def __init__(
        self, tokens: Tokens, record: Record, now: Callable[[], float] = time.time, *, gather: float = 0
    ) -> None:
        self._tokens = tokens
        self._record_all = record
        self._now = now
        self._gather_seconds = gather
        self._are_enough = asyncio.Event()
        self._waiting: list[tuple[Report, asyncio.Future[Recorded]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.received: dict[str, int] = {}
        """How many callbacks came, by what became of them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = await self._answer(Request(scope, receive))
        await Response(status_code=status)(scope, receive, send)

    async def _answer(self, request: Request) -> int:
        attempt = self._tokens.attempt(request.scope["path"].rpartition("/results/")[2])
        if attempt is None or request.method not in {"GET", "POST"}:
            return 404
        if request.method == "GET":
            return 200
        body = await _body(request)
        if body is None:
            return 404
        recorded = await self._record(_report(attempt, dict(request.headers), body))
        if recorded is None:
            return 404
        return 503 if isinstance(recorded, LedgerError) else 200

    async def _record(self, report: Report) -> Recorded:
        recorded = await self._record_once(report)
        for pause in _PAUSES_OF_THE_LEDGER_SECONDS:
            if not isinstance(recorded, LedgerError):
                break
            await asyncio.sleep(pause)
            recorded = await self._record_once(report)
        word = "failed" if isinstance(recorded, LedgerError) else recorded or "unknown"
        self.received[word] = self.received.get(word, 0) + 1
        return recorded

    async def _record_once(self, report: Report) -> Recorded:
        recorded: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, recorded))
        if len(self._waiting) >= _ENOUGH_TOGETHER:
            self._are_enough.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await recorded

    async def _write_all(self) -> None:
        while self._waiting:
            await self._gather()
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            results: Sequence[Recorded | Exception]
            try:
                results = await self._record_all([report for report, _ in batch], self._now())
            except Exception as error:  # noqa: BLE001 - a defect: everyone who waits must learn of it
                results = [error] * len(batch)
            for (_, waiting), result in zip(batch, results, strict=True):
                if waiting.done():
                    continue
                if isinstance(result, Exception) and not isinstance(result, LedgerError):
                    waiting.set_exception(result)
                else:
                    waiting.set_result(result)
        self._writer = None

    async def _gather(self) -> None:
        if len(self._waiting) < _ENOUGH_TOGETHER:
            self._are_enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_seconds):
                    await self._are_enough.wait()


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too long, too slow or breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(body)


def _report(attempt: Attempt, headers: dict[str, str], body: bytes) -> Report:
    excerpt = _excerpt(body)
    try:
        details = read_callback(headers, body)
    except UnreadableError:
        return unreadable(attempt, EvidenceSource.CALLBACK, excerpt)
    return report_of(attempt, EvidenceSource.CALLBACK, details, excerpt)


def _excerpt(body: bytes) -> str:
    """For people: without control characters."""
    text = body[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)
