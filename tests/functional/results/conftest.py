"""What is asked is the same on both databases; the ledger's own tests run on both."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))


@pytest.fixture
def ledger(sqlite_ledger):
    return sqlite_ledger
