"""Receivers in processes of their own, calls that await results, and callbacks at a steady rate."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from queueing import CAMPAIGN, enter, planned
from receivers import callback, exchange_over
from sqlalchemy import text

from runner.ledger.ledger import Ledger
from runner.results.token import Attempt

HERE = Path(__file__).parent
BARE = (str(HERE / "bare_receiver.py"),)
OURS = (
    "-c",
    """
import sys, threading
from contextlib import closing

sys.path.append("..")
from receivers import receiving
from runner.ledger.ledger import Ledger

with closing(Ledger.open(sys.argv[1])) as ledger, receiving(ledger) as port:
    print(port, flush=True)
    threading.Event().wait()
""",
)
_POST = """
import sys

sys.path.append("..")
from receiving import post_steadily

post_steadily(int(sys.argv[1]), [int(call) for call in sys.stdin.read().split()], float(sys.argv[2]))
"""
COMPLETED = (
    b"status=completed&attempts=1&events[0][event]=dialing&events[0][timestamp]=1796166310"
    b"&events[1][event]=disconnected&events[1][timestamp]=1796166400"
)
QUEUED = """
UPDATE calls SET state = 'queued', fence = 1, call_id = id, ask_at = end_timestamp WHERE campaign = :campaign
"""


def queued_calls(ledger: Ledger, count: int, first: int = 0) -> list[int]:
    """Enters so many calls, which Insight then has; returns their ids."""
    now = int(time.time())
    run = enter(ledger, [planned(number, now) for number in range(first, first + count)])
    with ledger.engine.begin() as connection:
        connection.execute(text(QUEUED), {"campaign": CAMPAIGN})
        ids = list(connection.execute(text("SELECT id FROM calls WHERE state = 'queued'")).scalars())
    ledger.end_run(run, "done", time.time())
    return ids


def callback_for(call: int) -> bytes:
    return callback(Attempt(call, 1), COMPLETED)


@contextmanager
def receiver(kind: tuple[str, ...], ledger_url: str) -> Iterator[int]:
    """The port of a receiver, OURS or BARE, in another process."""
    process = subprocess.Popen(
        [sys.executable, *kind, ledger_url], stdout=subprocess.PIPE, text=True, cwd=HERE
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def poster(port: int, calls: list[int], per_second: float) -> subprocess.Popen:
    """A process that posts the callbacks of these calls at this rate, and fails if one is not taken."""
    process = subprocess.Popen(
        [sys.executable, "-c", _POST, str(port), str(per_second)],
        stdin=subprocess.PIPE,
        text=True,
        cwd=HERE,
    )
    process.stdin.write(" ".join(map(str, calls)))
    process.stdin.close()
    return process


def post_steadily(port: int, calls: list[int], per_second: float) -> None:
    """Each callback comes over a connection of its own, as Insight's do, whether or not those before it were
    answered.
    """

    async def post_all() -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                group.create_task(post(call))

    async def post(call: int) -> None:
        assert await exchange_over(port, [callback_for(call)], connections=1) == [200]

    asyncio.run(post_all())
