"""Brings a ledger's tables to the schema of this release, through Alembic."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from runner.errors import LedgerError

HEAD = "0002"
"""The newest revision in `versions/`; a test holds the two together."""


def upgrade(engine: Engine) -> None:
    """Makes or migrates the tables. Raises LedgerError when a newer release wrote the ledger."""
    with engine.begin() as connection:
        revision = _revision(connection)
        if revision == HEAD:
            return
        if revision is not None and revision > HEAD:
            raise LedgerError(
                f"a newer release of runner wrote the ledger (schema {revision}; this one knows {HEAD})",
                hint="upgrade runner on this machine",
            )
        _run_alembic(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_alembic(connection: Connection) -> None:
    # Alembic takes half a second to import, and nearly every ledger is up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
