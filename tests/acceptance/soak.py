"""`make soak`: kills runs at every commit, at random, over three rounds; counts who was called twice or lost.

    python soak.py --rounds 20 --seed 1

Prints a line for each scenario, and fails at the first call that is doubled or unexplained.
"""

import argparse
import itertools
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import Campaign
from postgres import PostgresServer, postgres_server
from reconciliation import Reconciliation
from rounds import Rounds, disagreements, ledger_calls, rounds
from shell import PATIENCE_SECONDS, Person, server_on

FAULTS = ("reset-after@5%", "reset-before@3%", "500-after@3%", "garbage@2%", "slow:0.3@30%")
HEADER = ("scenario", "campaigns", "calls", "kills", "accepted", "twice", "uncertain", "unexplained")


class Sum:
    """The figures of one line."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.campaigns = self.calls = self.kills = 0
        self.found = Reconciliation()

    def add(self, campaign: Campaign, kills: int) -> None:
        found = campaign.reconcile()
        self.campaigns += 1
        self.calls += campaign.people
        self.kills += kills
        self.found.accepted += found.accepted
        self.found.twice += found.twice
        self.found.states += found.states
        self.found.unexplained += found.unexplained

    def add_rounds(self, campaign: Rounds) -> None:
        books = ledger_calls(campaign.ledger_url)
        self.campaigns += 1
        self.calls += len(books)
        self.kills += campaign.kills
        self.found.accepted += len(campaign.sandbox.calls())
        self.found.states += Counter(call["state"] for call in books)
        self.found.unexplained += disagreements(campaign)

    def cells(self) -> tuple[object, ...]:
        found = self.found
        return (
            self.scenario, self.campaigns, self.calls, self.kills, found.accepted, found.twice,
            found.states["uncertain"], len(found.unexplained),
        )  # fmt: skip


def user(folder: Path) -> Person:
    """With an empty home."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    return Person(home, work, {"PATH": os.environ["PATH"], "HOME": str(home)})


@contextmanager
def campaign(people: int, ledger_url: str | None, *faults: str, rate: int = 50) -> Iterator[Campaign]:
    """A user with an empty home, a sandbox with these faults, and a campaign that is all due at once."""
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        server_on(0, *[word for fault in faults for word in ("--fault", fault)]) as server,
    ):
        person = user(Path(folder))
        person.environment |= {
            "RUNNER_INSIGHT_BASE_URL": server.base_url,
            "RUNNER_INSIGHT_USERNAME": "surveys@example.org",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-soak",
            "RUNNER_REQUESTS_PER_SECOND": str(rate),
            "RUNNER_MAX_IN_FLIGHT": "4",
        }
        url = ledger_url or f"sqlite:///{person.folder / 'ledger.sqlite3'}"
        yield Campaign(person, server, url, people)


def every_commit(what: str, kinds: tuple[str, ...], server: PostgresServer | None) -> Sum:
    """Dies at the first commit of a kind, at the second, and so on, until a run comes through alive."""
    found = Sum(f"{what} each {' and '.join(kinds)}, {'PostgreSQL' if server else 'SQLite'}")
    for kind in kinds:
        for number in itertools.count(1):
            with campaign(6, server.new_database() if server else None) as tried:
                process = tried.crash(what, f"{kind}:{number}")
                process.communicate(timeout=PATIENCE_SECONDS)
                if process.returncode != -signal.SIGKILL:
                    break
                tried.apply_until_through()
                found.add(tried, 1)
    return found


def rounds_at_random(times: int, seed: int, server: PostgresServer | None) -> Sum:
    """Three rounds over simulated days, with lost, doubled and forged callbacks."""
    found = Sum(f"three rounds, {'2 runs, PostgreSQL' if server else '1 run, SQLite'}")
    for number in range(times):
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            url = server.new_database() if server else f"sqlite:///{folder}/ledger.sqlite3"
            with rounds(
                user(Path(folder)), Path(folder) / "time", url, people=25, seed=seed * 1000 + number
            ) as tried:
                if server:
                    tried.share((tried.random_crash(), tried.random_crash()))
                else:
                    tried.carry_through(kills=8)
                found.add_rounds(tried)
    return found


def at_random(times: int, seed: int, runs: int, server: PostgresServer | None) -> Sum:
    found = Sum(f"random, {runs} runs, PostgreSQL" if server else "random, 1 run, SQLite")
    for number in range(times):
        chance = random.Random(seed * 1000 + number)
        with campaign(150, server.new_database() if server else None, *FAULTS) as tried:
            tried.disturb(chance, runs, kills=12, longest_stop=18 if server else 2)
            tried.apply_until_through()
            found.add(tried, tried.kills)
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description="Kills and stops runs, and reconciles.")
    arguments.add_argument("--rounds", type=int, default=10, help="random campaigns of each kind")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    started = time.monotonic()
    sums = []
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        for scenario in (
            lambda: every_commit("kill-before", ("commit",), None),
            lambda: every_commit("kill-after", ("commit",), None),
            lambda: every_commit("kill-after", ("intent", "result"), server),
            lambda: at_random(given.rounds, given.seed, 1, None),
            lambda: at_random(given.rounds, given.seed, 4, server),
            lambda: rounds_at_random(given.rounds, given.seed, None),
            lambda: rounds_at_random(given.rounds, given.seed, server),
        ):
            sums.append(scenario())
            if len(sums) == 1:
                print(("{:46}" + "{:>12}" * 7).format(*HEADER))
            print(("{:46}" + "{:>12,}" * 7).format(*sums[-1].cells()), flush=True)
            sums[-1].found.check()
    print(f"seed {given.seed}, {(time.monotonic() - started) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
