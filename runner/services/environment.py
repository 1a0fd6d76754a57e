"""Where an apply goes: to Insight with the lasting ledger, or to the sandbox with a throw-away one."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import RehearsalTimer, Timer
from runner.insight.client import InsightClient
from runner.ledger.ledger import Ledger
from runner.ledger.rollback_guard import RollbackGuard
from runner.settings import Settings, ledger_states_folder, require_credentials, sqlite_url, validate_base_url

_REHEARSED_PER_SECOND = 1000
"""The sandbox needs no limit, and a rehearsal should not take long."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An API, a ledger, a clock and a request rate. All campaigns of one process may share one."""

    settings: Settings
    ledger: Ledger
    clock: Timer
    rate: RateLimit
    is_rehearsal: bool

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


def insight_client(settings: Settings) -> InsightClient:
    return InsightClient(
        base_url=settings.insight_base_url,
        username=settings.insight_username,
        developer_key=settings.insight_developer_key.get_secret_value(),
        accept=settings.accept,
        connections=settings.max_in_flight,
    )


@contextmanager
def insight(settings: Settings) -> Iterator[Environment]:
    """The real API. Raises SettingsError for a wrong address or missing credentials."""
    base_url = validate_base_url(settings.insight_base_url)
    require_credentials(settings)
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        real = settings.model_copy(update={"insight_base_url": base_url})
        yield Environment(real, ledger, Timer(), RateLimit(real.requests_per_second), is_rehearsal=False)


@contextmanager
def rehearsal(settings: Settings) -> Iterator[Environment]:
    """The sandbox on a free port, a ledger that is thrown away, and a clock that leaps over waiting times."""
    # A whole web server, which real calls do not need.
    from runner.insight.sandbox import running_sandbox  # noqa: PLC0415

    clock = RehearsalTimer()
    with (
        tempfile.TemporaryDirectory(prefix="runner-rehearsal-") as folder,
        running_sandbox(now=clock.now) as api,
    ):
        rehearsed = settings.model_copy(
            update={
                "insight_base_url": api.base_url,
                "insight_username": "rehearsal@example.org",
                "insight_developer_key": SecretStr("rehearsal"),
                "ledger_url": sqlite_url(Path(folder) / "ledger.sqlite3"),
            }
        )
        with closing(Ledger.open(rehearsed.ledger_url)) as ledger:
            yield Environment(rehearsed, ledger, clock, RateLimit(_REHEARSED_PER_SECOND), is_rehearsal=True)
