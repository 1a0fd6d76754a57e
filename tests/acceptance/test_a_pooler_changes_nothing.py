"""The promise: with PgBouncer before the ledger, and a role that is careless, nobody is queued twice."""

import signal
from collections import Counter

import psycopg
import pytest
from pgbouncer import pooler
from postgres import postgres_server
from shell import Person, end, wait_until
from sqlalchemy import make_url

from campaigns import due_at_once

PEOPLE = 60


@pytest.fixture
def own_server():
    """A server that a test may crash. It writes what it may lose as late as it can."""
    with postgres_server() as server:
        server.execute("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def new_machine(tmp_path, person, start_sandbox):
    """Gives out machines of their own, each with the same campaign, account and ledger."""
    slow = start_sandbox("slow:1")

    def make(name, ledger_url):
        home, folder = tmp_path / name, tmp_path / name / "work"
        folder.mkdir(parents=True)
        machine = Person(home, folder, {**person.environment, "HOME": str(home)})
        machine.environment |= {
            "RUNNER_INSIGHT_BASE_URL": slow.base_url,
            "RUNNER_INSIGHT_USERNAME": "surveys@example.org",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-test",
            "RUNNER_REQUESTS_PER_SECOND": "20",
            "RUNNER_LEDGER_URL": ledger_url,
            "RUNNER_PRIVACY_KEY": "one key for all machines",
        }
        due_at_once(machine, PEOPLE)
        return machine

    make.insight = slow
    return make


def answers(url):
    """Whether the pooler reaches the server; for a while after a crash it does not.

    It lets a client in without the server, whose greeting it keeps: only a query tells.
    """
    parsed = make_url(url)
    try:
        with psycopg.connect(**parsed.query, user=parsed.username, dbname=parsed.database) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_after_a_crash_of_the_server_under_way_another_machine_queues_nobody_again(own_server, new_machine):
    """With transaction pooling, where less is certain; the ledger's own tests use sessions too."""
    url = own_server.new_database_of_a_role_that("synchronous_commit = off")
    insight = new_machine.insight
    with pooler(url, "transaction", default_pool_size=8) as pooled:
        machines = [new_machine(name, pooled) for name in ("one", "two", "three")]
        one, two = (machine.start("apply", "campaign.yaml", "--yes") for machine in machines[:2])
        wait_until(lambda: len(insight.statuses()) > PEOPLE // 3, "a third of the requests")
        own_server.crash()
        end(one)
        own_server.start_again()
        wait_until(lambda: answers(pooled), "the pooler to reach the server again")
        ended = machines[2].run("apply", "campaign.yaml", "--yes")
        end(two, signal.SIGINT)

        assert ended.returncode in {0, 6}, ended.stderr
        posted = Counter(call["phone_number"] for call in insight.calls())
        assert set(posted.values()) == {1}, "somebody was queued twice"
        assert len(insight.statuses()) == len(posted)
        states = machines[2].status("five-zones")["states"]
        assert states["queued"] + states["uncertain"] == PEOPLE
        assert len(posted) + states["uncertain"] >= PEOPLE, "somebody was lost"
        assert "synchronous_commit = on" in machines[2].run("doctor").stdout
