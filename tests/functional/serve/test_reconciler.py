"""Campaigns of a folder over a real ledger and the sandbox, while files change and operators act."""

import asyncio
import os
import sys
import threading
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from runner.calls import CallState
from runner.dispatch.events import Paused
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import RunnerError
from runner.insight.sandbox import parse_fault, running_sandbox
from runner.ledger.imports import ImportedContact, enter_imports
from runner.ledger.operators import Operators
from runner.ledger.tables import runs
from runner.serve.campaign_files import CampaignFiles
from runner.serve.decisions import FileState
from runner.serve.reconciler import Reconciler
from runner.serve.served import ServeStatus
from runner.services import planning_process
from runner.services.apply import Apply
from runner.services.environment import Environment
from runner.settings import Settings

PEOPLE = 12
PATIENCE_SECONDS = 60
ALWAYS = "{weekly: {daily: '00:00-24:00'}}"
NEXT_WEEK = (datetime.now(UTC) + timedelta(days=7)).date()
LATER = f"{{dates: {{from: '{NEXT_WEEK}', to: '{NEXT_WEEK}'}}, weekly: {{daily: '00:00-24:00'}}}}"
"""Nothing is due: all calls stay planned."""


@pytest.fixture(scope="module")
def insight():
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(insight):
    before = len(insight.calls())
    return lambda: insight.calls()[before:]


@pytest.fixture
def environment(ledger, insight):
    return environment_of(ledger, insight)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "campaigns").mkdir()
    return tmp_path / "campaigns"


def environment_of(ledger, insight, **given):
    settings = Settings(
        ledger_url=ledger.engine.url.render_as_string(hide_password=False),
        insight_base_url=insight.base_url,
        insight_username="me@example.org",
        insight_developer_key=SecretStr("any-key"),
        requests_per_second=100,
        **{"approval": "merge", **given},
    )
    return Environment(settings, ledger, Timer(), RateLimit(100), is_rehearsal=False)


def declare(folder, name="clinic", *, windows=LATER, file=None, people=PEOPLE):
    (folder / f"{file or name}.yaml").write_text(
        f"""\
version: 1
name: {name}
survey: {{survey_id: "48211", instance_id: "3"}}
contacts:
  sources: [{{type: csv, path: {name}.csv}}]
  phone: "{{{{ row.phone }}}}"
  key: "{{{{ row.id }}}}"
  region: US
  timezone: UTC
calling_windows: {windows}
"""
    )
    list_people(folder, name, people)


def list_people(folder, name="clinic", people=PEOPLE):
    base = 1000 + 100 * (sum(name.encode()) % 80)
    rows = "".join(f"{name}-{n},617 555 {base + n}\n" for n in range(people))
    (folder / f"{name}.csv").write_text(f"id,phone\n{rows}")


class Watched(Reconciler):
    def __init__(self, folder, environment):
        self.problems = []
        super().__init__(
            [folder], environment, on_status=lambda _found: None, on_problem=self.problems.append
        )

    async def until(self, status, name="clinic"):
        """The campaign, once it has this status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := self.campaign(name)) is None or found.status is not status:
                await self.changed()
        return found


@asynccontextmanager
async def serving(folder, environment):
    served = Watched(folder, environment)
    keeping = asyncio.create_task(served.keep())
    try:
        yield served
    finally:
        served.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await keeping
        assert served.problems == []


def test_a_file_that_is_named_twice_is_one_campaign(folder, environment):
    declare(folder)
    link = folder.parent / "link"
    link.symlink_to(folder)
    files = CampaignFiles([folder, link, folder / "clinic.yaml"], environment.settings, environment.ledger)
    assert [(file.name, file.state) for file in files.find()] == [("clinic", FileState.VALID)]


async def until(condition):
    """For what no campaign shows."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the ledger and the sandbox call nobody
            await asyncio.sleep(0.05)


def scenario(folder, environment, steps):
    async def run():
        async with serving(folder, environment) as served:
            return await steps(served)

    return asyncio.run(run())


def states(ledger, name="clinic"):
    return Counter(call.state for call in ledger.history(name).calls)


def runs_of(ledger):
    with ledger.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(runs))


def test_every_call_of_two_campaigns_is_queued_once(folder, environment, sandbox):
    declare(folder, "clinic", windows=ALWAYS)
    declare(folder, "hospital", windows=ALWAYS)

    async def steps(served):
        for name in ("clinic", "hospital"):
            found = await served.until(ServeStatus.WAITING_FOR_RESULTS, name)
            assert (found.next_due, found.problem) == (None, None)
            assert found.last_events

    scenario(folder, environment, steps)
    called = Counter(call["phone_number"] for call in sandbox())
    assert len(called) == called.total() == 2 * PEOPLE
    for name in ("clinic", "hospital"):
        assert states(environment.ledger, name) == {CallState.QUEUED: PEOPLE}


def test_a_removed_file_holds_its_campaign_until_it_is_back(folder, environment):
    declare(folder)
    file = folder / "clinic.yaml"

    async def steps(served):
        await served.until(ServeStatus.RUNNING)
        text = file.read_text()
        file.unlink()
        served.reload()
        found = await served.until(ServeStatus.REMOVED)
        assert "was removed" in found.problem.message
        assert states(environment.ledger) == {CallState.PLANNED: PEOPLE}
        file.write_text(text)
        served.reload()
        await served.until(ServeStatus.RUNNING)

    scenario(folder, environment, steps)


def test_a_broken_file_holds_its_own_campaign_alone(folder, environment):
    declare(folder, "clinic")
    declare(folder, "hospital")

    async def steps(served):
        await served.until(ServeStatus.RUNNING, "clinic")
        running = await served.until(ServeStatus.RUNNING, "hospital")
        with (folder / "clinic.yaml").open("a") as file:
            file.write("unknown: 1\n")
        served.reload()
        found = await served.until(ServeStatus.BROKEN, "clinic")
        assert [each.code for each in found.problem.diagnostics] == ["unknown_key"]
        assert served.campaign("hospital").since == running.since
        declare(folder, "clinic")
        served.reload()
        await served.until(ServeStatus.RUNNING, "clinic")

    scenario(folder, environment, steps)


def test_of_two_files_with_one_name_neither_is_carried_out(folder, environment):
    declare(folder)
    declare(folder, file="copy")

    async def steps(served):
        found = await served.until(ServeStatus.BROKEN)
        assert "clinic.yaml and" in found.problem.message or "copy.yaml and" in found.problem.message
        assert [each.status for each in served.campaigns()] == [ServeStatus.BROKEN] * 2
        (folder / "copy.yaml").unlink()
        served.reload()
        await served.until(ServeStatus.RUNNING)
        assert len(served.campaigns()) == 1

    scenario(folder, environment, steps)


def test_rows_join_and_leave_within_the_guards(folder, environment):
    declare(folder, people=40)

    async def planned(served, number, runs):
        list_people(folder, people=number)
        served.reload()
        await until(lambda: states(environment.ledger)[CallState.PLANNED] == number)
        await served.until(ServeStatus.RUNNING)
        assert runs_of(environment.ledger) == runs

    async def steps(served):
        await planned(served, 40, runs=1)
        # New rows join the run that goes on.
        await planned(served, 43, runs=1)
        await planned(served, 41, runs=2)
        assert states(environment.ledger)[CallState.SKIPPED] == 2
        list_people(folder, people=5)
        served.reload()
        found = await served.until(ServeStatus.GUARDED)
        assert "withdraw" in found.problem.hint
        assert states(environment.ledger)[CallState.PLANNED] == 41
        await planned(served, 41, runs=3)

    scenario(folder, environment, steps)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_new_rows_of_a_list_are_called_by_the_run_that_goes_on(
    folder, environment, sandbox, monkeypatch, elsewhere
):
    monkeypatch.setattr(planning_process, "_FEW", 0 if elsewhere else PEOPLE + 9)
    declare(folder, windows=ALWAYS)

    async def steps(served):
        await served.until(ServeStatus.WAITING_FOR_RESULTS)
        for added in (1, 2):
            list_people(folder, people=PEOPLE + added)
            served.reload()
            await until(lambda: len(sandbox()) == PEOPLE + added)  # noqa: B023 - awaited at once
        assert len(served.campaign("clinic").plan.calls) == 1

    scenario(folder, environment, steps)
    assert runs_of(environment.ledger) == 1
    called = Counter(call["phone_number"] for call in sandbox())
    assert len(called) == called.total() == PEOPLE + 2


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_contact_that_is_imported_while_its_row_is_planned_is_not_called(
    folder, environment, sandbox, monkeypatch, elsewhere
):
    monkeypatch.setattr(planning_process, "_FEW", 0 if elsewhere else PEOPLE + 9)
    declare(folder, windows=ALWAYS)
    is_needed = Apply.is_needed

    def import_first(work, prepared):
        if len(prepared.plan.calls) == 2:
            contact = ImportedContact(f"clinic-{PEOPLE}", "", "", None, None, None, None)
            enter_imports(environment.ledger.engine, "ana@desk", "clinic", [contact], "queued.csv", 0)
        return is_needed(work, prepared)

    monkeypatch.setattr(Apply, "is_needed", import_first)

    async def steps(served):
        await served.until(ServeStatus.WAITING_FOR_RESULTS)
        list_people(folder, people=PEOPLE + 2)
        served.reload()
        await until(lambda: len(sandbox()) == PEOPLE + 1)

    scenario(folder, environment, steps)
    assert states(environment.ledger) == {CallState.QUEUED: PEOPLE + 1}
    assert f"clinic-{PEOPLE}" not in {call.key for call in environment.ledger.history("clinic").calls}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")
def test_a_plan_that_another_process_makes_ends_with_serve(folder, environment, monkeypatch):
    monkeypatch.setattr(planning_process, "_FEW", 0)
    declare(folder, people=20_000)

    def children():
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    async def steps(_served):
        await until(lambda: children() - before)

    before = children()
    scenario(folder, environment, steps)
    assert children() == before
    assert states(environment.ledger) == {}


def test_a_missing_source_is_tried_again(folder, environment):
    declare(folder)
    (folder / "clinic.csv").unlink()

    async def steps(served):
        found = await served.until(ServeStatus.UNREACHABLE)
        assert "clinic.csv" in found.problem.message
        list_people(folder)
        await served.until(ServeStatus.RUNNING)

    scenario(folder, environment, steps)


def test_a_changed_policy_is_followed_at_once(folder, ledger, insight):
    declare(folder)
    policy = folder.parent / "policy.yaml"
    policy.write_text('surveys: ["48211"]\n')

    async def steps(served):
        await served.until(ServeStatus.RUNNING)
        policy.write_text('surveys: ["1", "2"]\n')
        found = await served.until(ServeStatus.BROKEN)
        assert [each.code for each in found.problem.diagnostics] == ["survey_not_allowed"]

    scenario(folder, environment_of(ledger, insight, policy_file=policy), steps)
    assert states(ledger) == {CallState.PLANNED: PEOPLE}


@pytest.mark.parametrize(
    ("elsewhere", "tighter"),
    [(True, "contact_limits: {calls: 2, per: 30d}"), (False, "max_calls_per_day: 500")],
)
def test_new_rows_join_a_run_only_under_the_policy_that_it_obeys(
    folder, ledger, insight, monkeypatch, elsewhere, tighter
):
    monkeypatch.setattr(planning_process, "_FEW", 0 if elsewhere else PEOPLE + 9)
    declare(folder)
    policy = folder.parent / "policy.yaml"
    policy.write_text("rules: [us-federal]\nmax_calls_per_day: 1000\n")

    async def added(served, number):
        list_people(folder, people=PEOPLE + number)
        served.reload()
        await until(lambda: states(ledger)[CallState.PLANNED] == PEOPLE + number)

    async def steps(served):
        await served.until(ServeStatus.RUNNING)
        await added(served, 1)
        assert runs_of(ledger) == 1
        policy.write_text(f"rules: [us-federal]\n{tighter}\n")
        await added(served, 2)
        assert runs_of(ledger) == 2

    scenario(folder, environment_of(ledger, insight, policy_file=policy), steps)


def test_what_operators_decide_is_shown(folder, environment):
    declare(folder)
    operators, clock = Operators(environment.ledger.engine, "ana@desk"), environment.clock

    async def steps(served):
        await served.until(ServeStatus.RUNNING)
        operators.pause("clinic", clock.now())
        await served.until(ServeStatus.PAUSED)
        operators.resume("clinic", clock.now())
        await served.until(ServeStatus.RUNNING)
        operators.cancel("clinic", clock.now())
        await served.until(ServeStatus.CANCELED)

    scenario(folder, environment, steps)
    assert states(environment.ledger) == {CallState.SKIPPED: PEOPLE}


def test_a_campaign_whose_calls_fail_waits_for_a_person_also_after_a_restart(folder, ledger):
    declare(folder, windows=ALWAYS)

    async def stopped(served):
        found = await served.until(ServeStatus.STOPPED)
        assert "Insight refused 10 calls in a row" in found.problem.message
        assert "runner resume clinic" in found.problem.hint

    async def resumed(served):
        await stopped(served)
        served.reload()
        await until(lambda: [seen for seen in served.campaign("clinic").last_events if is_pause(seen.event)])
        await stopped(served)
        assert insight.calls() == []
        Operators(ledger.engine, "ana@desk").resume("clinic", environment.clock.now())
        await served.until(ServeStatus.WAITING_FOR_RESULTS)

    with running_sandbox(faults=[parse_fault("400*10")]) as insight:
        environment = environment_of(ledger, insight, max_in_flight=1)
        scenario(folder, environment, stopped)
        scenario(folder, environment, resumed)
    assert states(ledger) == {CallState.REFUSED: 10, CallState.QUEUED: PEOPLE - 10}


def is_pause(event):
    return isinstance(event, Paused)


def test_a_campaign_that_another_process_applies_is_tried_again(folder, environment):
    declare(folder)

    async def steps(served):
        with environment.ledger.hold("clinic"):
            found = await served.until(ServeStatus.HELD_ELSEWHERE)
            assert "is being applied" in found.problem.message
        served.reload()
        await served.until(ServeStatus.RUNNING)

    scenario(folder, environment, steps)


def test_a_person_approves_exactly_one_content(folder, ledger, insight):
    declare(folder)

    async def steps(served):
        found = await served.until(ServeStatus.WAITING_FOR_APPROVAL)
        assert (len(found.plan.calls), found.approved) == (PEOPLE, None)
        with pytest.raises(RunnerError, match="changed while it was reviewed"):
            await served.approve("clinic", "0" * 64, "ana")
        await served.approve("clinic", found.content, "ana")
        assert (await served.until(ServeStatus.RUNNING)).approved.by == "ana"
        with (folder / "clinic.yaml").open("a") as file:
            file.write("description: Another text\n")
        served.reload()
        changed = await served.until(ServeStatus.WAITING_FOR_APPROVAL)
        assert changed.content != found.content
        assert states(ledger) == {CallState.PLANNED: PEOPLE}

    scenario(folder, environment_of(ledger, insight, approval="person"), steps)


def test_two_processes_share_a_campaign_and_one_goes_on_alone(folder, postgres_ledgers, insight, sandbox):
    declare(folder, windows=ALWAYS)
    one, other = (environment_of(ledger, insight) for ledger in postgres_ledgers)

    async def both():
        async with serving(folder, one) as first:
            async with serving(folder, other) as second:
                await first.until(ServeStatus.WAITING_FOR_RESULTS)
                await second.until(ServeStatus.WAITING_FOR_RESULTS)
            list_people(folder, people=PEOPLE + 3)
            await until(lambda: len(sandbox()) == PEOPLE + 3)

    asyncio.run(both())
    called = Counter(call["phone_number"] for call in sandbox())
    assert len(called) == called.total() == PEOPLE + 3


def test_contacts_that_change_while_a_plan_is_made_are_in_the_next_one(folder, environment, monkeypatch):
    declare(folder)
    plan, changed = planning_process.prepare_plan, []

    def plan_slowly(*given, **options):
        prepared = plan(*given, **options)
        if not changed:
            changed.append(list_people(folder, people=PEOPLE + 1))
            # The file is looked at in another thread.
            looked.wait(PATIENCE_SECONDS)
        return prepared

    looked = threading.Event()
    monkeypatch.setattr(planning_process, "prepare_plan", plan_slowly)

    async def steps(served):
        await until(lambda: changed)
        served.reload()
        looked.set()
        await until(lambda: states(environment.ledger)[CallState.PLANNED] == PEOPLE + 1)

    scenario(folder, environment, steps)
