"""What holds in each transaction of a ledger on PostgreSQL, whatever lies between: read, not assumed."""

import shlex
import sys
import time
from contextlib import ExitStack, closing
from urllib.parse import quote

import psycopg
import pytest
from ledger_values import begin, claim_all, states
from pgbouncer import pooler
from planned_calls import call, phone
from planned_calls import calls as people
from sqlalchemy import make_url

from runner.errors import LedgerError, SettingsError
from runner.ledger import postgresql
from runner.ledger.ledger import Ledger

CARELESS = (
    "synchronous_commit = off",
    "lock_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "default_transaction_isolation = 'serializable'",
)
SAFE = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_isolation": "read committed",
    "application_name": "runner",
}


@pytest.fixture
def connect():
    """Opens a database directly, or through a PgBouncer in one of its modes."""
    with ExitStack() as until_the_end:

        def through(url, mode, **settings):
            return url if mode == "direct" else until_the_end.enter_context(pooler(url, mode, **settings))

        yield through


def show(connection, name):
    return connection.exec_driver_sql(f"SHOW {name}").scalar_one()


def with_options(url, options):
    return f"{url}&options={quote(options)}"


def another_client(url):
    found = make_url(url)
    return psycopg.connect(
        host=found.query["host"],
        port=found.query.get("port", 5432),
        user=found.username,
        dbname=found.database,
    )


@pytest.mark.parametrize("mode", ["direct", "session", "transaction"])
def test_every_transaction_has_the_safe_settings_whatever_the_role_has(postgres, connect, mode):
    url = connect(postgres.new_database_of_a_role_that(*CARELESS), mode)
    with closing(Ledger.open(url)) as ledger:
        with ledger.engine.begin() as first, ledger.engine.begin() as second:
            for connection in (first, second):
                assert {name: show(connection, name) for name in SAFE} == SAFE
        told = list(ledger.findings())
    assert any("synchronous_commit = on" in line and "fsync = on" in line for line in told)
    assert any("through a pooler" in line for line in told) == (mode != "direct")


def test_what_another_client_of_the_pooler_left_on_a_connection_does_not_count(postgres, connect):
    """With transaction pooling a SET stays on the server connection that it happened to meet."""
    url = connect(postgres.new_database(), "transaction", default_pool_size=1)
    Ledger.open(url).close()
    with another_client(url) as other:
        other.autocommit = True
        other.execute("CREATE SCHEMA elsewhere")
        other.execute("SET synchronous_commit = off")
        other.execute("SET search_path = elsewhere")
        with closing(Ledger.open(url)) as ledger:
            begin(ledger, call("a", phone(1)))
            with ledger.engine.begin() as connection:
                assert show(connection, "synchronous_commit") == "on"
                assert connection.exec_driver_sql("SELECT current_schema()").scalar_one() == "public"
            assert ledger.campaigns() == ["clinic-followup"]
        # It is still there for a client that does not look.
        assert other.execute("SHOW synchronous_commit").fetchone() == ("off",)


@pytest.mark.parametrize(
    ("mode", "ignored"),
    [
        ("direct", ""),
        ("session", "options"),
        ("transaction", "options"),
        ("transaction", "extra_float_digits"),
    ],
    ids=[
        "direct",
        "session, options dropped",
        "transaction, options dropped",
        "transaction, options refused",
    ],
)
def test_the_ledger_is_in_the_schema_that_the_options_name(postgres, connect, mode, ignored):
    database = postgres.new_database()
    with another_client(database) as connection:
        connection.execute("CREATE SCHEMA surveys")
    url = with_options(
        connect(database, mode, ignore_startup_parameters=ignored),
        "-c search_path=surveys -c work_mem=8MB -c synchronous_commit=off",
    )
    with closing(Ledger.open(url)) as ledger:
        begin(ledger, call("a", phone(1)))
        with ledger.engine.begin() as connection:
            assert show(connection, "work_mem") == "8MB"
            assert show(connection, "synchronous_commit") == "on"
    with another_client(database) as connection:
        assert connection.execute("SELECT contact FROM surveys.calls").fetchall() == [("a",)]
        assert connection.execute("SELECT to_regclass('public.calls')").fetchone() == (None,)


@pytest.mark.parametrize("mode", ["direct", "transaction"])
def test_options_of_the_environment_count_through_a_pooler_that_drops_them(
    postgres_url, connect, mode, monkeypatch
):
    monkeypatch.setenv("PGOPTIONS", "-c search_path=surveys,public")
    with pytest.raises(LedgerError, match="names the schema surveys, which does not exist"):
        Ledger.open(connect(postgres_url, mode))


def test_a_pooler_that_gives_each_statement_another_connection_is_refused(postgres_url, connect):
    with pytest.raises(LedgerError, match="transaction blocks not allowed in statement pooling mode"):
        Ledger.open(connect(postgres_url, "statement"))


@pytest.fixture
def careless_server(postgres):
    """A server that begins to skip full-page writes, in the middle of the work of its clients."""

    def is_set(value):
        with another_client(postgres.new_database()) as connection:
            return connection.execute("SHOW full_page_writes").fetchone() == (value,)

    def set_to(value):
        postgres.execute(f"ALTER SYSTEM SET full_page_writes = {value}", "SELECT pg_reload_conf()")
        # The server follows in its own time.
        deadline = time.monotonic() + 30
        while not is_set(value):
            assert time.monotonic() < deadline

    yield lambda: set_to("off")
    set_to("on")


def test_a_server_that_turns_off_full_page_writes_during_a_run_is_refused(postgres_url, careless_server):
    with closing(Ledger.open(postgres_url)) as ledger:
        _, queue = begin(ledger, call("a", phone(1)))
        careless_server()
        with pytest.raises(LedgerError, match="the server has full_page_writes = off"):
            claim_all(queue)
        assert states(ledger) == {"a": "planned"}


@pytest.mark.parametrize(("mode", "prepared"), [("direct", True), ("session", False), ("transaction", False)])
def test_statements_are_prepared_where_no_pooler_gives_out_connections(postgres_url, connect, mode, prepared):
    with closing(Ledger.open(connect(postgres_url, mode))) as ledger:
        begin(ledger, *people(20))
        with ledger.engine.begin() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
    assert (count > 0) == prepared


def test_a_timeout_for_connecting_that_the_url_names_is_kept(postgres_url):
    with (
        closing(Ledger.open(f"{postgres_url}&connect_timeout=3")) as ledger,
        ledger.engine.begin() as connection,
    ):
        assert connection.connection.dbapi_connection.info.get_parameters()["connect_timeout"] == "3"


@pytest.mark.parametrize("parameter", ["autocommit=true", "row_factory=x", "uri=true"])
def test_a_url_with_a_parameter_that_postgresql_does_not_know_is_refused(postgres_url, parameter):
    with pytest.raises(SettingsError, match=f"does not know: {parameter.partition('=')[0]}"):
        Ledger.open(f"{postgres_url}&{parameter}")


def test_without_the_driver_the_error_names_a_command_that_installs_it_here(monkeypatch):
    monkeypatch.setattr(postgresql, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="needs the psycopg driver") as caught:
        Ledger.open("postgresql+psycopg://user@host/database")
    assert caught.value.hint.startswith(f"{shlex.quote(sys.executable)} -m pip install 'psycopg[binary]")
