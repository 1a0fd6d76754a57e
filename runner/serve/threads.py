"""The threads in which pages and the API wait for the ledger: calls never wait for one of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SHORT = ThreadPoolExecutor(max_workers=8, thread_name_prefix="pages")
_LONG = ThreadPoolExecutor(max_workers=1, thread_name_prefix="counting")


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    return await _run(_SHORT, partial(work, *args, **kwargs))


async def in_turn(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What reads every call of a campaign, and takes a core meanwhile: one at a time."""
    return await _run(_LONG, partial(work, *args, **kwargs))


async def _run(threads: Executor, work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
