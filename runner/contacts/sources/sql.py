"""Rows of a PostgreSQL or SQLite database: one query in a read-only transaction, some rows at a time."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runner.campaign.source_models import SqlRows
from runner.campaign.templates import TemplateRenderError, compile_template
from runner.contacts.contact import Row
from runner.contacts.sources.cells import NoTextError, text_of
from runner.contacts.sources.context import Connection, ReadContext
from runner.contacts.sources.remote import RemoteSource
from runner.contacts.sources.table import Table
from runner.errors import SourceContentError, SourceError
from runner.extras import install_command, packages_of

if TYPE_CHECKING:
    import sqlalchemy as sa

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 300
"""For the first rows, and for each of the following batches."""
_ROWS_AT_ONCE = 5_000
_SEPARATOR = "\0"
"""Between the values of a row: no text contains it."""
_FORMS = "postgresql://user@host/database or sqlite:////absolute/path"


class SqlTable(RemoteSource):
    """Lines are the rows of the result, from 1."""

    has_header = True

    def __init__(self, declared: SqlRows, context: ReadContext) -> None:
        super().__init__(declared, context)
        self._declared = declared

    def _read(self, note: Callable[[bytes], object]) -> Iterator[Row]:
        connection = self._connection()
        values = _values(self._declared, self._context.constants)
        with (
            _database(connection, self.name) as database,
            _explained(self.name, connection),
            database.asked(self._declared.query, values) as (columns, batches),
        ):
            table = Table(columns, self.name, self._context.used, self.notices)
            line = 0
            for batch in batches:
                for line, record in enumerate(batch, start=line + 1):  # noqa: B020 - it goes on in the next batch
                    fields = self._fields(record, columns, table, line)
                    note(_SEPARATOR.join(fields).encode())
                    yield Row(source=self.name, line=line, values=table.values(fields))

    def _fields(self, record: Sequence[object], columns: Sequence[str], table: Table, line: int) -> list[str]:
        try:
            return [value if type(value) is str else text_of(value) for value in record]
        except NoTextError:
            return [
                self._field(value, name, line, is_read=table.reads(position))
                for position, (value, name) in enumerate(zip(record, columns, strict=True))
            ]

    def _field(self, value: object, name: str, line: int, *, is_read: bool) -> str:
        try:
            return text_of(value)
        except NoTextError as error:
            if not is_read:
                return ""
            raise SourceContentError(
                f"{self.name}:{line}: the value of {name!r} {error}",
                hint="select single values, such as data->>'phone' AS phone, or CAST(id AS text) AS id",
            ) from None


def _values(declared: SqlRows, constants: Mapping[str, object]) -> dict[str, object]:
    """The values of the query's parameters. Raises SourceError."""
    found: dict[str, object] = {}
    for name, value in declared.parameters.items():
        try:
            text = isinstance(value, str)
            found[name] = compile_template(str(value)).render({}, constants) if text else value
        except TemplateRenderError as error:
            raise SourceError(f"{declared.name}: parameters.{name}: {error.message}") from None
    return found


_Batches = Iterator[Sequence[Sequence[object]]]


class _Database:
    """An open connection that can only read."""

    def __init__(self, connection: "sa.Connection", begin_batch: Callable[[], None]) -> None:
        self._connection = connection
        self._begin_batch = begin_batch

    @contextmanager
    def asked(self, query: str, values: Mapping[str, object]) -> Iterator[tuple[Sequence[str], _Batches]]:
        """The names of the columns, and the rows."""
        import sqlalchemy as sa  # noqa: PLC0415 - loading it takes a while, and few campaigns need it

        self._begin_batch()
        result = self._connection.execution_options(
            stream_results=True, max_row_buffer=_ROWS_AT_ONCE
        ).execute(sa.text(query), values)
        with closing(result):
            yield list(result.keys()), self._batches(result)

    def _batches(self, result: "sa.CursorResult[Any]") -> _Batches:
        # With the number here: its option yield_per has no effect on a query that is a text.
        for batch in result.partitions(_ROWS_AT_ONCE):
            yield batch
            self._begin_batch()


@contextmanager
def _database(connection: Connection, name: str) -> Iterator[_Database]:
    """Raises SourceError where the setting holds no address that can be used."""
    import sqlalchemy as sa  # noqa: PLC0415 - see above

    try:
        url = sa.make_url(connection.url)
        kind = url.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        kind = ""
    opened = {"postgresql": _postgresql, "sqlite": _sqlite}.get(kind)
    if opened is None:
        raise SourceError(
            f"{name}: {connection.setting} is not the address of a PostgreSQL or SQLite database",
            hint=f"write it as {_FORMS}",
        )
    with opened(url, connection, name) as database:
        yield database


# --- PostgreSQL ------------------------------------------------------------------------------------------


@contextmanager
def _postgresql(url: "sa.URL", connection: Connection, name: str) -> Iterator[_Database]:
    import sqlalchemy as sa  # noqa: PLC0415 - see above

    if find_spec("psycopg") is None:
        raise SourceError(
            f"{name}: PostgreSQL needs the psycopg driver, which is not installed",
            hint=install_command(*packages_of("postgres")),
        )
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=sa.NullPool,
        hide_parameters=True,
        # Without prepared statements it works behind any pooler.
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "runner",
            "prepare_threshold": None,
        },
    )
    with _explained(name, connection, "cannot be reached"), engine.connect() as opened:
        opened.exec_driver_sql("SET TRANSACTION READ ONLY")
        _, is_read_only = opened.exec_driver_sql(
            "SELECT set_config('statement_timeout', %s, true), current_setting('transaction_read_only')",
            (f"{STATEMENT_SECONDS}s",),
        ).one()
        # A parameter of the URL, such as autocommit, may keep it from being set.
        if is_read_only != "on":
            raise SourceError(
                f"{name}: the database did not begin a read-only transaction",
                hint=f"remove parameters from {connection.setting}",
            )
        # A cursor of the server takes exactly one statement, and only one that reads.
        yield _Database(opened, lambda: None)


# --- SQLite ----------------------------------------------------------------------------------------------

_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_STEPS_BETWEEN_CHECKS = 100_000


@contextmanager
def _sqlite(url: "sa.URL", connection: Connection, name: str) -> Iterator[_Database]:
    import sqlalchemy as sa  # noqa: PLC0415 - see above

    if url.database and not os.path.isfile(url.database):  # noqa: PTH113 - no error for a folder without rights
        hint = f"check the path in {connection.setting}, and who may read its folder"
        raise SourceError(f"{name}: {connection.setting}: there is no such file", hint=hint)
    deadline = _Deadline()

    def connect() -> sqlite3.Connection:
        path = quote(url.database or "")
        opened = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=CONNECT_SECONDS)
        opened.execute("PRAGMA query_only = ON")
        opened.set_progress_handler(deadline.is_over, _STEPS_BETWEEN_CHECKS)
        return opened

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)
    with _explained(name, connection, "cannot be opened"), engine.connect() as opened:
        driver: Any = opened.connection.driver_connection
        # Also keeps a query from opening other files.
        driver.set_authorizer(lambda action, *_: action not in _READING)
        yield _Database(opened, deadline.begin)


class _Deadline:
    """Of one batch of rows: what is done with them takes its own time."""

    def __init__(self) -> None:
        self._at = float("inf")

    def begin(self) -> None:
        self._at = time.monotonic() + STATEMENT_SECONDS

    def is_over(self) -> bool:
        return time.monotonic() > self._at


# --- errors ----------------------------------------------------------------------------------------------

# By SQLSTATE, or the name that SQLite gives its code.
_TOO_SLOW = {"57014", "SQLITE_INTERRUPT"}
_REFUSED = {"25006", "0A000", "SQLITE_AUTH", "SQLITE_READONLY"}
_SYNTAX = "42601"
"""A cursor of PostgreSQL also says this of a statement that is not a SELECT."""
_IN_QUERY = ("42", "SQLITE_ERROR")
"""Errors in the query itself: these messages quote the query, and no rows."""
_ONE_SELECT = "only one SELECT is allowed; the connection is read-only"
_CHECK_QUERY = "check the query, the names in it, and that the user of the connection may read them"


@contextmanager
def _explained(name: str, connection: Connection, otherwise: str = "failed meanwhile") -> Iterator[None]:
    """Raises SourceError for what a database refuses. Its own words are only shown where they are about the
    query: others may quote rows, or the address.
    """
    import sqlalchemy as sa  # noqa: PLC0415 - see above

    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _explain(name, connection, error.orig, otherwise) from None
    except sa.exc.ResourceClosedError:
        raise SourceError(f"{name}: the query returns no rows", hint=_ONE_SELECT) from None
    except sa.exc.SQLAlchemyError:
        raise SourceError(f"{name}: the query cannot be run", hint=_CHECK_QUERY) from None


def _explain(name: str, connection: Connection, cause: BaseException | None, otherwise: str) -> SourceError:
    state = _state(cause)
    said = " ".join(str(cause).partition("\n")[0].split())
    if state in _TOO_SLOW:
        problem = f"the query takes longer than {STATEMENT_SECONDS} seconds"
        return SourceError(f"{name}: {problem}", hint="write a query that takes less time")
    if state in _REFUSED:
        return SourceError(f"{name}: the query is refused: {said}", hint=_ONE_SELECT)
    if state.startswith(_IN_QUERY):
        hint = f"check the query; {_ONE_SELECT}" if state == _SYNTAX else _CHECK_QUERY
        return SourceError(f"{name}: the query is invalid: {said}", hint=hint)
    problem = f"the database {otherwise}" + (f" (error {state})" if state else "")
    hint = f"check {connection.setting}, and that the database is running"
    return SourceError(f"{name}: {problem}", hint=hint)


def _state(cause: BaseException | None) -> str:
    """The database's code of an error; empty where it gave none."""
    if sqlstate := getattr(cause, "sqlstate", None):
        return str(sqlstate)
    # Python itself refuses a second statement, without a code.
    otherwise = "SQLITE_AUTH" if isinstance(cause, sqlite3.ProgrammingError | sqlite3.Warning) else ""
    return str(getattr(cause, "sqlite_errorname", otherwise))
