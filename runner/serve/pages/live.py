"""Pages that many people look at: made once for all of them, and sent again when they changed."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from sse_starlette import ServerSentEvent

from runner.errors import RunnerError
from runner.serve.shared import Shared

Regions = Mapping[str, str]
"""The parts of a page that change, as HTML."""

_AGAIN_MS = 3_000
"""After which a browser connects again."""
_LEAST_SECONDS = 1.0
"""Between two sends."""
_LOOK_SECONDS = 2.0
"""Other processes may have changed the ledger."""


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
