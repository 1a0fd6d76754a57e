"""A ledger that an older release wrote: it opens, a copy is kept, and nobody becomes callable again."""

import shutil
import stat
from contextlib import closing

import pytest
from ledger_values import BINDING, CAMPAIGN, NOW, migrated, rows
from sqlalchemy import NullPool, create_engine, text

from runner.ledger import migrations
from runner.ledger.ledger import Ledger
from runner.ledger.states import CallState
from runner.planning.plan import Standing

OLDER = ["0001", "0002", "0003"]


def write_older_ledger(url, revision):
    """A ledger as the release of that revision left it, with a call in every state."""
    with closing(migrated(url, revision)) as connection:
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
                     "result_url, account, updated_at) VALUES (:campaign, :state, :state, :phone, 1, :state, "
                     "1, 1, :at, :at, :until, '[]', 'tel:', 1, '{}', '', 'a', 1)"),
                {"campaign": CAMPAIGN, "state": state, "phone": f"+1617555{number:04d}", "at": NOW,
                 "until": NOW + 3600},
            )  # fmt: skip
        connection.commit()


@pytest.mark.parametrize("revision", OLDER)
def test_a_migrated_ledger_holds_every_call_in_its_state(url, revision):
    write_older_ledger(url, revision)
    with closing(Ledger.open(url)) as ledger:
        found = {known.key: (known.state, known.standing) for known in ledger.history(CAMPAIGN).calls}
        assert set(found) == set(CallState)
        assert all(state == key for key, (state, _) in found.items())
        sendable = {key for key, (_, standing) in found.items() if standing is not Standing.TAKEN}
        assert sendable == {"planned", "refused", "skipped"}
        assert rows(ledger, "SELECT version_num FROM alembic_version") == [{"version_num": migrations.HEAD}]


@pytest.mark.parametrize("revision", OLDER)
def test_what_an_older_release_was_sending_when_it_died_is_uncertain(url, revision):
    write_older_ledger(url, revision)
    with closing(Ledger.open(url)) as ledger:
        assert ledger.bury_dead_runs(CAMPAIGN) == 1
        assert rows(ledger, "SELECT state FROM calls WHERE contact = 'sending'") == [{"state": "uncertain"}]


@pytest.mark.parametrize("revision", OLDER)
def test_a_private_copy_of_the_sqlite_ledger_is_kept_as_it_was(sqlite_url, tmp_path, revision):
    write_older_ledger(sqlite_url, revision)
    Ledger.open(sqlite_url).close()
    copy = tmp_path / "data" / f"ledger.sqlite3.before-{revision}"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    engine = create_engine(f"sqlite:///{copy}", poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == revision
        assert connection.scalar(text("SELECT count(*) FROM calls")) == len(CallState)


@pytest.mark.parametrize("revision", OLDER)
def test_a_copy_of_the_postgresql_ledger_is_kept_in_a_schema_of_its_own(postgres_url, revision):
    write_older_ledger(postgres_url, revision)
    with closing(Ledger.open(postgres_url)) as ledger:
        schema = f"runner_before_{revision}"
        assert rows(ledger, f"SELECT version_num FROM {schema}.alembic_version") == [
            {"version_num": revision}
        ]
        assert len(rows(ledger, f"SELECT id FROM {schema}.calls")) == len(CallState)


def test_whoever_went_back_a_release_in_between_has_a_copy_of_each_time(sqlite_url, tmp_path):
    ledger = tmp_path / "data" / "ledger.sqlite3"
    first = ledger.with_name("ledger.sqlite3.before-0003")
    write_older_ledger(sqlite_url, "0003")
    for _ in range(2):
        Ledger.open(sqlite_url).close()
        shutil.copy(first, ledger)
    assert [path.name for path in ledger.parent.glob("*before*")] == [first.name], "the same twice"
    with create_engine(sqlite_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE calls SET reason = 'sent since'"))
    Ledger.open(sqlite_url).close()
    second = create_engine(f"sqlite:///{first}.2", poolclass=NullPool)
    for engine, reason in (
        (create_engine(f"sqlite:///{first}", poolclass=NullPool), ""),
        (second, "sent since"),
    ):
        with engine.connect() as connection:
            assert set(connection.scalars(text("SELECT reason FROM calls"))) == {reason}


def test_whoever_went_back_a_release_on_postgresql_has_a_copy_of_each_time(postgres_url):
    write_older_ledger(postgres_url, "0003")
    Ledger.open(postgres_url).close()
    with create_engine(postgres_url, poolclass=NullPool).begin() as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        for table in connection.scalars(text(names)).all():
            connection.execute(text(f"DROP TABLE {table} CASCADE"))
    write_older_ledger(postgres_url, "0003")
    with closing(Ledger.open(postgres_url)) as ledger:
        for schema in ("runner_before_0003", "runner_before_0003_2"):
            assert len(rows(ledger, f"SELECT id FROM {schema}.calls")) == len(CallState)


def test_a_ledger_of_this_release_is_not_copied(sqlite_url, tmp_path):
    Ledger.open(sqlite_url).close()
    Ledger.open(sqlite_url).close()
    assert not list((tmp_path / "data").glob("*before*"))
