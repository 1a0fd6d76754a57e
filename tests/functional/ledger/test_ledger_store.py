"""The database behind the ledger: its schema, its rights, and how its transactions begin and end."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from contextlib import ExitStack, closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_values import THIS, begin, claim_all, let_leases_lapse, migrated, rows
from planned_calls import BINDING, NOW, call, phone, plan
from sqlalchemy import CheckConstraint, text

from runner.errors import LedgerError, LedgerUnavailableError, SettingsError
from runner.ledger import migrations, sqlite
from runner.ledger.ledger import Ledger
from runner.ledger.rows import reading
from runner.ledger.sqlite import journal_mode
from runner.ledger.tables import metadata
from runner.settings import load_settings, sqlite_url


@pytest.fixture(params=["new", "migrated"])
def either_url(request, empty_url):
    """Of a ledger that this release made at once, and of one that went through every migration."""
    if request.param == "migrated":
        with closing(migrated(empty_url, migrations.HEAD)) as connection:
            connection.commit()
    return empty_url


def test_new_and_migrated_ledgers_have_the_tables_of_this_release(either_url):
    with closing(Ledger.open(either_url)) as ledger, ledger.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_the_migrations_make_the_rules_that_alembic_does_not_compare(sqlite_url, table):
    """Check constraints and the conditions of partial indexes, as SQLite itself recorded them."""
    with closing(migrated(sqlite_url, migrations.HEAD)) as connection:
        connection.commit()
    with closing(Ledger.open(sqlite_url)) as ledger:
        _has_the_rules_of(table, ledger)


def _has_the_rules_of(table, ledger):
    made = rows(
        ledger,
        "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL",
        name=table.name,
    )
    recorded = " ".join(" ".join(row["sql"].split()) for row in made)
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            assert f"CONSTRAINT {constraint.name} CHECK ({constraint.sqltext})" in recorded
    assert recorded.count(" CHECK (") == sum(isinstance(c, CheckConstraint) for c in table.constraints)
    for index in table.indexes:
        where = index.dialect_options["sqlite"]["where"]
        if where is not None:
            columns = ", ".join(column.name for column in index.columns)
            assert f"{index.name} ON {table.name} ({columns}) WHERE {where}" in recorded


def test_the_head_that_the_code_names_is_the_newest_revision():
    folder = os.path.dirname(migrations.__file__)  # noqa: PTH120 - Alembic takes text
    assert ScriptDirectory(folder).get_heads() == [migrations.HEAD]


def test_a_ledger_opens_again_with_what_it_held(url):
    with closing(Ledger.open(url)) as ledger:
        begin(ledger, call("a", phone(1)))
    with closing(Ledger.open(url)) as again:
        assert [known.key for known in again.history("clinic-followup").calls] == ["a"]


def test_a_ledger_of_a_newer_release_is_refused(url, ledger):
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer release") as caught:
        Ledger.open(url)
    assert "upgrade" in caught.value.hint


def test_the_ledger_and_its_folder_are_for_their_owner_alone(sqlite_ledger):
    assert stat.S_IMODE(sqlite_ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(sqlite_ledger.path.parent.stat().st_mode) == 0o700


def test_the_ledger_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        with closing(Ledger.open(f"sqlite:///{tmp_path / 'open' / 'ledger.sqlite3'}")) as ledger:
            begin(ledger, call("a", phone(1)))
            modes = {stat.S_IMODE(path.stat().st_mode) for path in ledger.path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("library", "mode"),
    [
        ((3, 40, 1), ("TRUNCATE", "EXTRA")),
        ((3, 44, 5), ("TRUNCATE", "EXTRA")),
        ((3, 44, 6), ("WAL", "FULL")),
        ((3, 45, 0), ("TRUNCATE", "EXTRA")),
        ((3, 50, 6), ("TRUNCATE", "EXTRA")),
        ((3, 50, 7), ("WAL", "FULL")),
        ((3, 51, 2), ("TRUNCATE", "EXTRA")),
        ((3, 51, 3), ("WAL", "FULL")),
        ((3, 60, 0), ("WAL", "FULL")),
        ((4, 0, 0), ("WAL", "FULL")),
    ],
)
def test_the_journal_is_one_that_is_sound_in_this_library(library, mode):
    assert journal_mode(library) == mode


def test_every_connection_has_the_safe_settings(sqlite_ledger):
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)
    with sqlite_ledger.engine.begin() as first, sqlite_ledger.engine.connect() as second:
        assert first.connection.dbapi_connection is not second.connection.dbapi_connection
        for connection in (first, second):
            cursor = connection.connection.cursor()

            def pragma(name, cursor=cursor):
                return cursor.execute(f"PRAGMA {name}").fetchone()[0]

            assert pragma("journal_mode").upper() == journal
            assert pragma("synchronous") == {"FULL": 2, "EXTRA": 3}[synchronous]
            assert pragma("foreign_keys") == 1
            assert pragma("busy_timeout") == 30_000


def test_a_transaction_has_the_ledger_to_itself_from_its_first_statement_on(sqlite_ledger):
    with closing(sqlite3.connect(sqlite_ledger.path, timeout=0, isolation_level=None)) as other:
        with sqlite_ledger.engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


def test_others_can_write_up_to_their_commit_while_a_plan_reads(sqlite_ledger):
    with sqlite_ledger.engine.connect() as other:
        with reading(sqlite_ledger.engine) as plan:
            plan.execute(text("SELECT * FROM calls")).all()
            other.execute(text("DELETE FROM facts"))
        other.commit()


def test_a_write_that_waits_too_long_fails_with_advice_and_later_ones_succeed(sqlite_ledger, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    with closing(sqlite3.connect(sqlite_ledger.path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailableError, match="locked") as caught:
            sqlite_ledger.privacy_key()
        assert "let it continue or end it" in caught.value.hint
        other.execute("ROLLBACK")
    assert sqlite_ledger.privacy_key()


def test_a_second_transaction_waits_for_the_first_and_then_sees_its_work(sqlite_ledger):
    seen = []

    def read():
        with sqlite_ledger.engine.begin() as connection:
            seen.extend(connection.scalars(text("SELECT name FROM campaigns")))

    with sqlite_ledger.engine.begin() as connection:
        reader = threading.Thread(target=read)
        reader.start()
        connection.execute(
            text(
                "INSERT INTO campaigns (name, survey_id, instance_id, account, origin, bound_at) "
                "VALUES ('clinic-followup', '1', '1', 'a', 'o', 1)"
            )
        )
    reader.join()
    assert seen == ["clinic-followup"]


def test_a_transaction_that_fails_leaves_nothing_behind(ledger):
    _, queue = begin(ledger, call("a", phone(1)))
    claim_all(queue)
    let_leases_lapse(ledger)
    with pytest.raises(LedgerError):
        ledger.begin_run(BINDING, plan(call("b", phone(2)), call("c", phone(1))), THIS, NOW)
    assert [row["contact"] for row in rows(ledger, "SELECT contact FROM calls")] == ["a"]
    assert len(rows(ledger, "SELECT id FROM runs")) == 1


def test_an_error_of_the_database_quotes_nobodys_data(ledger):
    twice = plan(call("b", phone(1), metadata={"name": "Ann"}), call("c", phone(1)))
    with pytest.raises(LedgerError) as caught:
        ledger.begin_run(BINDING, twice, THIS, NOW)
    shown = "".join(traceback.format_exception(caught.value))
    assert phone(1) not in shown
    assert "Ann" not in shown


def test_the_privacy_key_is_made_once(url, ledger):
    key = ledger.privacy_key()
    assert len(key) == 32
    assert ledger.privacy_key() == key
    with closing(Ledger.open(url)) as again:
        assert again.privacy_key() == key


def test_the_privacy_key_is_read_while_somebody_writes(ledger, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0)
    key = ledger.privacy_key()
    with ledger.engine.begin():
        assert ledger.privacy_key() == key


def test_a_ledger_whose_connections_are_all_in_use_is_unavailable_for_now(ledger, monkeypatch):
    monkeypatch.setattr(ledger.engine.pool, "_timeout", 0.01)
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(ledger.engine.connect())
        with pytest.raises(LedgerUnavailableError, match="does not answer"):
            ledger.campaigns()
    assert ledger.campaigns() == []


def test_two_ledgers_have_two_privacy_keys(ledger, tmp_path):
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'other.sqlite3'}")) as other:
        assert other.privacy_key() != ledger.privacy_key()


def test_processes_that_open_a_new_ledger_at_once_agree_on_its_privacy_key(empty_url):
    script = """
import os, sys
from runner.ledger.ledger import Ledger
for _ in range(4):
    if os.fork() == 0:
        # In one write: those of print may mix with another process's.
        os.write(1, Ledger.open(sys.argv[1]).privacy_key().hex().encode() + b"\\n")
        os._exit(0)
sys.exit(max(os.wait()[1] for _ in range(4)) > 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, empty_url], stdout=subprocess.PIPE, text=True, check=True
    )
    keys = done.stdout.split()
    assert (len(keys), len(set(keys))) == (4, 1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///:memory:?cache=shared", "parameters after a question mark"),
        ("sqlite:///file:ledger?mode=memory&cache=shared&uri=true", "parameters after a question mark"),
        ("sqlite:///ledger.sqlite3?timeout=0", "parameters after a question mark"),
        ("sqlite:///file:ledger.sqlite3", "by a URI"),
        ("sqlite:///ledger%00.sqlite3", "NUL"),
        ("sqlite://server/ledger.sqlite3", "names a host"),
        ("sqlite+pysqlcipher:///ledger.sqlite3", "the driver pysqlcipher"),
        ("nonsense", "not a database URL"),
        ("mysql://host/db", "mysql"),
    ],
)
def test_a_url_that_cannot_hold_a_ledger_is_refused(wrong, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=words):
        Ledger.open(wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("special", ["/dev/null", "pipe", "folder", "link to /dev/null"])
def test_a_place_that_keeps_nothing_is_refused_before_it_is_opened(special, tmp_path):
    path = tmp_path / special
    if special == "pipe":
        os.mkfifo(path)
    elif special == "folder":
        path.mkdir()
    elif special.startswith("link"):
        path = tmp_path / "link"
        path.symlink_to("/dev/null")
    with pytest.raises(LedgerError, match="not a regular file"):
        Ledger.open(f"sqlite:///{path}")


def test_a_ledger_with_a_second_name_is_refused(sqlite_ledger, tmp_path):
    """SQLite keeps its journal, and runner its lock, beside the name that a process uses."""
    (tmp_path / "other.sqlite3").hardlink_to(sqlite_ledger.path)
    with pytest.raises(LedgerError, match="hard link"):
        Ledger.open(f"sqlite:///{tmp_path / 'other.sqlite3'}")


def test_a_relative_path_stays_one_ledger_wherever_the_process_goes(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(Ledger.open("sqlite:///ledger.sqlite3")) as ledger:
        monkeypatch.chdir(tmp_path / "elsewhere")
        begin(ledger, call("a", phone(1)))
        assert ledger.path == tmp_path / "ledger.sqlite3"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_setting_that_does_not_take_is_refused(tmp_path, monkeypatch):
    """As on a network drive, where SQLite cannot keep its write-ahead log and says so only when asked."""
    monkeypatch.setattr(sqlite, "journal_mode", lambda _library: ("NO_SUCH_MODE", "EXTRA"))
    with pytest.raises(LedgerError, match="SQLite has journal_mode = delete, and the ledger needs NO_SUCH"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")


def test_doctor_shows_what_was_read_back(sqlite_ledger):
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)
    number = {"FULL": 2, "EXTRA": 3}[synchronous]
    settings = f"journal_mode = {journal.lower()}, synchronous = {number}, foreign_keys = 1"
    assert f"read back from the database: {settings}" in list(sqlite_ledger.findings())


def test_a_file_that_is_not_a_ledger_is_refused_and_not_changed(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but longer than the header of one would be\n" * 20)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite3'}")


@pytest.mark.parametrize("name", ["100%", "%20", "a?b", "a#b", "a b", "é"])
def test_a_ledger_path_may_hold_any_characters(tmp_path, name):
    path = tmp_path / name / "ledger.sqlite3"
    with closing(Ledger.open(sqlite_url(path))) as ledger:
        assert ledger.path == path
        assert ledger.place == str(path)
    assert path.is_file()


def test_the_home_folder_of_the_default_ledger_may_hold_any_characters(tmp_path, monkeypatch):
    home = tmp_path / "100% ?#"
    for name in ("XDG_DATA_HOME", "RUNNER_LEDGER_URL", "RUNNER_SECRETS_DIR", "RUNNER_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    with closing(Ledger.open(load_settings().ledger_url)) as ledger:
        assert home in ledger.path.parents
