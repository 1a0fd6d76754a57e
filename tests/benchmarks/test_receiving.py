"""How many callbacks a second are taken durably, next to an app that only writes each of them down."""

import time
from contextlib import closing

import pytest
from queueing import CAMPAIGN
from receivers import exchange_all
from receiving import BARE, OURS, callback_for, queued_calls, receiver
from table import row

from runner.ledger.ledger import Ledger

CALLBACKS = 5_000
CONNECTIONS = 32
TURNS = 3


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def new_ledger(request, tmp_path):
    """The name of a database, and a function that makes the URL of a fresh ledger."""
    if request.param == "SQLite":
        return request.param, lambda: f"sqlite:///{tmp_path / str(time.monotonic_ns())}"
    return request.param, request.getfixturevalue("postgres").new_database


def callbacks_a_second(kind, ledger_url, requests):
    with receiver(kind, ledger_url) as port:
        began = time.perf_counter()
        statuses = exchange_all(port, requests, connections=CONNECTIONS)
        seconds = time.perf_counter() - began
    assert statuses == [200] * len(requests)
    return len(requests) / seconds


def test_callbacks_are_taken_as_fast_as_a_bare_app_commits_them(new_ledger):
    """The best of several tries each, taken in turns, so that what else the machine does meets both."""
    database, new_url = new_ledger
    ours = bare = 0.0
    for _ in range(TURNS):
        url = new_url()
        with closing(Ledger.open(url)) as ledger:
            requests = [callback_for(call) for call in queued_calls(ledger, CALLBACKS)]
            bare = max(bare, callbacks_a_second(BARE, url, requests))
            ours = max(ours, callbacks_a_second(OURS, url, requests))
            states = [call.state for call in ledger.history(CAMPAIGN).calls]
        assert states == ["completed"] * CALLBACKS
    holds = ours >= bare
    row(
        f"callbacks taken, {database}, to a bare Starlette app with one commit each",
        f"{ours:,.0f}/s to {bare:,.0f}/s: {ours / bare:.2f}",
        "≥ 1.0",
        holds,
    )
    assert holds
