"""Runs without a command line: several share an event loop, a scheduler, a ledger and a request rate."""

import asyncio
import itertools
import time
from collections import Counter
from contextlib import closing

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from runner.calls import CallState
from runner.campaign.loader import load_campaign
from runner.dispatch.events import CallEnded, RunEnd, RunsShare
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.insight.sandbox import running_sandbox
from runner.ledger.ledger import Ledger
from runner.ledger.tables import runs
from runner.services.apply import Apply
from runner.services.environment import Environment
from runner.services.progress import NoProgress
from runner.settings import Settings

PEOPLE = 30
PER_SECOND = 20
BEGINNING_SECONDS = 4
HANGS_AFTER_SECONDS = 120
CAMPAIGN = """\
version: 1
name: {name}
survey: {{survey_id: "48211", instance_id: "{instance}"}}
contacts:
  sources: [{{type: csv, path: {name}.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: UTC
calling_windows: {{weekly: {{daily: "00:00-24:00"}}}}
"""


@pytest.fixture
def sandbox():
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def environment(sandbox, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    settings = Settings(
        insight_base_url=sandbox.base_url,
        insight_username="me@example.org",
        insight_developer_key=SecretStr("any-key"),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite3'}",
        requests_per_second=PER_SECOND,
        max_in_flight=8,
    )
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        yield Environment(settings, ledger, Timer(), RateLimit(PER_SECOND), is_rehearsal=False)


def planned(environment, folder, name, instance, **options):
    """An apply with its plan, of which all calls are due now."""
    (folder / f"{name}.yaml").write_text(CAMPAIGN.format(name=name, instance=instance))
    rows = "".join(f"{name}-{n},617 555 {1000 * instance + n}\n" for n in range(PEOPLE))
    (folder / f"{name}.csv").write_text(f"id,phone\n{rows}")
    apply = Apply(load_campaign(folder / f"{name}.yaml", data_roots=tuple), environment, **options)
    assert apply.check() == 0
    prepared = apply.plan()
    assert apply.is_needed(prepared)
    assert len(prepared.plan.calls) == PEOPLE
    return apply, prepared


def test_two_campaigns_in_one_event_loop_queue_everybody_once_within_the_shared_rate(
    environment, sandbox, tmp_path
):
    applies = [planned(environment, tmp_path, "clinic", 1), planned(environment, tmp_path, "hospital", 2)]
    events = []

    async def both():
        # Nothing leaves until both runs have begun, however slowly: only then can they take turns.
        environment.rate.spend(time.monotonic(), BEGINNING_SECONDS * PER_SECOND)
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            return await asyncio.gather(*(apply.run(prepared, events.append) for apply, prepared in applies))

    assert asyncio.run(both()) == [RunEnd.DONE, RunEnd.DONE]

    received = sandbox.calls()
    assert Counter(call["phone_number"] for call in received) == {
        call.phone_number: 1 for _, prepared in applies for call in prepared.plan.calls
    }
    for apply, _ in applies:
        states = [call.state for call in environment.ledger.history(apply.campaign).calls]
        assert states == [CallState.QUEUED] * PEOPLE
        assert apply.queued == PEOPLE
    ended = [event for event in events if isinstance(event, CallEnded)]
    assert len(ended) == 2 * PEOPLE
    # They took turns, and together kept the rate.
    switches = sum(a.key[0] != b.key[0] for a, b in itertools.pairwise(ended))
    assert switches > PEOPLE / 4
    assert {event.runs for event in events if isinstance(event, RunsShare)} <= {1, 2}
    times = sorted(call["received_at"] for call in received)
    assert times[-1] - times[0] >= (2 * PEOPLE - 1 - 2) / PER_SECOND


def test_a_run_canceled_while_its_plan_is_entered_leaves_nothing_behind(environment, sandbox, tmp_path):
    loop_went_on = []

    class CancelInTheMiddle(NoProgress):
        def bar(self, what, _total, items):
            for number, item in enumerate(items):
                if what == "entering the plan" and number == PEOPLE // 2:
                    canceled = asyncio.run_coroutine_threadsafe(cancel(), loop)
                    canceled.result(HANGS_AFTER_SECONDS)
                yield item

    async def cancel():
        loop_went_on.append(True)
        entering.cancel()
        # The task learns of it in the next round of the loop.
        await asyncio.sleep(0)

    async def begin():
        nonlocal loop, entering
        loop = asyncio.get_running_loop()
        entering = asyncio.ensure_future(apply.run(prepared, lambda _event: None))
        await entering

    loop = entering = None
    apply, prepared = planned(environment, tmp_path, "clinic", 1, progress=CancelInTheMiddle())
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(begin())
    assert loop_went_on
    assert list(environment.ledger.history(apply.campaign).calls) == []
    assert not environment.ledger.knows(apply.campaign)
    assert sandbox.calls() == []


def test_a_run_canceled_twice_after_its_plan_was_written_is_ended(environment, tmp_path, monkeypatch):
    begin_run = environment.ledger.begin_run

    def begin_then_be_canceled(*given, **options):
        run = begin_run(*given, **options)
        asyncio.run_coroutine_threadsafe(cancel_twice(), loop).result(HANGS_AFTER_SECONDS)
        return run

    async def cancel_twice():
        for _ in range(2):
            entering.cancel()
            # The task learns of it in the next rounds of the loop.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def begin():
        nonlocal loop, entering
        loop = asyncio.get_running_loop()
        entering = asyncio.ensure_future(apply.run(prepared, lambda _event: None))
        await entering

    loop = entering = None
    apply, prepared = planned(environment, tmp_path, "clinic", 1)
    monkeypatch.setattr(environment.ledger, "begin_run", begin_then_be_canceled)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(begin())
    with environment.ledger.engine.connect() as connection:
        assert list(connection.scalars(select(runs.c.ending))) == [RunEnd.INTERRUPTED]


def test_two_campaigns_that_want_the_same_people_at_once_never_have_them_at_the_same_time(
    environment, sandbox, tmp_path
):
    first = planned(environment, tmp_path, "clinic", 1, until_idle=True)
    # Neither plan knows of the other: nothing of them is entered yet.
    text = CAMPAIGN.format(name="hospital", instance=1).replace("hospital.csv", "clinic.csv")
    (tmp_path / "hospital.yaml").write_text(text)
    loaded = load_campaign(tmp_path / "hospital.yaml", data_roots=tuple)
    second = Apply(loaded, environment, until_idle=True)
    second.check()
    applies = [first, (second, second.plan())]

    async def both():
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            return await asyncio.gather(
                *(apply.run(prepared, lambda _event: None) for apply, prepared in applies)
            )

    assert set(asyncio.run(both())) <= {RunEnd.DONE, RunEnd.IDLE}

    dialled = Counter(call["phone_number"] for call in sandbox.calls())
    assert dialled == {call.phone_number: 1 for call in first[1].plan.calls}
    # The windows are open without a break, so the first call may be dialled until the last of them closes.
    ends = Counter(
        call.state for apply, _ in applies for call in environment.ledger.history(apply.campaign).calls
    )
    assert ends == {CallState.QUEUED: PEOPLE, CallState.SKIPPED: PEOPLE}
