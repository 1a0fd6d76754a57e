"""An SQLite file as the ledger, set so that what it says it remembers, it remembers.

Measured and chosen as follows. Every transaction begins IMMEDIATE, because a deferred one that turns into a
write fails at once, whatever the busy timeout. Write-ahead logging has a corruption bug with several
connections in library releases before 3.51.3 (3.44.6 and 3.50.7 carry the fix), so older libraries use a
rollback journal. Commits are synchronous to the platter: `synchronous=NORMAL` can lose one at a power cut,
and a lost intent is a second call.
"""

import filecmp
import os
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from runner.errors import LedgerError, SettingsError

BUSY_TIMEOUT_SECONDS = 30
_CACHE_KIB = 16_000
"""Sorting the entries of a million calls into an index takes as much again."""


def path_of(url: URL) -> Path:
    """Where the file lies. Raises SettingsError for a ledger in memory."""
    if not url.database or url.database == ":memory:":
        raise SettingsError(
            "RUNNER_LEDGER_URL names no file: a ledger in memory would forget who was called",
            hint="write sqlite:////absolute/path/ledger.sqlite3",
        )
    return Path(url.database)


def engine(url: URL) -> Engine:
    """An engine whose connections have the safe settings; makes the file where there is none.

    Raises LedgerError where it cannot be made.
    """
    path = path_of(url)
    try:
        _create_private(path)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error.strerror}",
            hint="set RUNNER_LEDGER_URL to a place where you may write, such as sqlite:////srv/runner.sqlite3",
        ) from error
    # Without hide_parameters an error would quote numbers and metadata.
    made = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)
    _prepare_connections(made)
    return made


def identity(path: Path) -> dict[str, str]:
    """The number that the file system gave the file: a copy rarely has the same."""
    return {"inode": str(path.stat().st_ino)}


def keep_copy(path: Path, revision: str) -> Path:
    """Copies the ledger, as it is committed, to a private file beside it, and returns where.

    Copies of before stay, as when somebody went back to an older release in between. One that is the same
    serves again: a migration that failed changed nothing.
    """
    part = path.with_name(f"{path.name}.before-{revision}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    for number in count(1):
        copy = path.with_name(f"{path.name}.before-{revision}{f'.{number}' if number > 1 else ''}")
        if not copy.exists() or filecmp.cmp(part, copy, shallow=False):
            break
    part.replace(copy)
    return copy


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


def _create_private(path: Path) -> None:
    """The file, its journal and its folder are for their owner alone: they hold people's numbers."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


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
        cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]  # SQLAlchemy types it as Any elsewhere
