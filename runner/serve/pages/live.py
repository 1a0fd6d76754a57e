"""Values that many people look at: made once for all of them, and sent again when they changed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from sse_starlette import ServerSentEvent

from runner.errors import RunnerError

_T = TypeVar("_T")

Regions = Mapping[str, str]
"""The parts of a page that change, as HTML."""

_AGAIN_MS = 3_000
"""After which a browser connects again."""
_LEAST_SECONDS = 1.0
"""Between two sends."""
_LOOK_SECONDS = 2.0
"""Other processes may have changed the ledger."""


class Shared(Generic[_T]):
    """One value for everybody who asks. Use it in one event loop."""

    def __init__(
        self,
        make: Callable[[], Awaitable[_T]],
        *,
        least_age: float = _LEAST_SECONDS,
        share: float = 0.25,
        most_age: float = 2.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """It is made again when somebody asks, at the earliest after `least_age` seconds, and so rarely that
        it takes at most this `share` of the time. Meanwhile the old one is given, up to `most_age` older.
        """
        self._make = make
        self._least_age, self._share, self._most_age = least_age, share, most_age
        self._now = now
        self._made: tuple[float, _T] | None = None
        self._fresh_until = 0.0
        self._making: asyncio.Task[_T] | None = None

    async def get(self) -> _T:
        """The newest, at once where it is not too old. Raises what making it raises."""
        if self._made is not None and self._now() < self._fresh_until + self._most_age:
            if self._now() >= self._fresh_until and self._making is None:
                self._begin()
            return self._made[1]
        return await self.fresh()

    async def fresh(self) -> _T:
        """One that is not yet to be made again: the caller may wait. Raises what making it raises."""
        while self._made is None or self._now() >= self._fresh_until:
            await asyncio.shield(self._making or self._begin())
        return self._made[1]

    def newest(self) -> _T | None:
        """What was made last, if anything; a new one is begun where it is time."""
        if self._making is None and self._now() >= self._fresh_until:
            self._begin()
        return None if self._made is None else self._made[1]

    def forget(self) -> None:
        """Somebody acted: what was made before is not given any more."""
        self._made, self._making, self._fresh_until = None, None, 0.0

    def _begin(self) -> asyncio.Task[_T]:
        task = self._making = asyncio.create_task(self._made_now())
        # Who waits for it sees why it failed; where nobody waits, nobody needs to.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return task

    async def _made_now(self) -> _T:
        task, began = asyncio.current_task(), self._now()
        try:
            made = await self._make()
        finally:
            # Unless it was forgotten meanwhile.
            is_wanted = self._making is task
            if is_wanted:
                self._making = None
                took = self._now() - began
                self._fresh_until = self._now() + max(self._least_age, took * (1 / self._share - 1))
        if is_wanted:
            self._made = self._now(), made
        return made


class LivePage:
    """The regions of one page, for people who may see the same of it."""

    def __init__(
        self, make: Callable[[], Awaitable[Regions]], changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._regions = Shared(make)
        self._changed = changed
        self._encoded: tuple[Regions, Regions] = {}, {}
        """The regions that were sent last, and each of them as JSON: made once for everybody."""

    async def regions(self) -> Regions:
        return await self._regions.get()

    def forget(self) -> None:
        self._regions.forget()

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """What changes from now on, beginning with all that there is, at most about once a second."""
        shown: dict[str, str] = {}
        while True:
            # From before the page is made, so that no change is missed.
            change = asyncio.ensure_future(self._changed())
            try:
                news = await self._news(shown)
                if news is not None:
                    yield news
                await asyncio.sleep(_LEAST_SECONDS)
                await asyncio.wait({change}, timeout=_LOOK_SECONDS)
            finally:
                change.cancel()

    async def _news(self, shown: dict[str, str]) -> ServerSentEvent | None:
        """What differs from what is `shown`, which it becomes."""
        try:
            regions = await self._regions.fresh()
        except RunnerError as error:
            return ServerSentEvent(
                json.dumps(f"{error.message}. This page may be out of date."), event="problem"
            )
        if self._encoded[0] is not regions:
            self._encoded = regions, {name: json.dumps(html) for name, html in regions.items()}
        encoded = self._encoded[1]
        news = [f'"{name}": {encoded[name]}' for name, html in regions.items() if shown.get(name) != html]
        shown.update(regions)
        if not news:
            return None
        return ServerSentEvent(f"{{{', '.join(news)}}}", event="regions", retry=_AGAIN_MS)
