"""How close to its time each call leaves while results come in and a large campaign is planned."""

import asyncio
import time
from contextlib import asynccontextmanager, closing, suppress

import many_contacts
import pytest
from queueing import enter, execute, planned, sandbox
from receiving import OURS, poster, queued_calls, receiver
from sqlalchemy import text
from table import row
from test_further_rounds import NOBODY_ANSWERED, TWO_ROUNDS
from test_planning import ON_A_LIST
from test_punctuality import (
    IN_FLIGHT,
    LEAD_SECONDS,
    PUNCTUAL_SECONDS,
    SPREAD_CALLS,
    SPREAD_RATE,
    SPREAD_SECONDS,
)

from runner.campaign.loader import load_campaign
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.ledger.ledger import Ledger, RunProcess
from runner.services.binding import binding_of
from runner.services.environment import Environment
from runner.services.further_rounds import FurtherRounds
from runner.services.planning import prepare_plan
from runner.settings import load_settings

CALLBACKS_A_SECOND = 100
CONTACTS = 100_000
SECONDS = 3 * SPREAD_SECONDS
"""A plan is made and entered within this time."""
CALLS = 3 * SPREAD_CALLS


class Crowd:
    """A campaign whose calls did not reach anybody: its second round is planned, and then again and again."""

    def __init__(self, folder, ledger):
        many_contacts.write_contacts(folder / "contacts.csv", CONTACTS)
        many_contacts.write_suppressed(folder / "suppressed.csv", CONTACTS // ON_A_LIST, CONTACTS)
        (folder / "campaign.yaml").write_text(TWO_ROUNDS)
        loaded, settings = load_campaign(folder / "campaign.yaml"), load_settings()
        first = prepare_plan(loaded, settings, ledger, now=time.time(), limit=None)
        binding = binding_of(loaded, settings, first.identity)
        run = ledger.begin_run(binding, first.plan, RunProcess(host="here", pid=1), time.time())
        with ledger.engine.begin() as connection:
            for statement in NOBODY_ANSWERED.split(";\n")[:-1]:
                connection.execute(text(statement))
        self._events = []
        environment = Environment(settings, ledger, Timer(), RateLimit(1), is_rehearsal=False)
        self._rounds = FurtherRounds(first, environment, binding, run, self._events.append)
        self.plans = 0

    @property
    def added(self):
        return sum(event.calls for event in self._events)

    @asynccontextmanager
    async def planned_again(self):
        """Inside the block, as a run does it."""
        task = asyncio.create_task(self._plan_again())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _plan_again(self):
        while True:
            assert await self._rounds.plan(time.time())
            self.plans += 1


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNNER_LEDGER_URL", url)
    with closing(Ledger.open(url)) as ledger:
        yield ledger


async def send(ledger, run, base_url, states, crowd):
    async with crowd.planned_again():
        return await execute(ledger, run, base_url, states, rate=SPREAD_RATE, in_flight=IN_FLIGHT)


def test_calls_leave_on_time_while_callbacks_arrive_and_a_plan_is_made(tmp_path, ledger):
    crowd = Crowd(tmp_path, ledger)
    awaiting = queued_calls(ledger, (LEAD_SECONDS + SECONDS) * CALLBACKS_A_SECOND, first=CALLS)
    with receiver(OURS, f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as port, sandbox() as base_url:
        first = int(time.time()) + LEAD_SECONDS
        due = {f"c{number}": first + number * SECONDS // CALLS for number in range(CALLS)}
        run = enter(ledger, [planned(number, at) for number, at in enumerate(due.values())])
        callbacks = poster(port, awaiting, CALLBACKS_A_SECOND)
        sent = asyncio.run(send(ledger, run, base_url, tmp_path / "states", crowd))
        assert callbacks.wait() == 0, "a callback was not taken"
    assert sent.left_at.keys() == due.keys()
    late = sorted(at - due[key] for key, at in sent.left_at.items())
    worst_of_99 = late[int(len(late) * 0.99)]
    holds = worst_of_99 <= PUNCTUAL_SECONDS and late[0] >= 0 and crowd.plans > 0
    row(
        f"punctuality, with {CALLBACKS_A_SECOND} callbacks a second and plans of {CONTACTS:,} contacts",
        f"99 % within {worst_of_99 * 1000:.0f} ms, half within {late[len(late) // 2] * 1000:.0f} ms, "
        f"{crowd.plans} plans made, {crowd.added:,} calls added",
        "99 % within 250 ms, none early",
        holds,
    )
    assert holds
