"""A PostgreSQL database as the ledger: the engine for campaigns that several machines apply together.

Commits are synchronous and waits have an end, whatever a pooler, the server or the role have set: a lost
intent is a second call, and a lock that is never given back would stop a campaign in silence.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain, count

from sqlalchemy import URL, Connection, Engine, create_engine, text

from runner.errors import SettingsError
from runner.extras import install_command, packages_of
from runner.ledger.postgresql_settings import (
    APPLICATION,
    REQUIRED,
    asked_settings,
    behind_pooler,
    prepare_transactions,
    read_state,
)

CONNECT_TIMEOUT_SECONDS = 5
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
    _refuse_unknown_parameters(url)
    asked = asked_settings(str(url.query.get("options", "")))
    made = create_engine(
        # The options do not travel: a pooler refuses them or drops them. Each transaction makes them.
        url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
        connect_args={
            "connect_timeout": url.query.get("connect_timeout", CONNECT_TIMEOUT_SECONDS),
            "application_name": APPLICATION,
            # Until a transaction has seen that no pooler is between.
            "prepare_threshold": None,
        },
        isolation_level="READ COMMITTED",
        # Without hide_parameters an error would quote numbers and metadata.
        hide_parameters=True,
        # A connection that a restarted server has forgotten is replaced before it is used.
        pool_pre_ping=True,
    )
    prepare_transactions(made, asked)
    return made


def _refuse_unknown_parameters(url: URL) -> None:
    """The driver takes them for arguments of its own, such as one that ends the use of transactions."""
    from psycopg.pq import Conninfo  # noqa: PLC0415 - an extra

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    unknown = sorted(url.query.keys() - known)
    if unknown:
        raise SettingsError(
            f"RUNNER_LEDGER_URL has a parameter that PostgreSQL does not know: {', '.join(unknown)}",
            hint="see Parameter Key Words in the documentation of PostgreSQL's libpq",
        )


def end_overdue_transactions(connection: Connection) -> None:
    """Ends runner's own sessions that are idle in a transaction for longer than their timeout allows.

    Under load a server was seen to leave them for minutes, and the run that took over waited as long.
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
    """What the server is and how this transaction is set, as read back from it, for people."""
    state = read_state(connection)
    pooler = "; through a pooler" if behind_pooler(connection, state) else ""
    yield f"PostgreSQL {state.values['server_version']}, schema {state.schema}{pooler}"
    yield "read back from the server: " + ", ".join(f"{name} = {state.values[name]}" for name in REQUIRED)
