"""Carries out every campaign of some folders, in one process and one event loop, until it is stopped."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.dispatch.events import Event
from runner.errors import LedgerError, RunnerError
from runner.ledger.serving import LedgerFacts, ledger_facts
from runner.serve.campaign_files import CampaignFile, CampaignFiles
from runner.serve.keeper import Keeper, Shared
from runner.serve.served import ServedCampaign
from runner.services.approvals import approve_content
from runner.services.environment import Environment

_THREADS = 32


class Reconciler:
    """Implements `served.Served`. `keep` it in one event loop."""

    def __init__(
        self,
        paths: Sequence[Path],
        environment: Environment,
        *,
        on_status: Callable[[ServedCampaign], None],
        on_problem: Callable[[RunnerError], None],
    ) -> None:
        """`on_status` is called with a campaign whose status changed, `on_problem` when the ledger cannot be
        asked.
        """
        self._environment = environment
        self._files = CampaignFiles(paths, environment.settings, environment.ledger)
        self._on_status = on_status
        self._on_problem = on_problem
        self._shared = Shared(
            environment=environment,
            wake=self._wake,
            on_status=self._status_changed,
            on_change=self._note_change,
            on_event=self._pass_on,
        )
        self._keepers: dict[Path, Keeper] = {}
        self._ring = asyncio.Event()
        self._change = asyncio.Event()
        self._is_stopping = False
        self._has_problem = False
        self._looked_at = time.monotonic()
        self._listeners: list[Callable[[str, Event], None]] = []

    def listen(self, hear: Callable[[str, Event], None]) -> None:
        """`hear` is called with the name of a campaign and what happened in its run."""
        self._listeners.append(hear)

    async def keep(self) -> None:
        """Until `stop`; the runs are then ended in order."""
        # A run that waits here, such as for a list, must not keep the others waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "runs"))
        # It rings every few seconds by itself.
        alarm = self._environment.clock.alarm(self._wake)
        try:
            while not self._is_stopping:
                self._ring.clear()
                await self._look()
                await self._ring.wait()
            await asyncio.gather(*(keeper.end() for keeper in self._keepers.values()))
        finally:
            await alarm.stop()

    def stop(self) -> None:
        """No new calls are sent; what is under way is finished."""
        self._is_stopping = True
        self._wake()

    def reload(self) -> None:
        for keeper in self._keepers.values():
            keeper.retry()
        self._wake()

    def seconds_since_look(self) -> float:
        return time.monotonic() - self._looked_at

    def campaigns(self) -> Sequence[ServedCampaign]:
        return sorted((keeper.served() for keeper in self._keepers.values()), key=lambda found: found.name)

    def campaign(self, name: str) -> ServedCampaign | None:
        return next((found for found in self.campaigns() if found.name == name), None)

    async def approve(self, name: str, content: str, who: str) -> None:
        found = self.campaign(name)
        if found is None:
            raise RunnerError(f"no campaign {name} is served here")
        await asyncio.to_thread(
            approve_content, self._environment.ledger, found.name, found.path, content, who
        )
        self._wake()

    async def changed(self) -> None:
        await self._change.wait()

    def _wake(self) -> None:
        self._ring.set()

    def _status_changed(self, found: ServedCampaign) -> None:
        self._on_status(found)
        self._note_change()

    def _pass_on(self, campaign: str, event: Event) -> None:
        for hear in self._listeners:
            hear(campaign, event)

    def _note_change(self) -> None:
        before, self._change = self._change, asyncio.Event()
        before.set()

    async def _look(self) -> None:
        """Follows the files and the ledger as they are now."""
        try:
            files, facts = await asyncio.to_thread(self._find)
        except LedgerError as error:
            if not self._has_problem:
                self._on_problem(error)
            self._has_problem = True
            return
        self._has_problem = False
        self._looked_at = time.monotonic()
        await self._drop({file.path for file in files})
        for file in files:
            if self._is_stopping:
                return
            if file.path not in self._keepers:
                self._keepers[file.path] = Keeper(self._shared, file)
            self._keepers[file.path].follow(file, facts[file.name])

    def _find(self) -> tuple[Sequence[CampaignFile], Mapping[str, LedgerFacts]]:
        files = self._files.find()
        return files, ledger_facts(self._environment.ledger.engine, {file.name for file in files})

    async def _drop(self, paths: set[Path]) -> None:
        """Of a file that was renamed, the new one goes on."""
        for path in self._keepers.keys() - paths:
            await self._keepers.pop(path).end()
            self._note_change()
