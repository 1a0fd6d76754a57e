"""Opens the database that holds the ledger, so that what it says it remembers, it remembers.

SQLite, measured and chosen as follows. Every transaction begins IMMEDIATE, because a deferred one that
turns into a write fails at once, whatever the busy timeout. Write-ahead logging has a corruption bug with
several connections in library releases before 3.51.3 (3.44.6 and 3.50.7 carry the fix), so older libraries
use a rollback journal. Commits are synchronous to the platter: `synchronous=NORMAL` can lose one at a power
cut, and a lost intent is a second call.
"""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from runner.errors import LedgerError, SettingsError
from runner.ledger import migrations

BUSY_TIMEOUT_SECONDS = 30


def open_engine(url: str) -> Engine:
    """An engine on a ledger of the current schema, made or migrated where needed.

    Raises SettingsError for a URL that names no supported database, LedgerError when it cannot be opened.
    """
    parsed = _parse(url)
    path = sqlite_path(url)
    # Without hide_parameters an error would quote numbers and metadata.
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)
    _prepare_connections(engine)
    _explain_errors(engine, path)
    try:
        _create_private(path)
        migrations.upgrade(engine)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error.strerror}",
            hint="set RUNNER_LEDGER_URL to a place where you may write, such as sqlite:////srv/runner.sqlite3",
        ) from error
    return engine


def sqlite_path(url: str) -> Path:
    """Where the file of an SQLite ledger lies. Raises SettingsError for other databases."""
    database = _parse(url).database
    if not database or database == ":memory:":
        raise SettingsError(
            "RUNNER_LEDGER_URL names no file: a ledger in memory would forget who was called",
            hint="write sqlite:////absolute/path/ledger.sqlite3",
        )
    return Path(database)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError(
            "RUNNER_LEDGER_URL is no database URL", hint="write sqlite:////absolute/path/ledger.sqlite3"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        raise SettingsError("a PostgreSQL ledger is not supported yet", hint="use sqlite:////path for now")
    if parsed.get_backend_name() != "sqlite":
        raise SettingsError(
            f"RUNNER_LEDGER_URL names {parsed.get_backend_name()}, which is not supported",
            hint="write sqlite:////absolute/path/ledger.sqlite3",
        )
    return parsed


def _create_private(path: Path) -> None:
    """The file, its journal and its folder are for their owner alone: they hold people's numbers."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def journal_mode(library: tuple[int, int, int]) -> tuple[str, str]:
    """The journal and the synchronous setting that are safe with this release of the SQLite library."""
    wal_is_sound = library >= (3, 51, 3) or any(
        fixed <= library < (fixed[0], fixed[1] + 1, 0) for fixed in ((3, 44, 6), (3, 50, 7))
    )
    return ("WAL", "FULL") if wal_is_sound else ("TRUNCATE", "EXTRA")


def library() -> str:
    """The SQLite library of this machine and what it is trusted with, for people."""
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)
    return f"SQLite {sqlite3.sqlite_version}: journal {journal}, synchronous {synchronous}"


def _explain_errors(engine: Engine, path: Path) -> None:
    """Whatever the database cannot do, a full disk or a broken rule, reaches people as a LedgerError."""

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        if isinstance(context.sqlalchemy_exception, DatabaseError):
            raise LedgerError(
                f"the ledger {path} cannot be used: {context.original_exception}",
                hint="if the file is damaged, restore a copy; never delete it while calls may be under way",
            ) from context.original_exception


def _prepare_connections(engine: Engine) -> None:
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)

    @event.listens_for(engine, "connect")
    def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: `_begin` below decides how they begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={journal}")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]  # SQLAlchemy types it as Any elsewhere
