"""Fresh ledgers, in both kinds of database: copies of one of each, because making tables takes longer."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgres import PostgresServer
from sqlalchemy import make_url

from runner.ledger.ledger import Ledger


@pytest.fixture(scope="session")
def new_sqlite_ledger(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("new") / "ledger.sqlite3"
    Ledger.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def new_postgres_ledger(postgres: PostgresServer) -> str:
    url = postgres.new_database()
    Ledger.open(url).close()
    return make_url(url).database


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """Where there is no ledger yet."""
    return f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite3'}"


@pytest.fixture
def postgres_url(postgres: PostgresServer, new_postgres_ledger) -> Iterator[str]:
    url = postgres.new_database(copy_of=new_postgres_ledger)
    yield url
    postgres.remove(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request) -> str:
    """Of a fresh ledger, in both kinds of database."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request) -> Iterator[str]:
    """Where there is no ledger yet, in both kinds of database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.remove(url)


@pytest.fixture
def ledger(url, new_sqlite_ledger) -> Iterator[Ledger]:
    _copy_where_none_is(new_sqlite_ledger, url)
    with closing(Ledger.open(url)) as ledger:
        yield ledger


@pytest.fixture
def sqlite_ledger(sqlite_url, new_sqlite_ledger) -> Iterator[Ledger]:
    _copy_where_none_is(new_sqlite_ledger, sqlite_url)
    with closing(Ledger.open(sqlite_url)) as ledger:
        yield ledger


@pytest.fixture
def postgres_ledger(postgres_url) -> Iterator[Ledger]:
    with closing(Ledger.open(postgres_url)) as ledger:
        yield ledger


def _copy_where_none_is(file: Path, url: str) -> None:
    if url.startswith("sqlite"):
        path = Path(make_url(url).database)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            shutil.copy(file, path)
