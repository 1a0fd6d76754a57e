"""The calls that a plan is compared with, in both databases."""

import sqlite3
from dataclasses import replace

import pytest
from ledger_values import THIS, begin
from planned_calls import BINDING, CAMPAIGN, NOW, call, calls, phone, plan

from runner.errors import LedgerError
from runner.ledger import known_calls
from runner.planning.plan import KnownCall
from runner.planning.working_file import WorkingFile

COLUMNS = ", ".join(KnownCall._fields)


def copied(ledger):
    """The calls of the campaign, by way of a database in memory."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute(f"CREATE TABLE copies ({COLUMNS})")
    ledger.history(CAMPAIGN).calls.copy_to(database, f"INSERT INTO copies ({COLUMNS})")
    return [KnownCall._make(row) for row in database.execute("SELECT * FROM copies ORDER BY rowid")]


def test_calls_are_copied_as_they_are_read_without_those_of_other_campaigns(ledger, monkeypatch):
    monkeypatch.setattr(known_calls, "_IDS_AT_ONCE", 3)
    for keys in (range(4), range(9)):
        begin(ledger, *(call(f"c{key}", metadata={"site": str(key)}) for key in keys))
        another = plan(*calls(len(keys)), revision=ledger.history("another").revision)
        ledger.begin_run(replace(BINDING, campaign="another"), another, THIS, NOW)
    read = list(ledger.history(CAMPAIGN).calls)
    assert [(known.key, known.phone) for known in read] == [(f"c{n}", phone(n)) for n in range(9)]
    assert copied(ledger) == read


def test_a_ledger_that_breaks_is_not_taken_for_the_working_file(sqlite_ledger):
    begin(sqlite_ledger, *calls(500))
    history = sqlite_ledger.history(CAMPAIGN)
    sqlite_ledger.engine.dispose()
    with sqlite_ledger.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"x" * (sqlite_ledger.path.stat().st_size - 8192))
    with pytest.raises(LedgerError, match=r"the ledger .* cannot be used"):
        WorkingFile().remember(history.calls)
