"""The promise: whatever dies, and whenever, nobody is called twice and nobody is lost."""

import random
import signal
from pathlib import Path

import pytest
from chaos import Campaign
from shell import PATIENCE_SECONDS, Person, wait_until

PEOPLE = 5
"""Of whom two at a time are under way, so that what became of them takes at least three commits."""


@pytest.fixture
def person(customer: Person) -> Person:
    customer.environment["RUNNER_MAX_IN_FLIGHT"] = "2"
    return customer


@pytest.fixture
def campaign(person, sandbox, tmp_path) -> Campaign:
    return Campaign(person, sandbox, f"sqlite:///{tmp_path / 'ledger.sqlite3'}", PEOPLE)


def uncertain_in_the_end(campaign: Campaign) -> int:
    """Applies to the end, and returns how many calls are uncertain once everything is accounted for."""
    ended = campaign.apply_until_through()
    found = campaign.reconcile()
    found.check()
    assert (ended.returncode == 6) == (found.states["uncertain"] > 0)
    return found.states["uncertain"]


# `make soak` dies at every commit. Here are those around a request; before a commit is after the one before.
@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("kill-before", "commit:1"),
        ("kill-after", "commit:1"),
        ("kill-after", "commit:9"),
        ("kill-before", "intent:1"),
        ("kill-after", "intent:1"),
        ("kill-after", "intent:3"),
        ("kill-before", "result:1"),
        ("kill-after", "result:3"),
    ],
)
def test_killed_at_a_commit_nobody_is_called_twice_and_nobody_is_lost(campaign, what, where):
    process = campaign.crash(what, where)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == -signal.SIGKILL, err
    uncertain = uncertain_in_the_end(campaign)
    if (what, where) in {("kill-after", "intent:1"), ("kill-before", "result:1")}:
        assert 1 <= uncertain <= 2, "what was under way is uncertain"
    elif where.startswith("commit") or (what, where) == ("kill-before", "intent:1"):
        assert uncertain == 0, "nothing was under way"


@pytest.mark.parametrize("where", ["intent:1", "result:1"])
def test_a_suspended_run_keeps_the_campaign_and_continues_where_it_stopped(campaign, where):
    process = campaign.crash("stop-after", where)
    wait_until(lambda: is_stopped(process.pid), "a stopped process")
    refused = campaign.apply()
    assert refused.returncode == 5, refused.stderr
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    found = campaign.reconcile()
    found.check()
    assert found.states == {"queued": PEOPLE}


@pytest.mark.parametrize("where", ["intent:1", "intent:3", "result:1"])
def test_on_a_full_disk_a_run_stops_with_an_error_and_continues_when_there_is_room(campaign, where):
    process = campaign.crash("full-before", where)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1, err
    assert "error: the ledger" in err
    assert "Traceback" not in err
    if where == "intent:1":
        assert campaign.server.calls() == []
    assert uncertain_in_the_end(campaign) <= 2


@pytest.mark.parametrize("where", ["intent:1", "result:1"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_when_the_database_ends_the_connection_at_a_commit_nothing_is_doubled_or_lost(
    person, sandbox, postgres_url, moment, where
):
    campaign = Campaign(person, sandbox, postgres_url, PEOPLE)
    _, err = campaign.crash(f"cut-{moment}", where).communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in err
    uncertain = uncertain_in_the_end(campaign)
    if where.startswith("result"):
        assert uncertain == 0, "the result is recorded over a new connection"


def test_a_run_that_was_stopped_and_overtaken_sends_nothing_and_its_answer_still_counts(
    person, sandbox, postgres_url
):
    """On PostgreSQL another run takes over once the lease has passed; then the first one wakes up."""
    campaign = Campaign(person, sandbox, postgres_url, PEOPLE)
    sleeper = campaign.crash("stop-before", "result:1")
    wait_until(lambda: is_stopped(sleeper.pid), "a stopped process")
    successor = campaign.apply()
    assert successor.returncode == 6, successor.stderr
    assert campaign.reconcile().states["uncertain"] >= 1
    requests = len(campaign.server.statuses())
    sleeper.send_signal(signal.SIGCONT)
    _, err = sleeper.communicate(timeout=PATIENCE_SECONDS)
    assert sleeper.returncode == 5, err
    assert "was suspended for so long" in err
    assert len(campaign.server.statuses()) == requests
    found = campaign.reconcile()
    found.check()
    assert found.states == {"queued": PEOPLE}


def test_a_run_that_was_stopped_before_it_sent_and_was_overtaken_sends_nothing(person, sandbox, postgres_url):
    campaign = Campaign(person, sandbox, postgres_url, PEOPLE)
    sleeper = campaign.crash("stop-after", "intent:1")
    wait_until(lambda: is_stopped(sleeper.pid), "a stopped process")
    successor = campaign.apply()
    assert successor.returncode == 6, successor.stderr
    uncertain = campaign.reconcile().states["uncertain"]
    requests = len(campaign.server.statuses())
    assert requests + uncertain == PEOPLE
    sleeper.send_signal(signal.SIGCONT)
    _, err = sleeper.communicate(timeout=PATIENCE_SECONDS)
    assert sleeper.returncode == 5, err
    assert len(campaign.server.statuses()) == requests, "it sent after it was declared dead"
    assert uncertain_in_the_end(campaign) == 0, "it proved itself that nothing had been sent"
    assert campaign.reconcile().states == {"queued": PEOPLE}


def test_with_random_kills_and_pauses_nobody_is_called_twice_and_nobody_is_lost(
    person, start_sandbox, tmp_path
):
    server = start_sandbox("reset-after@10%", "slow:0.2@30%")
    person.environment |= {"RUNNER_INSIGHT_BASE_URL": server.base_url, "RUNNER_REQUESTS_PER_SECOND": "20"}
    campaign = Campaign(person, server, f"sqlite:///{tmp_path / 'ledger.sqlite3'}", 60)
    campaign.disturb(random.Random(7), 1, kills=4, longest_stop=0.5)
    uncertain_in_the_end(campaign)
    assert campaign.kills >= 1


def test_four_runs_share_a_campaign_in_postgresql_and_may_die(person, start_sandbox, postgres_url):
    server = start_sandbox("slow:0.3@50%")
    person.environment |= {"RUNNER_INSIGHT_BASE_URL": server.base_url, "RUNNER_REQUESTS_PER_SECOND": "40"}
    campaign = Campaign(person, server, postgres_url, 120)
    campaign.disturb(random.Random(11), 4, kills=3, longest_stop=0.5)
    uncertain_in_the_end(campaign)
    assert campaign.kills >= 1


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
