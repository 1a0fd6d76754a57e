"""The process that plans further rounds of a large campaign: what it adds, and what is left when it dies."""

import asyncio
import io
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from runner.campaign.loader import load_campaign
from runner.dispatch.events import RoundsNotPlanned
from runner.dispatch.rate_limit import RateLimit
from runner.dispatch.timer import Timer
from runner.errors import RunnerError
from runner.ledger.ledger import Ledger, RunProcess
from runner.services import planning_process
from runner.services.binding import binding_of
from runner.services.environment import Environment
from runner.services.further_rounds import FurtherRounds
from runner.services.planning import prepare_plan
from runner.services.planning_process import Entry, Order, PlanningProcess, at_low_priority
from runner.settings import Settings, sqlite_url

PEOPLE = 1000
ADDED_AT_ONCE = 100
CAMPAIGN = """\
version: 1
name: clinic
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: people.csv}]
  suppress: [{type: csv, path: listed.csv, key: "{{ row.id }}"}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
  timezone: America/New_York
calling_windows: {weekly: {daily: "00:00-24:00"}}
retry_policy: {rounds: 2}
pacing: {calls_per_minute: 300}
"""
NOBODY_ANSWERED = (
    "UPDATE calls SET state = 'failed', call_id = id",
    """
    INSERT INTO results (call, campaign, status, source, learned_at, last_attempt_timestamp, events)
    SELECT id, campaign, 'failed', 'callback', start_timestamp + 600, start_timestamp + 60, '[]' FROM calls
    """,
)
PARENT = """
import pickle, sys, time
from contextlib import closing
from runner.ledger.ledger import Ledger
from runner.services.planning_process import PlanningProcess

order = pickle.load(sys.stdin.buffer)
process = PlanningProcess(order)
with closing(Ledger.open(order.settings.ledger_url)) as ledger:
    process.plan(ledger, lambda _working_set: None)
process.enter_some()
print(process.pid, flush=True)
time.sleep(600)
"""


class Campaign:
    """One that runs, and whose first round reached nobody."""

    def __init__(self, folder, ledger, settings):
        rows = "".join(f"p{number},617 555 {1000 + number}\n" for number in range(PEOPLE))
        (folder / "people.csv").write_text(f"id,phone\n{rows}")
        (folder / "listed.csv").write_text("id\nlisted\n")
        (folder / "clinic.yaml").write_text(CAMPAIGN)
        self.sources, self.ledger, self.events = folder / "people.csv", ledger, []
        loaded = load_campaign(folder / "clinic.yaml")
        first = prepare_plan(loaded, settings, ledger, now=time.time(), limit=None)
        binding = binding_of(loaded, settings, first.identity)
        run = ledger.begin_run(binding, first.plan, RunProcess(host="here", pid=1), time.time())
        with ledger.engine.begin() as connection:
            for statement in NOBODY_ANSWERED:
                connection.execute(text(statement))
        environment = Environment(settings, ledger, Timer(), RateLimit(5), is_rehearsal=False)
        entry = Entry(binding, run, only_own=False, joins=False)
        self.order = Order(loaded, settings, float(int(time.time())), entry)
        self.rounds = FurtherRounds(first, environment, binding, run, self.events.append)

    def second_calls(self):
        """How many second calls there are, to how many contacts, and how many have their transition."""
        with self.ledger.engine.begin() as connection:
            return tuple(
                connection.execute(
                    text(
                        "SELECT count(*), count(DISTINCT contact), count(transitions.id) FROM calls "
                        "LEFT JOIN transitions ON transitions.call = calls.id WHERE round = 2"
                    )
                ).one()
            )


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    monkeypatch.setattr(planning_process, "_FEW", 0)
    settings = Settings(ledger_url=sqlite_url(tmp_path / "ledger.sqlite3"))
    with closing(Ledger.open(settings.ledger_url)) as ledger:
        yield Campaign(tmp_path, ledger, settings)


def test_a_killed_process_leaves_whole_calls_and_the_next_plan_adds_the_others(campaign):
    with PlanningProcess(campaign.order) as process:
        process.plan(campaign.ledger, lambda _working_set: None)
        assert process.enter_some() == ADDED_AT_ONCE
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(RunnerError, match="ended before its work was done"):
            process.enter_some()
    assert campaign.second_calls() == (ADDED_AT_ONCE,) * 3
    assert asyncio.run(campaign.rounds.plan(time.time()))
    assert campaign.second_calls() == (PEOPLE,) * 3
    assert [event.calls for event in campaign.events] == [PEOPLE - ADDED_AT_ONCE]


def test_an_error_in_runner_itself_is_reported_without_what_is_in_the_row(campaign, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("+16175550123")

    monkeypatch.setattr(planning_process, "_prepare", fail)
    asked = [(campaign.order, str(tmp_path / "plan")), 1, 2]
    answers = io.BytesIO()
    planning_process.answer_all(io.BytesIO(b"".join(map(pickle.dumps, asked))), answers)
    answers.seek(0)
    opened, error = pickle.load(answers), pickle.load(answers)
    assert opened == "the file is open"
    assert error.message.startswith("unexpected error KeyError in ")
    assert "617" not in repr(vars(error))


def test_the_process_adds_nothing_more_when_the_run_is_killed(campaign):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        parent.stdin.write(pickle.dumps(campaign.order))
        parent.stdin.close()
        planner = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{planner}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{planner}").exists()
    assert campaign.second_calls() == (ADDED_AT_ONCE,) * 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_a_plan_is_made_at_the_lowest_priority_and_entered_at_the_usual_one():
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    assert at_low_priority(os.getpriority, os.PRIO_PROCESS, 0) == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == usual


def test_a_plan_of_another_process_excludes_who_is_gone_or_listed_since(campaign):
    people = campaign.sources.read_text().replace("p1,", "listed,").replace("p2,617 555 1002\n", "")
    campaign.sources.write_text(people)
    assert asyncio.run(campaign.rounds.plan(time.time()))
    newest = campaign.rounds.newest_plan
    assert newest.working_set.left_out("p0", "+16175551000") is None
    assert "no source has this contact" in newest.working_set.left_out("p2", "+16175551002")
    assert "listed.csv" in newest.suppressed.match("listed", "")


def test_what_keeps_another_process_from_planning_is_reported(campaign):
    campaign.sources.unlink()
    assert not asyncio.run(campaign.rounds.plan(time.time()))
    (event,) = campaign.events
    assert isinstance(event, RoundsNotPlanned)
    assert "people.csv" in event.problem
