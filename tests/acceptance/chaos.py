"""A campaign whose runs are killed, stopped and starved, and its reconciliation."""

import itertools
import random
import signal
import subprocess
import sys
import time as clock
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path

from reconciliation import Hours, Reconciliation, read_books, reconcile
from shell import Person, SandboxServer

from campaigns import PLACES, campaign_yaml, contacts_csv

HOURS = Hours(windows=[(time(9, 15), time(12)), (time(13, 15), time(17))], zone_of=PLACES)
CRASH_AT = str(Path(__file__).parents[1] / "crash_at.py")
MOST_SECONDS = 300


@dataclass
class Campaign:
    """`people` contacts that are all due at once, a server, and the person who applies it."""

    person: Person
    server: SandboxServer
    ledger_url: str
    people: int
    kills: int = field(default=0, init=False)
    stops: int = field(default=0, init=False)
    pauses: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.person.environment["RUNNER_LEDGER_URL"] = self.ledger_url
        pacing = "{queue_ahead: 720h, calls_per_minute: 2000}"
        self.person.write("campaign.yaml", campaign_yaml(pacing=pacing))
        self.person.write("contacts.csv", contacts_csv(self.people))

    def apply(self) -> subprocess.CompletedProcess[str]:
        return self.person.run("apply", "campaign.yaml", "--yes")

    def apply_until_through(self) -> subprocess.CompletedProcess[str]:
        """A run ends early when a lot goes wrong in a row; people start it again then."""
        for _ in range(10):
            ended = self.apply()
            if ended.returncode in {0, 6}:
                return ended
        raise AssertionError(ended.stderr)

    def crash(self, what: str, where: str) -> subprocess.Popen[str]:
        """An apply to which something happens at a commit; see crash_at.py."""
        return subprocess.Popen(
            [sys.executable, CRASH_AT, what, where, "apply", "campaign.yaml", "--yes"],
            cwd=self.person.folder,
            env=self.person.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def reconcile(self) -> Reconciliation:
        return reconcile(self.server.calls(), read_books(self.ledger_url), HOURS, people=self.people)

    def disturb(self, chance: random.Random, runners: int, *, kills: int, longest_stop: float) -> None:
        """Lets `runners` processes apply at once; kills, stops and pauses them at random until through."""
        work = [self._start() for _ in range(runners)]
        acts = itertools.cycle(["kill", "stop", "kill", "pause"])
        deadline = clock.monotonic() + MOST_SECONDS
        while any(process.poll() is None for process in work):
            assert clock.monotonic() < deadline, "the campaign never came to its end"
            clock.sleep(chance.uniform(0.05, 1.2))
            if self.kills < kills:
                self._disturb(next(acts), chance, work, longest_stop)
        for process in work:
            process.communicate()

    def _disturb(
        self, act: str, chance: random.Random, work: list[subprocess.Popen[str]], longest_stop: float
    ) -> None:
        victim = chance.randrange(len(work))
        match act:
            case "kill":
                self._kill(work, victim)
            case "stop":
                self._stop(work[victim], chance.uniform(0, longest_stop))
            case _:
                self._pause(chance.uniform(0, 1))

    def _start(self) -> subprocess.Popen[str]:
        return self.person.start("apply", "campaign.yaml", "--yes")

    def _kill(self, work: list[subprocess.Popen[str]], victim: int) -> None:
        work[victim].kill()
        work[victim].communicate()
        work[victim] = self._start()
        self.kills += 1

    def _stop(self, process: subprocess.Popen[str], seconds: float) -> None:
        process.send_signal(signal.SIGSTOP)
        clock.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        self.stops += 1

    def _pause(self, seconds: float) -> None:
        self.person.run("pause", "five-zones")
        clock.sleep(seconds)
        self.person.run("resume", "five-zones")
        self.pauses += 1
