"""Opens the database that holds the ledger, in its current schema, and turns its errors into ours."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, ExceptionContext, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from runner.errors import LedgerError, LedgerUnavailableError, SettingsError
from runner.ledger import migrations, postgresql, sqlite

_LEAST_FREE_BYTES = 500 * 1024 * 1024
_URL_HINT = "write sqlite:////absolute/path/ledger.sqlite3 or postgresql+psycopg://user@host/database"


def open_engine(url: str) -> Engine:
    """An engine on a ledger of the current schema, made or migrated where needed.

    Raises SettingsError for a URL that names no supported database, LedgerError when it cannot be opened.
    """
    parsed = _parse(url)
    engine = sqlite.engine(parsed) if _is_sqlite(parsed) else postgresql.engine(parsed)
    _explain_errors(engine, place(url))
    try:
        migrations.upgrade(engine, sqlite_path(url))
    except BaseException:
        engine.dispose()
        raise
    return engine


def findings(engine: Engine, file: Path | None) -> Iterator[str]:
    """What is well with the database, one line each. Raises LedgerError at the first thing that is not."""
    with engine.begin() as connection:
        yield from (postgresql if file is None else sqlite).findings(connection)
    if file is not None:
        yield _mode(file)
        yield _free_space(file)


def sqlite_path(url: str) -> Path | None:
    """Where the file of an SQLite ledger lies; None for PostgreSQL. Raises SettingsError for others."""
    parsed = _parse(url)
    return sqlite.path_of(parsed) if _is_sqlite(parsed) else None


def place(url: str) -> str:
    """The ledger for people, without credentials."""
    parsed = _parse(url)
    return str(sqlite.path_of(parsed)) if _is_sqlite(parsed) else postgresql.place_of(parsed)


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("RUNNER_LEDGER_URL is not a database URL", hint=_URL_HINT) from None
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise SettingsError(
            f"RUNNER_LEDGER_URL names {parsed.get_backend_name()}, which is not supported", hint=_URL_HINT
        )
    return parsed


def _explain_errors(engine: Engine, where: str) -> None:
    """Whatever the database cannot do, a full disk or a broken rule, reaches people as a LedgerError."""

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        # A connection that the server ended is found so, and replaced.
        if context.is_pre_ping:
            return
        if isinstance(context.sqlalchemy_exception, DatabaseError):
            # SQLAlchemy keeps the original as the cause: it must not quote personal data either.
            context.original_exception.args = (_words(context.original_exception),)
            is_database = isinstance(context.sqlalchemy_exception, OperationalError)
            raise _explained(context.original_exception, where, is_database=is_database) from None


@contextmanager
def explained_errors(where: str) -> Iterator[None]:
    """The same for errors of SQLite's own driver, but for that of a full disk: there, nothing is written to
    the ledger.
    """
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorname == "SQLITE_FULL":
            raise
        raise _explained(error, where, is_database=isinstance(error, sqlite3.OperationalError)) from None


def _explained(error: BaseException, where: str, *, is_database: bool) -> LedgerError:
    kind = LedgerUnavailableError if is_database else LedgerError
    return kind(f"the ledger {where} cannot be used: {_words(error)}", hint=_advice(error))


def _advice(error: BaseException) -> str:
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another process has stopped while writing; let it continue or end it (`runner status`)"
    return "run `runner doctor`; do not delete the ledger: it holds who was called"


def _words(error: BaseException) -> str:
    """What the database said, on one line. PostgreSQL's details are left out: they quote people's numbers."""
    diagnostics = getattr(error, "diag", None)
    return " ".join(str(getattr(diagnostics, "message_primary", None) or error).split())


def _mode(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise LedgerError(
            f"others on this machine may read the ledger (mode {mode:o}), and it holds people's numbers",
            hint=f"chmod 600 {path}",
        )
    return f"ledger mode {mode:o}: only its owner can read it"


def _free_space(path: Path) -> str:
    free = shutil.disk_usage(path.parent).free
    if free < _LEAST_FREE_BYTES:
        raise LedgerError(
            f"only {free // 1024**2} MiB are free on the ledger's disk",
            hint="free disk space: a campaign stops when its ledger cannot be written",
        )
    return f"{free // 1024**3} GiB free on the ledger's disk"
