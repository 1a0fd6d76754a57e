"""Ledgers with campaigns that are half way: with as many calls as a benchmark asks for."""

from contextlib import closing
from dataclasses import replace

from planned_calls import BINDING, NOW, call, plan
from sqlalchemy import text

from runner.ledger.ledger import Ledger, RunProcess

_NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    "postgresql": "WITH numbers AS (SELECT n FROM generate_series(0, {last}) AS numbers(n))",
}
_SENT = "n % 100 >= 40"
_CALLS = """
INSERT INTO calls (campaign, contact, ref, phone, round, state, reason, run, fence, queue_at, start_timestamp,
    end_timestamp, timezones, home, states, phone_number, max_attempts, metadata, result_url, account,
    call_id, ask_at, updated_at)
{numbers}
SELECT campaign, 'v-' || n, 'ref' || n, '+1' || (2120000000 + n), 1 + (n % 10) / 9,
    CASE WHEN n % 100 < 40 THEN 'planned' WHEN n % 100 < 70 THEN 'queued' WHEN n % 100 < 85 THEN 'completed'
        WHEN n % 100 < 98 THEN 'failed' WHEN n % 10000 = 9999 THEN 'uncertain'
        WHEN n % 10000 = 9998 THEN 'refused' ELSE 'skipped' END,
    '', run, 1, at - 300, at, (at / 14400 + 2) * 14400, {zones},
    home, states, phone_number, 3, '{{}}', '', account,
    CASE WHEN n % 100 BETWEEN 40 AND 97 THEN campaign || n END,
    CASE WHEN n % 100 BETWEEN 40 AND 69 THEN at + 3600 END, {now} - 86400.0
FROM (
    SELECT *, CASE WHEN {sent} THEN {now} - n * 7 % 604800 ELSE {now} + 600 + n * 7 % 604800 END AS at
    FROM calls CROSS JOIN numbers WHERE calls.id = {pattern}
) AS placed
"""
_ATTEMPTS = """
INSERT INTO attempts (call, run, fence, intended_at, finished_at, outcome, reason)
SELECT id, run, 1, updated_at - 1, updated_at,
    CASE WHEN state IN ('refused', 'uncertain') THEN state ELSE 'queued' END, ''
FROM calls WHERE id > {pattern} AND state NOT IN ('planned', 'skipped')
"""
_RESULTS = """
INSERT INTO results (call, campaign, status, source, learned_at, attempts, first_dial, last_attempt_timestamp)
SELECT id, campaign, state, 'asked', updated_at, 2, start_timestamp + 30, start_timestamp + 2730
FROM calls WHERE id > {pattern} AND state IN ('completed', 'failed')
"""


def write_ledger(url: str, calls: int, *names: str, now: int = NOW) -> None:
    """A new ledger with campaigns of these names, each with so many calls. `now` is UTC Unix seconds."""
    with closing(Ledger.open(url)) as ledger:
        kind = ledger.engine.dialect.name
        for name in names:
            ledger.begin_run(
                replace(BINDING, campaign=name),
                replace(plan(call("c0", start=now + 600)), campaign=name),
                RunProcess(host="here", pid=1),
                now,
            )
            with ledger.engine.begin() as connection:
                values = {
                    "numbers": _NUMBERS[kind].format(last=calls - 2),
                    "zones": _zones("json_array" if kind == "sqlite" else "json_build_array"),
                    "sent": _SENT,
                    "now": now,
                    "pattern": connection.scalar(text("SELECT max(id) FROM calls")),
                }
                for statement in (_CALLS, _ATTEMPTS, _RESULTS):
                    connection.exec_driver_sql(_driver_text(statement.format(**values), kind))
        if kind == "postgresql":
            # The server does so by itself, a minute later.
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")


def _zones(array: str) -> str:
    places = (
        "CASE n % 4 WHEN 0 THEN 'New_York' WHEN 1 THEN 'Chicago' WHEN 2 THEN 'Denver' ELSE 'Los_Angeles' END"
    )
    return f"{array}('America/' || {places})"


def _driver_text(statement: str, kind: str) -> str:
    return statement if kind == "sqlite" else statement.replace("%", "%%")
