"""A PostgreSQL database as the ledger: the engine for campaigns that several machines apply together.

Commits are synchronous and waits have an end, whatever a pooler, the server or the role have set: a lost
intent is a second call, and a lock that is never given back would stop a campaign without a sign. What was
set when a connection was opened proves nothing: a pooler drops startup options, or gives each transaction
another server connection, and a role brings its own settings. So each transaction makes its own settings,
which end with it, and reads back what holds, in one round trip.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, count
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from runner.errors import LedgerError, SettingsError
from runner.extras import install_command, packages_of
from runner.ledger.connections import Connections

APPLICATION = "runner"
OLDEST_VERSION = 12
_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    # Shorter than a lease, so that a stopped process holds no locks when it is taken over.
    "idle_in_transaction_session_timeout": "10s",
    # By its name, `end_overdue_transactions` finds a session whatever the pooler calls it.
    "application_name": APPLICATION,
}
REQUIRED = {
    **_SETTINGS,
    "transaction_isolation": "read committed",
    "fsync": "on",
    "full_page_writes": "on",
}
_READ = (*REQUIRED, "server_version", "server_version_num")
_PREPARE_AFTER = 5
"""Uses of a statement before psycopg prepares it: its own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What a transaction read back from the server."""

    values: Mapping[str, str]
    schema: str | None
    """Where tables are made and first looked for; None where there is no such schema."""
    is_standby: bool
    backend: int
    """The process on the server, by its own word."""


def prepare_transactions(engine: Engine, asked: Mapping[str, str]) -> None:
    """Has every transaction of the engine make and check its settings, and those that the user `asked` for.

    It raises LedgerError where the server does not hold what durability rests on.
    """

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # PGOPTIONS and service files reach the server at its start, or are dropped on the way.
        wanted = {**asked_settings(_driver(connection).info.options), **asked}
        # Without a value: the role's own, not what another client left on the server connection.
        state = read_state(connection, {"search_path": None, **wanted, **_SETTINGS})
        check(state, wanted)
        # A prepared statement stays with one server connection, and a pooler gives out many.
        _driver(connection).prepare_threshold = None if behind_pooler(connection, state) else _PREPARE_AFTER


def read_state(connection: Connection, make: Mapping[str, str | None] = MappingProxyType({})) -> ServerState:
    """Makes these settings for the rest of the transaction, and reads back what holds then."""
    values = [text for setting in make.items() for text in setting]
    row = connection.exec_driver_sql(_statement(len(make)), (*values, *_READ)).one()
    *found, schema, is_standby, backend = row[len(make) :]
    return ServerState(
        values=dict(zip(_READ, found, strict=True)), schema=schema, is_standby=is_standby, backend=backend
    )


def check(state: ServerState, wanted: Mapping[str, str]) -> None:
    """Raises LedgerError where the server is not as the ledger needs it, or as the user asked for it."""
    if int(state.values["server_version_num"]) < OLDEST_VERSION * 10_000:
        raise LedgerError(
            f"the server is PostgreSQL {state.values['server_version']}; "
            f"runner needs {OLDEST_VERSION} or newer",
            hint="upgrade the server",
        )
    if state.is_standby:
        raise LedgerError(
            "the server is a standby and takes no writes", hint="name the primary in RUNNER_LEDGER_URL"
        )
    for name, needed in REQUIRED.items():
        if state.values[name] != needed:
            raise LedgerError(
                f"the server has {name} = {state.values[name]}, and the ledger needs {needed}",
                hint="set it on the server, or in the pooler in front of it; "
                "otherwise the ledger could lose who was called, or wait forever",
            )
    schema = _first_schema(wanted.get("search_path", ""))
    if schema not in {None, state.schema}:
        raise LedgerError(
            f"the search_path of the connection names the schema {schema}, "
            "which does not exist, or which this user may not use",
            hint="create it, or grant USAGE and CREATE on it to the user in RUNNER_LEDGER_URL",
        )


def behind_pooler(connection: Connection, state: ServerState) -> bool:
    """Whether something between here and the server gives out its connections.

    A pooler answers a login in its own name, so that its number is not that of the server's process.
    """
    return bool(_driver(connection).info.backend_pid != state.backend)


def asked_settings(options: str) -> dict[str, str]:
    """The settings in libpq's `options`, read as the server reads them.

    Raises SettingsError for an invalid setting: a pooler could drop it silently.
    """
    asked: dict[str, str] = {}
    for assignment in _assignments(options):
        name, equals, value = assignment.partition("=")
        if not (name and equals):
            raise SettingsError(
                "the options of the PostgreSQL connection cannot be read",
                hint="write each setting as -c name=value, with a backslash before a space in a value: "
                "postgresql+psycopg://user@host/database?options=-c%20search_path%3Dsurveys",
            )
        asked[name.replace("-", "_").lower()] = value
    return asked


def _assignments(options: str) -> Iterator[str]:
    words = (re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|[^\s\\])+", options))
    for word in words:
        if word == "-c":
            yield next(words, "")
        elif word.startswith(("-c", "--")):
            yield word[2:]
        else:
            # Another flag of the server's.
            yield ""


def _first_schema(search_path: str) -> str | None:
    """The schema that a search path names first; None where it names none, or the user's own."""
    found = re.match(r'\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))', search_path)
    if found is None or "$user" in found.groups():
        return None
    quoted, plain = found.groups()
    return plain.lower() if quoted is None else quoted.replace('""', '"')


def _statement(settings: int) -> str:
    made = ["set_config(%s, %s, true)"] * settings
    read = ["current_setting(%s)"] * len(_READ)
    return f"SELECT {', '.join([*made, *read])}, current_schema(), pg_is_in_recovery(), pg_backend_pid()"


def _driver(connection: Connection) -> Any:  # noqa: ANN401 - psycopg is an extra, and mypy may not have it
    return connection.connection.dbapi_connection


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
        poolclass=Connections,
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
