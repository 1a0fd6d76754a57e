"""Where two databases differ, a test names one."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from runner.calls import Role
from runner.ledger.ledger import Ledger
from runner.serve import private
from runner.serve.people import Person

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))


@pytest.fixture
def ledger(sqlite_ledger):
    return sqlite_ledger


@pytest.fixture
def postgres_ledgers(postgres_ledger, postgres_url):
    """One ledger, as two processes open it."""
    with closing(Ledger.open(postgres_url)) as other:
        yield [postgres_ledger, other]


@pytest.fixture
def viewer(monkeypatch):
    """The person who sits at this machine may look, and not act."""
    monkeypatch.setattr(private, "Person", lambda name, role: Person(name=name, role=role and Role.VIEWER))
