from collections.abc import Iterator
from contextlib import closing

import pytest

from runner.ledger.ledger import Ledger


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite3'}"


@pytest.fixture
def ledger(url) -> Iterator[Ledger]:
    with closing(Ledger.open(url)) as ledger:
        yield ledger
