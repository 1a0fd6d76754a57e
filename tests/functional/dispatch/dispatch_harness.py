"""A run of the real Dispatcher over a real ledger, with the wire and the time in the test's hands."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from dispatching import current_plan, run_of
from planned_calls import BINDING, CAMPAIGN, NOW, plan
from sqlalchemy import NullPool, create_engine, text

from runner.dispatch.dispatcher import Dispatcher
from runner.dispatch.run import Run
from runner.dispatch.timer import Timer
from runner.errors import RunnerError
from runner.insight.outcome import Exchange
from runner.ledger.call_queue import CallQueue
from runner.ledger.ledger import Ledger, RunProcess
from runner.ledger.suppressions import LiveList
from runner.planning.pacing import PaceLimit
from runner.planning.plan import PlannedCall

HANGS_AFTER_SECONDS = 20
"""A run that does not end by then never would; every test here takes a fraction of it."""


def answered(status, **content):
    return Exchange(
        sent=True,
        status=status,
        headers={"content-type": "application/json"},
        body=json.dumps(content).encode(),
    )


def accepted(call_id):
    return answered(200, success=True, call_id=call_id)


NOT_SENT = Exchange(sent=False, problem="the connection could not be made")
NO_ANSWER = Exchange(sent=True, problem="no whole answer within 30 s")


class LeapingClock(Timer):
    """Stands still, and leaps to the next alarm while nothing is under way."""

    ahead_seconds = 0

    def __init__(self, time=NOW):
        super().__init__()
        self.time = float(time)

    def now(self):
        return self.time

    def alarm(self, on_ring):
        self._on_alarm = on_ring
        return self

    def set(self, at, *, idle):
        self.set_alarm(at, idle=idle)

    def busy(self):
        pass

    async def stop(self):
        pass

    def set_alarm(self, at, *, idle):
        if idle:
            self.time = max(self.time, at)
            self._on_alarm()


class StoppedClock(LeapingClock):
    """Stands still, and no alarm ever rings."""

    def set_alarm(self, at, *, idle):
        pass


@dataclass
class Stage:
    """One run. `answer(claim)` decides what the wire brings; by default each call is accepted.

    `sent` are the claims whose bytes left, in order; `most_at_once` how many were under way together.
    """

    ledger: Ledger
    planned: list[PlannedCall]
    answer: Callable = None
    before: Callable = None
    """Awaited with each claim before its last look, as while waiting for a connection."""
    requests_per_second: float = 100_000
    max_in_flight: int = 1
    pace: PaceLimit = None
    until_idle: bool = False
    reschedule: Callable = lambda late, _taken, _now: dict.fromkeys([each.id for each in late])
    newly_suppressed: Callable = lambda: None
    lists: Callable = None
    """(key, number) → why the plan or a list leaves them out."""
    suppressions: LiveList = None
    """The ledger's own list."""
    clock: Timer = field(default_factory=LeapingClock)
    events: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    push: Callable = None
    """(claim) → what the wire brings for the push of its record; by default the campaign pushes none."""
    pushed: list = field(default_factory=list)
    most_at_once: int = 0
    _under_way: int = 0
    on_event: Callable = lambda _event: None
    dispatcher: Dispatcher = None
    context: Run = None

    def run(self):
        """Runs to the end and returns why it ended, or raises what the run raised."""
        return asyncio.run(self.run_in_loop())

    async def run_in_loop(self):
        """The same within an event loop that the test started."""
        made = plan(*self.planned, revision=self.ledger.history(CAMPAIGN).revision)
        run = self.ledger.begin_run(BINDING, made, RunProcess(host="here", pid=1), NOW)
        self.context = run_of(
            CallQueue(
                self.ledger.engine,
                CAMPAIGN,
                run,
                pace=self.pace,
                pushes_records=self.push is not None,
                suppressions=self.suppressions,
            ),
            self.ledger.lease(CAMPAIGN, run),
            self.clock,
            plan=current_plan(
                excluded_now=self._excluded_now,
                newly_suppressed=self._read_lists,
                reschedule=self.reschedule,
            ),
            requests_per_second=self.requests_per_second,
            on_event=self._hear,
        )
        self.dispatcher = Dispatcher(
            self.context,
            self._post,
            push=self._push,
            max_in_flight=self.max_in_flight,
            until_idle=self.until_idle,
        )
        # A timeout would not do: a run that is cancelled waits for what is under way.
        guard = asyncio.get_running_loop().call_later(HANGS_AFTER_SECONDS, _cancel_everything)
        try:
            return await self.dispatcher.run()
        finally:
            guard.cancel()

    def _read_lists(self):
        found = self.newly_suppressed()
        self.lists = found or self.lists
        return found

    def _excluded_now(self, key, phone):
        return self.lists(key, phone) if self.lists else None

    async def _post(self, claim, before_send):
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            if self.before is not None:
                await self.before(claim)
            try:
                before_send()
            except RunnerError as error:
                return Exchange(sent=False, prevented=True, problem=error.message)
            self.sent.append(claim)
            await asyncio.sleep(0)
            given = accepted(f"1{claim.key[1:]}") if self.answer is None else self.answer(claim)
            return await given if asyncio.iscoroutine(given) else given
        finally:
            self._under_way -= 1

    async def _push(self, claim, before_send):
        try:
            before_send()
        except RunnerError as error:
            return Exchange(sent=False, prevented=True, problem=error.message)
        self.pushed.append(claim)
        await asyncio.sleep(0)
        return self.push(claim)

    @property
    def pushed_keys(self):
        return [claim.key for claim in self.pushed]

    def _hear(self, event):
        self.events.append(event)
        self.on_event(event)

    def heard(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def sent_keys(self):
        return [claim.key for claim in self.sent]

    def states(self):
        """What another process would read now: only what is committed."""
        return {row.contact: row.state for row in self._read("SELECT contact, state FROM calls ORDER BY id")}

    def value(self, key, column):
        (row,) = self._read(f"SELECT {column} FROM calls WHERE contact = :key", key=key)
        return row[0]

    def _read(self, query, **values):
        other = create_engine(self.ledger.engine.url, poolclass=NullPool)
        with other.connect() as connection:
            return connection.execute(text(query), values).all()


def declare_dead(ledger):
    """As another run does when this one has not renewed its lease; returns how many calls are lost."""
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET lease_until = 0"))
    return ledger.mark_orphaned_calls(CAMPAIGN)


def _cancel_everything():
    for task in asyncio.all_tasks():
        task.cancel()
