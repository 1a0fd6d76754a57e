"""Records how calls ended: what comes in while the ledger is busy is committed together.

A commit takes as long for many outcomes as for one. A lost outcome only makes a call uncertain, so that they
may share a commit; each caller that waits gets its own result.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from runner.errors import LedgerError
from runner.ledger.claim import AttemptResult, Claim

Write = Callable[[Sequence[tuple[Claim, AttemptResult]]], Awaitable[Sequence[AttemptResult | LedgerError]]]
"""Commits these endings; for each, in order, the ending as recorded or why it was not."""


class ResultBatches:
    """A queue before `write`, which is never called again before it is through."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[tuple[Claim, AttemptResult, asyncio.Future[AttemptResult]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, claim: Claim, ending: AttemptResult) -> AttemptResult:
        """Returns the ending as recorded, once it is committed; raises what `CallQueue.finish` raises."""
        result: asyncio.Future[AttemptResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, ending, result))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await result

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await self._write([(claim, ending) for claim, ending, _ in batch])
            except Exception as error:  # noqa: BLE001 - a defect: it goes to those who wait, none is to wait on
                _settle(batch, [error] * len(batch))
            else:
                _settle(batch, results)
        self._writer = None


def _settle(
    batch: Sequence[tuple[Claim, AttemptResult, asyncio.Future[AttemptResult]]],
    results: Sequence[AttemptResult | Exception],
) -> None:
    for (_, _, waiting), result in zip(batch, results, strict=True):
        if waiting.done():
            continue
        if isinstance(result, AttemptResult):
            waiting.set_result(result)
        else:
            waiting.set_exception(result)
