"""How fast calls are queued, held against the same requests without any memory of them."""

import json
import math
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from postgres import postgres_server
from queueing import (
    KEY,
    USER,
    bare_httpx,
    enter,
    planned,
    request_of,
    run_once,
    sandbox,
)
from table import row

from runner.ledger.ledger import Ledger

CALLS = 2000
CURL_CALLS = 150
LIFTED = 1e6
IN_FLIGHT, DEFAULT_IN_FLIGHT = 64, 8
"""The most that RUNNER_MAX_IN_FLIGHT takes, and what it is where nobody sets it."""
SHARED_CALLS = 1200
SHARED_IN_FLIGHT = 8
ANSWER_SECONDS = 0.05
APPLY = """
import asyncio, json, sys
from contextlib import closing
from pathlib import Path

sys.path.append("..")
from queueing import execute
from runner.ledger.ledger import Ledger

url, run, base_url, states, in_flight = sys.argv[1:]
with closing(Ledger.open(url)) as ledger:
    sent = asyncio.run(
        execute(ledger, int(run), base_url, Path(states), rate=1e6, in_flight=int(in_flight))
    )
print(json.dumps(list(sent.left_at.values())))
"""


def curl_loop(base_url: str) -> float:
    """Requests a second of a shell loop, with one curl for each call."""
    request = request_of(planned(1, int(time.time())))
    headers = " ".join(f"-H '{name}: {value}'" for name, value in request.headers)
    target = f"{base_url}{request.path}"
    command = f"curl -sf -o /dev/null -u {USER}:{KEY} {headers} -d '{request.body.decode()}' {target}"
    began = time.perf_counter()
    subprocess.run(
        ["sh", "-ec", f"i=0; while [ $i -lt {CURL_CALLS} ]; do {command}; i=$((i+1)); done"], check=True
    )
    return CURL_CALLS / (time.perf_counter() - began)


def calls_a_second(folder: Path, base_url: str, in_flight: int, ledger_url: str = "") -> float:
    """Of one run on a fresh ledger, without a limit of the rate."""
    sent = run_once(
        folder,
        base_url,
        lambda now: [planned(number, now) for number in range(CALLS)],
        rate=LIFTED,
        in_flight=in_flight,
        ledger_url=ledger_url,
    )
    assert sent.states == {"queued": CALLS}
    return CALLS / sent.seconds


def test_queueing_keeps_up_with_bare_httpx_and_leaves_a_shell_loop_behind(tmp_path, postgres):
    """The best of several tries each, taken in turns, so that what else the machine does meets all."""
    best: defaultdict[str, float] = defaultdict(float)
    with sandbox() as base_url:
        for connections in (4, 8, 16, 32):
            requests = [request_of(planned(number, int(time.time()))) for number in range(CALLS)]
            turn = {"bare httpx": bare_httpx(base_url, requests, connections)}
            for in_flight in (IN_FLIGHT, DEFAULT_IN_FLIGHT):
                for name, url in (("SQLite", ""), ("PostgreSQL", postgres.new_database())):
                    folder = tmp_path / f"{connections} {name} {in_flight}"
                    turn[f"{name}, {in_flight}"] = calls_a_second(folder, base_url, in_flight, url)
            for name, reached in turn.items():
                best[name] = max(best[name], reached)
        best["a shell loop of curl"] = curl_loop(base_url) if shutil.which("curl") else 0.0
    compared = [
        (f"SQLite, {IN_FLIGHT}", "bare httpx", 0.88),
        (f"SQLite, {DEFAULT_IN_FLIGHT}", "bare httpx", 0.45),
        (f"PostgreSQL, {IN_FLIGHT}", f"SQLite, {IN_FLIGHT}", 0.8),
        (f"PostgreSQL, {DEFAULT_IN_FLIGHT}", f"SQLite, {DEFAULT_IN_FLIGHT}", 0.8),
        (f"SQLite, {IN_FLIGHT}", "a shell loop of curl", 5),
    ]
    for ours, other, wanted in compared:
        row(
            f"queueing, {ours} in flight, to {other}",
            f"{best[ours]:,.0f}/s to {best[other]:,.0f}/s: {best[ours] / (best[other] or math.inf):.2f}",
            f"≥ {wanted}",
            best[ours] >= wanted * best[other],
        )
    assert all(best[ours] >= wanted * best[other] for ours, other, wanted in compared)


def apply_shared(url: str, base_url: str, folder: Path, runners: int) -> float:
    """Calls a second of so many processes over one PostgreSQL ledger, while all of them send."""
    with closing(Ledger.open(url)) as ledger:
        calls = [planned(number, int(time.time())) for number in range(SHARED_CALLS)]
        runs = [enter(ledger, calls) for _ in range(runners)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", APPLY, url, str(run), base_url, folder / str(run), str(SHARED_IN_FLIGHT)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        for run in runs
    ]
    left = [json.loads(process.communicate()[0]) for process in processes]
    assert sum(map(len, left)) == SHARED_CALLS, "each call left once"
    begins, ends = max(map(min, left)), min(map(max, left))
    return sum(begins <= at <= ends for each in left for at in each) / (ends - begins)


def test_two_runners_on_postgresql_queue_faster_than_one(tmp_path):
    with postgres_server() as server, sandbox(f"slow:{ANSWER_SECONDS}") as base_url:
        one, two = (
            apply_shared(server.new_database(), base_url, tmp_path / str(runners), runners)
            for runners in (1, 2)
        )
    holds = two >= 1.5 * one
    row(
        f"queueing, PostgreSQL, 2 runners to 1 (answers take {ANSWER_SECONDS * 1000:.0f} ms)",
        f"{two:,.0f}/s to {one:,.0f}/s: {two / one:.2f}",
        "≥ 1.5",
        holds,
    )
    assert holds
