"""Where an apply goes: to Insight with the lasting ledger; `rehearsal` has the other."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.insight.client import InsightClient
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.settings import (
    Settings,
    ledger_states_folder,
    require_credentials,
    validate_base_url,
    validate_public_url,
)


@dataclass(frozen=True, slots=True)
class Environment:
    """An API, a ledger, a clock and a request rate. All campaigns of one process may share one."""

    settings: Settings
    ledger: Ledger
    clock: Timer
    rate: RateLimit
    is_rehearsal: bool
    callbacks: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Around a run in an event loop: where callbacks are simulated, they arrive inside."""
    planning: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a plan is made next to runs."""

    @property
    def requests_per_second(self) -> float:
        return self.rate.per_second

    def client(self) -> InsightClient:
        return insight_client(self.settings)

    def guard(self) -> RollbackGuard:
        """A new one for each run. A rehearsal leaves no trace outside its throw-away folder."""
        path = self.ledger.path
        states = path.parent if self.is_rehearsal and path is not None else ledger_states_folder()
        return RollbackGuard(self.ledger, states)


def insight_client(settings: Settings, connections: int | None = None) -> InsightClient:
    """With so many connections; as many as may be in flight by default."""
    return InsightClient(
        base_url=settings.insight_base_url,
        username=settings.insight_username,
        developer_key=settings.insight_developer_key.get_secret_value(),
        accept=settings.accept,
        connections=connections or settings.max_in_flight,
    )


@contextmanager
def insight(settings: Settings) -> Iterator[Environment]:
    """The real API. Raises SettingsError for a wrong address or missing credentials."""
    base_url = validate_base_url(settings.insight_base_url)
    public_url = validate_public_url(settings.public_url) if settings.public_url else ""
    require_credentials(settings)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        real = settings.model_copy(update={"insight_base_url": base_url, "public_url": public_url})
        yield Environment(real, ledger, Timer(), RateLimit(real.requests_per_second), is_rehearsal=False)
