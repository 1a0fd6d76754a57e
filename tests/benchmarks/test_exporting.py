"""A million calls with their results, exported and reported: how long it takes, and in how much memory."""

import os
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from planned_calls import BINDING, NOW, call, plan
from sqlalchemy import text
from table import row

from runner.ledger.ledger import Ledger, RunProcess

FEW, MANY = 10_000, 1_000_000
RUNNER = str(Path(sys.executable).with_name("runner"))
MOST_MEBIBYTES = 250
MOST_SECONDS = 60
MOST_GROWTH = 1.5
"""A hundred times the calls may take so many times the memory."""
COPIES = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :calls - 1)
INSERT INTO calls (campaign, contact, ref, phone, round, state, reason, run, fence, queue_at, start_timestamp,
    end_timestamp, timezones, home, states, phone_number, max_attempts, metadata, result_url, account,
    call_id, updated_at)
SELECT campaign, printf('v-%07d', n % (:calls / 2)), printf('ref%07d', n % (:calls / 2)),
    printf('+1%010d', 2120000000 + n % (:calls / 2)), 1 + (n >= :calls / 2),
    CASE WHEN n % 3 = 0 THEN 'completed' ELSE 'failed' END, '', run, 1,
    queue_at + n, start_timestamp + n, end_timestamp + n,
    json_array('America/' || CASE n % 4 WHEN 0 THEN 'New_York' WHEN 1 THEN 'Chicago' WHEN 2 THEN 'Denver'
        ELSE 'Los_Angeles' END),
    home, states, phone_number, 3, '{}', '', account, n, updated_at
FROM calls, numbers WHERE calls.id = 1
"""
RESULTS = """
INSERT INTO results (call, campaign, status, source, learned_at, attempts, events)
SELECT id, campaign, state, 'asked', updated_at, 2, json_array(
    json_object('event', 'dialing', 'timestamp', start_timestamp + 30),
    json_object('event', 'dialing', 'timestamp', start_timestamp + 2730),
    json_object('event', 'disconnected', 'timestamp', start_timestamp + 2790))
FROM calls WHERE id > 1
"""


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    """Ledgers of both sizes, half as many contacts as calls, each called in two rounds."""
    folder = tmp_path_factory.mktemp("ledgers")
    for calls in (FEW, MANY):
        with closing(Ledger.open(f"sqlite:///{folder / f'{calls}.sqlite3'}")) as ledger:
            first = replace(plan(call("c0")), campaign="crowd")
            ledger.begin_run(replace(BINDING, campaign="crowd"), first, RunProcess(host="here", pid=1), NOW)
            with ledger.engine.begin() as connection:
                connection.execute(text(COPIES), {"calls": calls})
                connection.execute(text(RESULTS))
    return folder


def measure(folder, calls, *arguments):
    """Seconds of process time, and the most memory that the command held, in MiB."""
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "RUNNER_LEDGER_URL": f"sqlite:///{folder / f'{calls}.sqlite3'}",
    }
    output = os.open(folder / "stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    process = os.posix_spawn(
        RUNNER, [RUNNER, *arguments], environment, file_actions=[(os.POSIX_SPAWN_DUP2, output, 1)]
    )
    _, status, usage = os.wait4(process, 0)
    os.close(output)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("export as CSV", ("export", "crowd", "-o", "{folder}/calls.csv")),
        ("export as JSON", ("export", "crowd", "--output", "json", "-o", "{folder}/calls.json")),
        ("export as Parquet", ("export", "crowd", "--output", "parquet", "-o", "{folder}/calls.parquet")),
        ("export by contact", ("export", "crowd", "--by", "contact", "-o", "{folder}/contacts.csv")),
        ("report as a page", ("report", "crowd", "--output", "html")),
    ],
)
def test_a_million_calls_take_no_more_memory_than_a_few(ledgers, what, arguments):
    arguments = [argument.format(folder=ledgers) for argument in arguments]
    _, few = measure(ledgers, FEW, *arguments)
    seconds, many = measure(ledgers, MANY, *arguments)
    holds = seconds < MOST_SECONDS and many < MOST_MEBIBYTES and many < few * MOST_GROWTH
    wanted = f"under {MOST_SECONDS} s, {MOST_MEBIBYTES} MiB and {MOST_GROWTH:g} times that of {FEW:,}"
    row(
        f"{what}, {MANY:,} calls",
        f"{seconds:.0f} s of process time, {many:.0f} MiB ({few:.0f} MiB for {FEW:,})",
        wanted,
        holds,
    )
    assert holds
