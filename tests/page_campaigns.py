"""Campaigns as the pages of `serve` show them: a ledger with calls in every state, and what is served."""

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path

from small_campaign import campaign, people, plan_of
from sqlalchemy import insert

from runner.calls import NO_REASON, CallState, ReasonCode, StateReason
from runner.contacts.identity import Identity
from runner.errors import RunnerError
from runner.ledger.approvals import Approval
from runner.ledger.tables import attempts, calls, campaigns, results, runs
from runner.planning.plan_view import plan_view
from runner.serve.served import Problem, ServedCampaign, ServeStatus
from runner.services.approvals import approve_content
from runner.services.campaigns import content_of

HOUR, DAY = 3600, 86_400
ZONES = (["America/New_York"], ["America/Chicago"], ["America/Los_Angeles"])
IDENTITY = Identity(b"a privacy key of 16")
BROKE_OFF = StateReason.of(ReasonCode.UNCERTAIN, problem="the connection broke while waiting for the answer")
REFUSED = StateReason.of(ReasonCode.REFUSED, error="phone_number: not a valid number")


def a_view(name="clinic", number=12):
    """A plan, as it is shown."""
    loaded = campaign()
    found = plan_view(
        plan_of(loaded, people(*range(200, 200 + number))), loaded.campaign, IDENTITY, show_contacts=False
    )
    return replace(found, campaign=name)


def served(name="clinic", status=ServeStatus.RUNNING, **changes):
    given = {
        "name": name,
        "path": Path(f"campaigns/{name}.yaml"),
        "status": status,
        "since": time.time() - HOUR,
        "problem": None,
        "content": "c0ffee" * 10,
        "approved": Approval(content="c0ffee" * 10, by="ann@desk", at=time.time() - 2 * HOUR),
        "planned_at": time.time(),
        "plan": None,
        "next_due": None,
        "last_events": (),
    }
    return ServedCampaign(**given | changes)


def waiting(path, name="clinic", **changes):
    """Nobody approved its file yet."""
    given = {
        "status": ServeStatus.WAITING_FOR_APPROVAL,
        "path": path,
        "content": content_of(path),
        "approved": None,
        "plan": a_view(name),
    }
    return served(name, **given | changes)


def broken(name="broken"):
    problem = Problem(message=f"campaigns/{name}.yaml has 2 errors", hint="correct them, and save the file")
    return served(name, ServeStatus.BROKEN, problem=problem, approved=None)


class Shown:
    """Implements `served.Served` with whatever a test says."""

    def __init__(self, ledger, *found):
        self._ledger = ledger
        self._found = {each.name: each for each in found}
        self._changed = asyncio.Event()
        self._loop = None
        self._lock = threading.Lock()

    def campaigns(self):
        self._loop = asyncio.get_running_loop()
        return sorted(self._found.values(), key=lambda each: each.name)

    def campaign(self, name):
        self._loop = asyncio.get_running_loop()
        return self._found.get(name)

    def show(self, found):
        """From any thread."""
        self._found[found.name] = found

        def ring():
            before, self._changed = self._changed, asyncio.Event()
            before.set()

        if self._loop is not None:
            self._loop.call_soon_threadsafe(ring)

    async def approve(self, name, content, who):
        found = self._found.get(name)
        if found is None:
            raise RunnerError(f"no campaign {name} is served here")
        await asyncio.to_thread(approve_content, self._ledger, name, found.path, content, who)

    def seconds_since_look(self):
        return 0

    def reload(self):
        """There is nothing to read again."""

    async def changed(self):
        await self._changed.wait()


def enter(ledger, name="clinic", now=None, **numbers):
    """Enters a campaign with so many calls of each state, by its name."""
    now = int(time.time()) if now is None else now
    with ledger.engine.begin() as connection:
        connection.execute(
            insert(campaigns).values(
                name=name, survey_id="48211", instance_id="3", account="a", origin="loopback", bound_at=now
            )
        )
        run = connection.execute(
            insert(runs).values(
                campaign=name, plan_id="p", host="desk", pid=7, git_commit="", started_at=now, ending="done"
            )
        ).inserted_primary_key[0]
        number = 0
        for state, many in numbers.items():
            for _ in range(many):
                _enter_call(connection, name, run, CallState(state), number, now)
                number += 1


def _enter_call(connection, name, run, state, number, now):
    waits = state is CallState.PLANNED
    start = now + HOUR + 60 * number if waits else now - DAY * (1 + number % 5) - HOUR * (number % 4)
    key = f"{name}-{number}"
    is_sent = state not in {CallState.PLANNED, CallState.SKIPPED}
    call = connection.execute(
        insert(calls).values(
            campaign=name, contact=key, ref=IDENTITY.ref(key),
            phone=f"+1617555{sum(name.encode()) % 10}{number:03}",
            round=1, state=state.value, run=run, fence=int(is_sent), queue_at=start - 300,
            reason={CallState.UNCERTAIN: BROKE_OFF, CallState.REFUSED: REFUSED}.get(state, NO_REASON),
            start_timestamp=start, end_timestamp=start + 2 * HOUR, timezones=ZONES[number % len(ZONES)],
            home="", states="", phone_number="tel:+1", max_attempts=2, reattempt_wait=2700, metadata={},
            result_url="", account="a", updated_at=start,
            call_id=f"{name}{number}" if state in _WITH_ID else None,
            ask_at=now + HOUR if state is CallState.QUEUED else None,
        )
    ).inserted_primary_key[0]  # fmt: skip
    if is_sent:
        connection.execute(
            insert(attempts).values(
                call=call, run=run, fence=1, intended_at=start - 300, finished_at=start, outcome=state.value
            )
        )
    if state in {CallState.COMPLETED, CallState.FAILED}:
        connection.execute(
            insert(results).values(
                call=call, campaign=name, status=state.value, source="callback", learned_at=start + 600,
                attempts=1, first_dial=start + 60, last_attempt_timestamp=start + 60, ended_at=start + 300,
            )
        )  # fmt: skip


_WITH_ID = {CallState.QUEUED, CallState.COMPLETED, CallState.FAILED}
