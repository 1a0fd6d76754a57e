"""Values that many ask for: made once for all of them, and again from time to time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from runner.errors import RunnerError

_T = TypeVar("_T")


class Shared(Generic[_T]):
    """One value for everybody who asks. Use it in one event loop."""

    def __init__(
        self,
        make: Callable[[], Awaitable[_T]],
        *,
        least_age: float = 1.0,
        share: float = 0.25,
        most_age: float = 2.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """It is made again when somebody asks, at the earliest after `least_age` seconds, and so rarely that
        it takes at most this `share` of the time. Meanwhile the old one is given, up to `most_age` older.
        Where making it fails, the old one is not given any more.
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

    @property
    def age(self) -> float:
        """Of what was made last, in seconds."""
        return 0.0 if self._made is None else self._now() - self._made[0]

    async def keep(self, seconds: float) -> None:
        """Makes it every so many seconds at least, so that nobody has to wait. Until it is canceled."""
        while True:
            with suppress(RunnerError):
                await self.fresh()
            await asyncio.sleep(seconds)

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
        made = None
        try:
            made = began, await self._make()
        finally:
            # Unless it was forgotten meanwhile.
            if self._making is task:
                self._made, self._making = made, None
                took = self._now() - began
                self._fresh_until = self._now() + max(self._least_age, took * (1 / self._share - 1))
        return made[1]
