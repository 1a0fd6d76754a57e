"""`make bench-peers`: runner and other tools make the same calls, side by side; prints a table in Markdown.

    python compare.py --calls 5000 --rounds 3 --kills 5 --only huey

Three measurements of each tool, with 8 and with 64 requests in flight:

- speed: all calls are due at once. Calls a second from the first arrival to the last; the CPU time of
  enqueueing, of the worker and of the PostgreSQL server. The fastest of the rounds, in which the tools take
  turns;
- lateness: 50 calls are due each second; from when a call is due until it arrives;
- kills: all are due at once. The worker is killed (kill -9) each time another sixth has arrived, and started
  again at once, as a supervisor does. Then: who was called twice, and who was lost.

A call has arrived when the sandbox has accepted it, a server in a process of its own. All databases are on
the disk that TMPDIR names.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import queueing
from call_list import write_calls
from counting import Count, count, lateness
from peer import Account, Call, Setup
from postgres import PostgresServer, postgres_server
from shown import after_kills, late, machine, table
from tool import Books, Tool, cpu_of_children, cpu_of_server, postmaster

TOOLS = {
    "bare httpx loop": "bare_httpx",
    "runner, SQLite": "runner_peer",
    "runner, PostgreSQL": "runner_peer",
    "huey, SQLite": "huey_peer",
    "procrastinate, PostgreSQL": "procrastinate_peer",
    "APScheduler, PostgreSQL": "apscheduler_peer",
}
IN_FLIGHT = (8, 64)
LATE_SECONDS, LATE_A_SECOND = 30, 50
LEAD_SECONDS = 40
"""Every worker is ready by then, and has its calls."""
MINUTE = 60


@dataclass
class Run:
    calls: list[Call]
    arrivals: list[tuple[str, float]] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    cpu_seconds: float = 0
    kills: int = 0

    @property
    def calls_a_second(self) -> float:
        return (len(self.arrivals) - 1) / (self.arrivals[-1][1] - self.arrivals[0][1])

    def count(self) -> Count:
        phones = [call["phone"] for call in self.calls]
        arrived = [phone for phone, _ in self.arrivals]
        return count(phones, arrived, self.account.waiting, self.account.reported)

    def lateness(self) -> tuple[float, float]:
        first_arrivals = dict(reversed(self.arrivals))
        return lateness(first_arrivals, {call["phone"]: call["due"] for call in self.calls})


@dataclass(frozen=True)
class Tried:
    """One tool with so many requests in flight."""

    name: str
    in_flight: int
    server: PostgresServer
    postmaster: int
    """The process of that server."""

    def speed(self, calls: int) -> Run:
        with self._run(calls, int(time.time())) as (tool, run):
            tool.wait_for(calls)
        return run

    def lateness(self) -> Run:
        """From a full minute on, as windows of runner open at one."""
        first = (int(time.time()) + LEAD_SECONDS + MINUTE - 1) // MINUTE * MINUTE
        calls = LATE_SECONDS * LATE_A_SECOND
        with self._run(calls, first, LATE_A_SECOND) as (tool, run):
            time.sleep(first - time.time())
            tool.wait_for(calls)
        return run

    def kills(self, calls: int, kills: int) -> Run:
        with self._run(calls, int(time.time())) as (tool, run):
            while run.kills < kills and tool.wait_for(calls * (run.kills + 1) // (kills + 1)):
                tool.kill()
                tool.start()
                run.kills += 1
            # More requests than calls may arrive, so only silence ends this.
            tool.wait_for(sys.maxsize)
        return run

    @contextmanager
    def _run(
        self, calls: int, first_due: int, due_each_second: int | None = None
    ) -> Iterator[tuple[Tool, Run]]:
        """With a new folder, sandbox and database; the worker has started. At the end the run is complete."""
        with (
            tempfile.TemporaryDirectory(prefix="peer-") as folder,
            self._database(folder) as database,
            queueing.sandbox() as base_url,
        ):
            given = Setup(base_url, database, self.in_flight, first_due, due_each_second)
            run = Run(write_calls(Path(folder), given, calls))
            tool = Tool(TOOLS[self.name], Path(folder), Books(base_url))
            before = self._cpu_seconds()
            tool.enqueue()
            tool.start()
            try:
                yield tool, run
            finally:
                tool.stop()
            run.cpu_seconds = self._cpu_seconds() - before - tool.cpu_of_questions
            run.account = tool.account()
            run.arrivals = tool.books.arrivals()
            if not run.arrivals:
                raise RuntimeError(f"{self.name} sent nothing; its log:\n{tool.log()}")

    @contextmanager
    def _database(self, folder: str) -> Iterator[str]:
        if "SQLite" in self.name:
            yield f"sqlite:///{folder}/calls.db"
        else:
            url = self.server.new_database()
            yield url
            self.server.remove(url)

    def _cpu_seconds(self) -> float:
        return cpu_of_children() + cpu_of_server(self.postmaster)


def said(tried: Tried, what: str, run: Run) -> Run:
    sys.stderr.write(
        f"{datetime.now(UTC):%H:%M:%S} {tried.name}, {tried.in_flight}, {what}: "
        f"{run.calls_a_second:.0f}/s, {run.cpu_seconds:.1f} s, {run.kills} kills, {run.count()}\n"
    )
    return run


def fastest(tried: list[Tried], calls: int, rounds: int) -> dict[Tried, Run]:
    """In turns, so that what else the machine does meets all."""
    found: dict[Tried, Run] = {}
    for each in tried * rounds:
        run = said(each, "speed", each.speed(calls))
        found[each] = max(run, found.get(each, run), key=lambda run: run.calls_a_second)
    return found


def measured(tried: list[Tried], calls: int, rounds: int, kills: int) -> Iterator[tuple[str, ...]]:
    """A line of the table for each."""
    for each, fast in fastest(tried, calls, rounds).items():
        lateness = said(each, "lateness", each.lateness()).lateness()
        killed = said(each, "kills", each.kills(calls, kills))
        yield (
            each.name,
            str(each.in_flight),
            f"{fast.calls_a_second:,.0f}",
            f"{fast.cpu_seconds:.1f}",
            late(*lateness),
            *after_kills(killed.kills, killed.count()),
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description="Compares runner with other tools.")
    arguments.add_argument("--calls", type=int, default=5000)
    arguments.add_argument("--rounds", type=int, default=3, help="of the measurement of speed")
    arguments.add_argument("--kills", type=int, default=5)
    arguments.add_argument("--only", default="", help="tools whose name holds this")
    given = arguments.parse_args()
    # As with ctrl-C, no server and no worker is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with postgres_server() as server:
        url = server.new_database()
        tried = [
            Tried(name, number, server, postmaster(url))
            for name in TOOLS
            for number in IN_FLIGHT
            if given.only in name
        ]
        lines = list(measured(tried, given.calls, given.rounds, given.kills))
        where = machine(url)
    sys.stdout.write(f"{table(lines)}\n\n{given.calls:,} calls. {where}\n")


if __name__ == "__main__":
    main()
