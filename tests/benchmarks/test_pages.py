"""How long pages of `serve` take to load, while fifty people look at them, each with its event stream."""

import asyncio
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from many_calls import write_ledger
from postgres import postgres_server
from table import row
from viewers import looked_at

RUNNER = str(Path(sys.executable).with_name("runner"))
VIEWERS = 50
MEASURED_SECONDS = 60
READY_SECONDS = 30
MILLION, HUNDRED = 1_000_000, 100


@pytest.fixture(scope="module")
def server():
    with postgres_server() as found:
        yield found


@pytest.fixture
def ledger_url(request, tmp_path):
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    return request.getfixturevalue("server").new_database()


@contextmanager
def serving(folder, url):
    """The port of the private address, and the process."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "RUNNER_LEDGER_URL": url,
        "RUNNER_LISTEN": "127.0.0.1:0",
        "RUNNER_RECEIVER_LISTEN": "127.0.0.1:0",
    }
    log = folder / "log"
    with log.open("w") as written:
        process = subprocess.Popen([RUNNER, "serve"], env=environment, stderr=written)
    try:
        until = time.monotonic() + READY_SECONDS
        while not (found := re.search(r"showing campaigns on http://127.0.0.1:(\d+)/", log.read_text())):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield int(found[1]), process
    finally:
        process.terminate()
        assert process.wait(120) == 0


def cpu_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(folder, url, paths, what, most_seconds):
    with serving(folder, url) as (port, process):
        asyncio.run(looked_at(port, paths, VIEWERS, MEASURED_SECONDS / 2))
        cpu = cpu_seconds(process)
        took = asyncio.run(looked_at(port, paths, VIEWERS, MEASURED_SECONDS))
        cpu = (cpu_seconds(process) - cpu) / MEASURED_SECONDS
    slowest_of_95 = took[int(len(took) * 0.95)]
    holds = slowest_of_95 <= most_seconds
    row(
        f"{what}, {VIEWERS} viewers",
        f"95 % within {slowest_of_95 * 1000:.0f} ms, half within {took[len(took) // 2] * 1000:.0f} ms, "
        f"{cpu:.0%} of one core",
        f"95 % within {most_seconds * 1000:.0f} ms",
        holds,
    )
    assert holds


@pytest.mark.parametrize("ledger_url", ["SQLite", "PostgreSQL"], indirect=True)
def test_the_page_of_a_campaign_with_a_million_calls_is_there_at_once(ledger_url, tmp_path, request):
    write_ledger(ledger_url, MILLION, "crowd", now=int(time.time()))
    kind = request.node.callspec.params["ledger_url"]
    what = f"The page of a campaign with {MILLION:,} calls, on {kind}"
    measure(tmp_path, ledger_url, ["/campaigns/crowd"], what, 0.2)


@pytest.mark.parametrize("ledger_url", ["PostgreSQL"], indirect=True)
def test_pages_of_a_hundred_campaigns_are_there_at_once(ledger_url, tmp_path):
    names = [f"wave-{number:03}" for number in range(HUNDRED)]
    write_ledger(ledger_url, MILLION // HUNDRED, *names, now=int(time.time()))
    what = f"Pages of {HUNDRED} campaigns of {MILLION // HUNDRED:,} calls, on PostgreSQL"
    measure(tmp_path, ledger_url, ["/", *(f"/campaigns/{name}" for name in names)], what, 0.1)
