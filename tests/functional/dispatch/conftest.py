from collections.abc import Iterator
from contextlib import closing

import pytest

from runner.ledger.ledger import Ledger


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")) as ledger:
        yield ledger
