"""A PostgreSQL database as the ledger: the engine for campaigns that several machines apply together.

Commits are synchronous and waits have an end, whatever the server's or the role's defaults say: a lost intent
is a second call, and a lock that is never given back would stop a campaign in silence.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain, count

from sqlalchemy import URL, Connection, Engine, create_engine, text

from runner.errors import LedgerError, SettingsError
from runner.extras import install_command, packages_of

CONNECT_TIMEOUT_SECONDS = 10
_OLDEST_VERSION = 12
_APPLICATION = "runner"
_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    # Shorter than a lease, so that a process that stands still holds no locks when it is taken over.
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read\\ committed",
    "timezone": "UTC",
    "application_name": _APPLICATION,
}
_END_OVERDUE_TRANSACTIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND usename = current_user AND application_name = current_setting('application_name') "
    "AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '12 seconds'"
)
"""Those that the server should have ended by itself two seconds ago."""

_DATABASE_NUMBER = text("SELECT oid FROM pg_database WHERE datname = current_database()")


def engine(url: URL) -> Engine:
    """An engine whose connections have the safe settings. Raises SettingsError without the driver."""
    if find_spec("psycopg") is None:
        raise SettingsError(
            "a PostgreSQL ledger needs the psycopg driver, which is not installed",
            hint=install_command(*packages_of("postgres")),
        )
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
        },
        # Without hide_parameters an error would quote numbers and metadata.
        hide_parameters=True,
        # A connection that a restarted server has forgotten is replaced before it is used.
        pool_pre_ping=True,
    )


def end_overdue_transactions(connection: Connection) -> None:
    """Ends runner's own sessions that stand still in a transaction for longer than their timeout allows.

    Under load a server was seen to leave them for minutes, and whoever took over waited as long.
    """
    connection.execute(_END_OVERDUE_TRANSACTIONS)


def place_of(url: URL) -> str:
    """The database for people: host and name, without credentials."""
    where = f"{url.host or 'localhost'}:{url.port}" if url.port else url.host or "localhost"
    return f"{url.database or ''} on {where}"


def identity(connection: Connection) -> dict[str, str]:
    """The server's and the database's own numbers: a dump that is loaded elsewhere has others.

    A standby that takes over has the same. A provider may hide the server's, from some or from all.
    """
    found = {"database": str(connection.scalar(_DATABASE_NUMBER))}
    if connection.scalar(text("SELECT has_function_privilege('pg_control_system()', 'execute')")):
        found["server"] = str(connection.scalar(text("SELECT system_identifier FROM pg_control_system()")))
    return found


def keep_copy(connection: Connection, revision: str) -> str:
    """Copies every table of the ledger into a schema of its own, and returns its name.

    It happens in the transaction that migrates: there is no migrated ledger without its copy.
    """
    schema = _free_schema(connection, f"runner_before_{revision}")
    tables = connection.scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    ).all()
    connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    for table in tables:
        connection.execute(text(f'CREATE TABLE "{schema}"."{table}" AS TABLE "{table}"'))
    return schema


def _free_schema(connection: Connection, name: str) -> str:
    """This name, or with a number behind it: copies of before stay."""
    taken = set(connection.scalars(text("SELECT nspname FROM pg_namespace")))
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(each for each in names if each not in taken)


def findings(connection: Connection) -> Iterator[str]:
    """What the server is and how it is set, for people. Raises LedgerError for what would lose calls."""
    version = connection.scalar(text("SHOW server_version")) or ""
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    if number < _OLDEST_VERSION * 10_000:
        raise LedgerError(
            f"the server is PostgreSQL {version}; runner needs {_OLDEST_VERSION} or newer",
            hint="upgrade the server",
        )
    yield f"PostgreSQL {version}"
    if connection.scalar(text("SELECT pg_is_in_recovery()")):
        raise LedgerError(
            "the server is a standby and takes no writes", hint="name the primary in RUNNER_LEDGER_URL"
        )
    for name in ("fsync", "full_page_writes"):
        if connection.scalar(text(f"SHOW {name}")) != "on":
            raise LedgerError(
                f"the server runs with {name} = off: a power cut may make it forget calls that were sent",
                hint=f"set {name} = on in postgresql.conf",
            )
    yield "fsync and full_page_writes are on; commits are synchronous"
