"""One tool in a folder of its own: its processes, what they cost, and what arrived of its calls."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from peer import Account

QUIET_SECONDS = 5
"""Without an arrival for so long, the tool is asked whether it waits for something."""
MOST_SECONDS = 180
"""Without an arrival for so long, it is over whatever the tool says. The slowest recipe takes 90."""
STARTS = 10
"""How often a supervisor starts a worker."""


class Books:
    """What the sandbox has accepted so far."""

    def __init__(self, base_url: str) -> None:
        self._root = base_url.removesuffix("/api")

    def arrivals(self) -> list[tuple[str, float]]:
        """The phone number and the moment of each request, in order."""
        accepted = self._get("calls")
        return [(each["phone_number"].removeprefix("tel:"), each["received_at"]) for each in accepted]

    def number(self) -> int:
        return self._get("requests")["statuses"].count(200)

    def _get(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self._root}/_sandbox/{what}", timeout=30) as answer:
            return json.load(answer)


class Tool:
    """One worker at a time."""

    def __init__(self, module: str, folder: Path, books: Books) -> None:
        self._module = module
        self._folder = folder
        self._log = folder / "log.txt"
        self.books = books
        self._worker: subprocess.Popen | None = None
        self._starts = 0
        self.cpu_of_questions = 0.0

    def enqueue(self) -> None:
        with self._log.open("ab") as log:
            subprocess.run(self._command("enqueue"), cwd=self._folder, stdout=log, stderr=log, check=True)

    def account(self) -> Account:
        before = cpu_of_children()
        asked = subprocess.run(self._command("account"), cwd=self._folder, stdout=subprocess.PIPE, check=True)
        self.cpu_of_questions += cpu_of_children() - before
        return Account(**json.loads(asked.stdout))

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._worker = subprocess.Popen(
                self._command("work"), cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        self._starts += 1

    def kill(self) -> None:
        if self._worker.poll() is None:
            os.killpg(self._worker.pid, signal.SIGKILL)
            self._worker.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """In order: what is under way is finished."""
        for patience, number in ((1, signal.SIGINT), (30, signal.SIGKILL)):
            try:
                self._worker.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(self._worker.pid, number)
        self._worker.wait()

    def wait_for(self, arrivals: int) -> bool:
        """Whether so many arrived. False once nothing arrives any more, and the tool waits for nothing."""
        number, since = self.books.number(), time.monotonic()
        while number < arrivals:
            before, number = number, self._next_number(number)
            if number != before:
                since = time.monotonic()
            elif time.monotonic() > since + MOST_SECONDS or not self.account().waiting:
                # Asking took a moment, in which more may have arrived.
                return self.books.number() >= arrivals
        return True

    def _next_number(self, before: int) -> int:
        """How many have arrived as soon as these are more, or else after QUIET_SECONDS.

        Meanwhile a worker that failed by itself is started again, as a supervisor does.
        """
        until = time.monotonic() + QUIET_SECONDS
        while (number := self.books.number()) == before and time.monotonic() < until:
            if self._worker.poll() and self._starts < STARTS:
                self.start()
            time.sleep(0.05)
        return number

    def _command(self, command: str) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("run.py")), self._module, command]


def cpu_of_children() -> float:
    """Seconds of all processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def postmaster(url: str) -> int:
    """The process that a PostgreSQL server with this database began with."""
    with psycopg.connect(url.replace("+psycopg", "")) as database:
        folder = database.execute("SHOW data_directory").fetchone()[0]
    return int(Path(folder, "postmaster.pid").read_text().split()[0])


def cpu_of_server(postmaster: int) -> float:
    """Seconds of all processes of a PostgreSQL server, those that ended too."""
    server, running = psutil.Process(postmaster), 0.0
    for process in server.children():
        # One that has just ended is in the sum of the first process.
        with suppress(psutil.NoSuchProcess):
            running += sum(process.cpu_times()[:2])
    return running + sum(server.cpu_times()[:4])
