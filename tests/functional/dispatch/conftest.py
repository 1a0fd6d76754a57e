from collections.abc import Iterator
from contextlib import closing

import pytest

from runner.ledger.ledger import Ledger


@pytest.fixture
def sqlite_ledger(tmp_path) -> Iterator[Ledger]:
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:
        yield ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path) -> Iterator[Ledger]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}" if sqlite else request.getfixturevalue("postgres_url")
    with closing(Ledger.open(url)) as ledger:
        yield ledger
