"""An SQLite file as the ledger, with settings that make every commit durable.

Measured and chosen as follows. Every transaction begins IMMEDIATE, because a deferred one that turns into a
write fails at once, whatever the busy timeout. Write-ahead logging has a corruption bug with several
connections in library releases before 3.51.3 (3.44.6 and 3.50.7 carry the fix), so older libraries use a
rollback journal. Commits are synchronous, down to the disk: `synchronous=NORMAL` can lose one at a power cut,
and a lost intent is a second call. Who waits to write looks every millisecond whether it can: SQLite itself
would look less and less often, and a process that commits in quick succession would keep the others out.
What only reads, such as a plan, keeps no writer waiting before its commit.
"""

import filecmp
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from runner.errors import LedgerError, SettingsError
from runner.ledger.connections import Connections

BUSY_TIMEOUT_SECONDS = 30
_BETWEEN_LOOKS_SECONDS = 0.001
ONLY_READS = "only_reads"
"""The execution option of an engine or connection whose transactions write nothing."""
_SYNCHRONOUS = {"FULL": 2, "EXTRA": 3}
"""As SQLite answers it."""
_CACHE_KIB = 16_000
"""Sorting the entries of a million calls into an index takes as much again."""


def path_of(url: URL) -> Path:
    """Where the file lies. Raises SettingsError for whatever is not the plain path of a file.

    In memory, through a URI or through another driver, a ledger would have no private file and no lock.
    """
    problem = _problem_with(url)
    if problem:
        raise SettingsError(
            f"RUNNER_LEDGER_URL {problem}", hint="write sqlite:////absolute/path/ledger.sqlite3"
        )
    # SQLite takes no absolute path for a URI or for a name with a special meaning.
    return Path(str(url.database)).absolute()


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
    made = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
        poolclass=Connections,
        # Without hide_parameters an error would quote numbers and metadata.
        hide_parameters=True,
    )
    _prepare_connections(made)
    return made


def identity(path: Path) -> dict[str, str]:
    """The number that the file system gave the file: a copy rarely has the same."""
    return {"inode": str(path.stat().st_ino)}


def keep_copy(path: Path, revision: str) -> Path:
    """Copies the ledger, as it is committed, to a private file next to it, and returns where.

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


def findings(connection: Connection) -> Iterator[str]:
    """The SQLite library, and how this connection is set, as read back from it, for people."""
    yield f"SQLite {sqlite3.sqlite_version}"
    found = ((name, connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in _settings())
    yield "read back from the database: " + ", ".join(f"{name} = {value}" for name, value in found)


def _problem_with(url: URL) -> str:
    """What keeps the URL from naming a file by its path; empty for nothing."""
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        return f"names the driver {url.get_driver_name()}, which is not supported"
    if url.host:
        return f"names a host ({url.host}), and an SQLite ledger is a file on this machine"
    if url.query:
        return "has parameters after a question mark, which an SQLite ledger does not take"
    if not url.database or url.database == ":memory:":
        return "names no file, and a ledger in memory would be lost"
    if url.database.startswith("file:"):
        return "names a file by a URI (file:), not by its path"
    return "holds the character NUL (%00)" if "\0" in url.database else ""


def _create_private(path: Path) -> None:
    """The file, its journal and its folder are for their owner alone: they hold people's numbers."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        raise LedgerError(
            f"the ledger {path} is not a regular file, and could not keep who was called",
            hint="set RUNNER_LEDGER_URL to the path of a file, such as sqlite:////srv/runner.sqlite3",
        )
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    if path.stat().st_nlink > 1:
        raise LedgerError(
            f"the ledger {path} has a second name (a hard link): "
            "two processes that use different names would not see each other's locks",
            hint=f"remove the other name; this finds it on the same disk: find / -xdev -samefile {path}",
        )


def _settings() -> dict[str, tuple[str, object]]:
    """For each setting of a connection: what it is set to, and what SQLite then answers."""
    journal, synchronous = journal_mode(sqlite3.sqlite_version_info)
    return {
        "journal_mode": (journal, journal.lower()),
        "synchronous": (synchronous, _SYNCHRONOUS[synchronous]),
        "foreign_keys": ("ON", 1),
    }


def _configure(cursor: DBAPICursor) -> None:
    """Makes the settings of a connection. Raises LedgerError for one that did not take."""
    for name, (value, wanted) in _settings().items():
        cursor.execute(f"PRAGMA {name}={value}")
        found = cursor.execute(f"PRAGMA {name}").fetchone()
        if found != (wanted,):
            raise LedgerError(
                f"SQLite has {name} = {found[0] if found else 'nothing'}, and the ledger needs {value}",
                hint="put the ledger on a local disk: on a network drive it could forget who was called",
            )
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")


def _prepare_connections(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: `_begin` below decides how they begin.
        connection.isolation_level = None
        with closing(connection.cursor()) as cursor:
            _configure(cursor)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if ONLY_READS in connection.get_execution_options():
            connection.exec_driver_sql("BEGIN")
        else:
            _begin_to_write(connection)


def _begin_to_write(connection: Connection) -> None:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute("PRAGMA busy_timeout=0")
        try:
            if not _has_begun(cursor):
                # Once more, so that the error is explained as any other.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")


def _has_begun(cursor: DBAPICursor) -> bool:
    """Waits until nobody else is writing. False where it took too long, or something else is wrong."""
    until = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while time.monotonic() < until:
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                return False
        else:
            return True
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return False
