"""Fresh ledgers, in both kinds of database."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from runner.ledger.ledger import Ledger


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request) -> str:
    """Of a fresh ledger, in both kinds of database."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    with closing(Ledger.open(url)) as ledger:
        yield ledger


@pytest.fixture
def sqlite_ledger(sqlite_url) -> Iterator[Ledger]:
    with closing(Ledger.open(sqlite_url)) as ledger:
        yield ledger


@pytest.fixture
def postgres_ledger(postgres_url) -> Iterator[Ledger]:
    with closing(Ledger.open(postgres_url)) as ledger:
        yield ledger
