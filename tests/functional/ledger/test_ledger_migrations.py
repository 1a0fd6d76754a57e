"""A ledger that an older release wrote: it opens, a copy is kept, and every call keeps its state.

There is one release so far. The tests make the next one: its scripts are this release's, and one more.
"""

import shutil
import stat
from contextlib import closing
from pathlib import Path

import pytest
from ledger_values import rows
from planned_calls import BINDING, CAMPAIGN, NOW
from sqlalchemy import NullPool, create_engine, text

from runner.calls import CallState
from runner.errors import LedgerError
from runner.ledger import migrations, store
from runner.ledger.ledger import Ledger

THIS = migrations.HEAD
NEXT = "0101"
NEXT_REVISION = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{THIS}"


def upgrade() -> None:
    op.add_column("calls", sa.Column("added", sa.Text(), server_default="new", nullable=False))
"""
CALLS = "SELECT contact, state, added FROM calls"


@pytest.fixture
def next_scripts(tmp_path):
    scripts = tmp_path / "next-release"
    shutil.copytree(migrations.SCRIPTS, scripts)
    (scripts / "versions" / "0101_next.py").write_text(NEXT_REVISION)
    return scripts


def write_ledger(url):
    """A ledger of this release with a call in every state."""
    with closing(Ledger.open(url)) as ledger, ledger.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO campaigns (name, survey_id, instance_id, account, origin, bound_at) VALUES "
                 "(:name, '48211', '3', :account, :origin, 1)"),
            {"name": CAMPAIGN, "account": BINDING.account, "origin": BINDING.origin},
        )  # fmt: skip
        connection.execute(
            text("INSERT INTO runs (id, campaign, plan_id, host, pid, git_commit, started_at) VALUES "
                 "(1, :name, 'p', 'here', 1, '', 1)"),
            {"name": CAMPAIGN},
        )  # fmt: skip
        for number, state in enumerate(CallState):
            connection.execute(
                text("INSERT INTO calls (campaign, contact, ref, phone, round, state, run, fence, queue_at, "
                     "start_timestamp, end_timestamp, timezones, phone_number, max_attempts, metadata, "
                     "result_url, account, updated_at, home, states) VALUES (:campaign, :state, :state, "
                     ":phone, 1, :state, 1, 1, :at, :at, :until, '[]', 'tel:', 1, '{}', '', 'a', 1, '', '')"),
                {"campaign": CAMPAIGN, "state": state, "phone": f"+1617555{number:04d}", "at": NOW,
                 "until": NOW + 3600},
            )  # fmt: skip


def upgrade_to_next(url, scripts):
    engine = create_engine(url, poolclass=NullPool)
    migrations.upgrade(engine, store.sqlite_path(url), head=NEXT, scripts=scripts)
    return engine


def read(url, query):
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_migrated_ledger_holds_every_call_in_its_state(url, next_scripts):
    write_ledger(url)
    upgrade_to_next(url, next_scripts)
    assert sorted(read(url, CALLS)) == sorted((state, state, "new") for state in CallState)
    assert read(url, "SELECT version_num FROM alembic_version") == [(NEXT,)]


def test_a_migration_that_fails_changes_nothing(url, next_scripts):
    write_ledger(url)
    broken = NEXT_REVISION + "    raise RuntimeError('broken')\n"
    (next_scripts / "versions" / "0101_next.py").write_text(broken)
    with pytest.raises(RuntimeError, match="broken"):
        upgrade_to_next(url, next_scripts)
    with closing(Ledger.open(url)) as ledger:
        assert len(rows(ledger, "SELECT id FROM calls")) == len(CallState)


def test_a_private_copy_of_the_sqlite_ledger_is_kept_as_it_was(sqlite_url, tmp_path, next_scripts):
    write_ledger(sqlite_url)
    upgrade_to_next(sqlite_url, next_scripts)
    copy = tmp_path / "data" / f"ledger.sqlite3.before-{THIS}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert read(f"sqlite:///{copy}", "SELECT version_num FROM alembic_version") == [(THIS,)]
    assert read(f"sqlite:///{copy}", "SELECT count(*) FROM calls") == [(len(CallState),)]


def test_a_copy_of_the_postgresql_ledger_is_kept_in_a_schema_of_its_own(postgres_url, next_scripts):
    write_ledger(postgres_url)
    upgrade_to_next(postgres_url, next_scripts)
    schema = f"runner_before_{THIS}"
    assert read(postgres_url, f"SELECT version_num FROM {schema}.alembic_version") == [(THIS,)]
    assert read(postgres_url, f"SELECT count(*) FROM {schema}.calls") == [(len(CallState),)]


def test_each_migration_of_a_ledger_that_went_back_a_release_keeps_a_copy(sqlite_url, tmp_path, next_scripts):
    ledger = tmp_path / "data" / "ledger.sqlite3"
    first = ledger.with_name(f"ledger.sqlite3.before-{THIS}")
    write_ledger(sqlite_url)
    for _ in range(2):
        upgrade_to_next(sqlite_url, next_scripts)
        shutil.copy(first, ledger)
    assert [path.name for path in ledger.parent.glob("*before*")] == [first.name], "the same twice"
    with create_engine(sqlite_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE calls SET reason = 'sent since'"))
    upgrade_to_next(sqlite_url, next_scripts)
    for copy, reason in ((first, ""), (Path(f"{first}.2"), "sent since")):
        assert read(f"sqlite:///{copy}", "SELECT DISTINCT reason FROM calls") == [(reason,)]


def test_each_migration_on_postgresql_keeps_a_copy(postgres_url, next_scripts):
    for _ in range(2):
        write_ledger(postgres_url)
        upgrade_to_next(postgres_url, next_scripts)
        with create_engine(postgres_url, poolclass=NullPool).begin() as connection:
            names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for table in connection.scalars(text(names)).all():
                connection.execute(text(f"DROP TABLE {table} CASCADE"))
    for schema in (f"runner_before_{THIS}", f"runner_before_{THIS}_2"):
        assert read(postgres_url, f"SELECT count(*) FROM {schema}.calls") == [(len(CallState),)]


def test_a_ledger_of_this_release_is_not_copied(sqlite_url, tmp_path):
    Ledger.open(sqlite_url).close()
    Ledger.open(sqlite_url).close()
    assert not list((tmp_path / "data").glob("*before*"))


def test_a_ledger_from_before_the_first_release_is_refused_with_advice(url, ledger):
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    with pytest.raises(LedgerError, match="before its first release") as caught:
        Ledger.open(url)
    assert "RUNNER_LEDGER_URL" in caught.value.hint
