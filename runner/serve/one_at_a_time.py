"""Blocking work of which no second begins before the first has ended."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class OneAtATime(Generic[_T]):
    """`work` runs in a thread. However often it is asked for, and however long it hangs, it takes one thread.

    Use it in one event loop.
    """

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._task: asyncio.Task[_T] | None = None

    async def result(self, seconds: float) -> _T:
        """Raises TimeoutError when it takes longer, and what the work raises."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(asyncio.to_thread(self._work))
            self._task.add_done_callback(_retrieve)
        return await asyncio.wait_for(asyncio.shield(self._task), seconds)


def _retrieve(task: asyncio.Task[_T]) -> None:
    """Nobody may wait any more: asyncio would report the error then."""
    if not task.cancelled():
        task.exception()
