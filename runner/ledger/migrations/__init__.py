"""Brings a ledger's tables to the schema of this release, through Alembic."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from runner.errors import LedgerError
from runner.ledger import postgresql, sqlite
from runner.ledger.tables import metadata

HEAD = "0100"
"""The newest revision in `versions/`; a test holds the two together."""
SCRIPTS = Path(__file__).parent
"""Where Alembic finds its environment and the revisions."""
_FIRST_RELEASE = "0100"
_ONE_AT_A_TIME = 7_586_321
"""The key of PostgreSQL's advisory lock for migrations. Any number will do, as long as it stays."""


def upgrade(engine: Engine, sqlite_file: Path | None, *, head: str = HEAD, scripts: Path = SCRIPTS) -> None:
    """Makes or migrates the tables; a copy of an older ledger is kept first.

    `head` and `scripts` are this release's own, and another's in tests. Raises LedgerError when a newer
    release, or a build from before the first one, wrote the ledger.
    """
    with engine.begin() as connection:
        revision = _revision(connection)
        if revision == head:
            return
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            revision = _revision(connection)
            if revision == head:
                return
        if revision is None:
            _make(connection)
            return
        _check_readable(revision, head)
        _keep_copy(connection, revision, sqlite_file)
        _run_alembic(connection, scripts)


def _make(connection: Connection) -> None:
    """A new ledger, as the migrations would make it, but at once: each rehearsal has one of its own."""
    metadata.create_all(connection)
    connection.execute(
        text(
            "CREATE TABLE alembic_version "
            "(version_num VARCHAR(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"
        )
    )
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def _check_readable(revision: str, head: str) -> None:
    if revision > head:
        raise LedgerError(
            f"a newer release of runner wrote the ledger (schema {revision}; this one knows {head})",
            hint="upgrade runner on this machine",
        )
    if revision < _FIRST_RELEASE:
        raise LedgerError(
            f"a build of runner from before its first release wrote the ledger (schema {revision})",
            hint="finish its campaigns with that build, and set RUNNER_LEDGER_URL to a new ledger for others",
        )


def _keep_copy(connection: Connection, revision: str, sqlite_file: Path | None) -> None:
    if sqlite_file is None:
        postgresql.keep_copy(connection, revision)
    else:
        sqlite.keep_copy(sqlite_file, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_alembic(connection: Connection, scripts: Path) -> None:
    # Alembic takes half a second to import, and nearly every ledger is up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
