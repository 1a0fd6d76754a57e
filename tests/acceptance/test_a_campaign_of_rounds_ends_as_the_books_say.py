"""The promise: over all rounds, whatever dies or is lost, the ledger agrees with the server, call by call."""

import random
import socket
import subprocess
import sys
import time as clock
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import datetime, time
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from reconciliation import read_books
from simulated_time import SharedClock

from campaigns import PLACES, campaign_yaml, contacts_csv, future_dates
from runner.insight.sandbox import Behavior, parse_callbacks, parse_fault, parse_outcomes, running_sandbox

PEOPLE = 30
ROUNDS = 3
GAP_SECONDS = 20 * 3600
WINDOWS = [(time(9, 15), time(12)), (time(13, 15), time(17))]
SIMULATED = str(Path(__file__).with_name("simulated_time.py"))
PATIENCE_SECONDS = 120
FINAL = {"completed", "failed", "canceled", "rejected"}


class World:
    """A sandbox, a ledger, a receiver and runs, all in one simulated time."""

    def __init__(self, person, sandbox, clock_file, ledger_url, chance):
        self.person, self.sandbox, self.chance = person, sandbox, chance
        self.clock_file = str(clock_file)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.receiver = f"127.0.0.1:{free.getsockname()[1]}"
        person.environment |= {
            "RUNNER_INSIGHT_BASE_URL": sandbox.base_url,
            "RUNNER_INSIGHT_USERNAME": "surveys@example.org",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-test",
            "RUNNER_REQUESTS_PER_SECOND": "500",
            "RUNNER_LEDGER_URL": ledger_url,
            "RUNNER_RECEIVER_LISTEN": self.receiver,
            "RUNNER_PUBLIC_URL": f"http://{self.receiver}",
        }

    def start(self, *arguments):
        with (self.person.folder / "log.txt").open("a") as log:
            return subprocess.Popen(
                [sys.executable, SIMULATED, self.clock_file, *arguments],
                cwd=self.person.folder,
                env=self.person.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def apply(self):
        return self.start("apply", "campaign.yaml", "--yes")

    def forge(self):
        """Guesses a token: 404, whatever it is."""
        request = urllib.request.Request(
            f"http://{self.receiver}/results/{self.chance.randbytes(26).hex()}",
            data=b"status=completed&attempts=1",
        )
        with suppress(OSError), pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request, timeout=10)

    def carry_through(self, runs, kills):
        """Kills runs and the receiver at random until a run has come to its end."""
        deadline = clock.monotonic() + PATIENCE_SECONDS
        receiver = self.start("serve")
        work = [self.apply() for _ in range(runs)]
        try:
            while any(process.poll() is None for process in work):
                assert clock.monotonic() < deadline, "the campaign never came to its end"
                clock.sleep(self.chance.uniform(0.5, 3))
                self.forge()
                if kills:
                    kills -= 1
                    victim = self.chance.randrange(runs + 1)
                    if victim == runs:
                        _kill(receiver)
                        receiver = self.start("serve")
                    else:
                        _kill(work[victim])
                        work[victim] = self.apply()
            said = (self.person.folder / "log.txt").read_text()
            assert {process.returncode for process in work} <= {0, 6}, said
        finally:
            for process in [receiver, *work]:
                _kill(process)


def _kill(process):
    process.kill()
    process.wait()


@pytest.mark.parametrize(("database", "runs"), [("sqlite", 1), ("postgresql", 1)])
def test_three_rounds_end_as_the_server_says_whatever_dies_or_is_lost(
    person, tmp_path, request, database, runs
):
    chance = random.Random(runs)
    shared = SharedClock(tmp_path / "clock")
    behavior = Behavior(
        outcomes=parse_outcomes("answered=25%,busy=20%,rejected=2%"),
        callbacks=parse_callbacks("lost=33%,doubled=33%"),
        seed=runs,
    )
    ledger_url = (
        f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
        if database == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    windows = f'{{dates: {future_dates(14)}, weekly: {{daily: ["9:15-12:00", "13:15-17:00"]}}}}'
    yaml = campaign_yaml(windows=windows, pacing="{calls_per_minute: 2}")
    yaml = yaml.replace(
        "{max_attempts: 3, reattempt_wait: 45m}",
        f"{{max_attempts: 2, reattempt_wait: 45m, rounds: {ROUNDS}}}",
    )
    yaml = "\n".join(line for line in yaml.splitlines() if not line.startswith("result_url"))
    person.write("campaign.yaml", yaml)
    person.write("contacts.csv", contacts_csv(PEOPLE))
    with ExitStack() as stack:
        sandbox = stack.enter_context(
            running_sandbox(
                now=shared.now,
                behavior=behavior,
                faults=[parse_fault("reset-after@4%"), parse_fault("500-after@3%")],
            )
        )
        World(person, sandbox, tmp_path / "clock", ledger_url, chance).carry_through(runs, kills=8)
        books = sandbox.calls()
    check_books(books)
    check_ledger(read_books(ledger_url).calls, books)


def number_of(call):
    return call["phone_number"].removeprefix("tel:").partition(";")[0]


def check_books(books):
    """What the server saw: nobody too often, too soon, after they completed, or outside a window."""
    by_number = {}
    for call in books:
        by_number.setdefault(number_of(call), []).append(call)
        zone = ZoneInfo(next(name for prefix, name in PLACES.items() if number_of(call).startswith(prefix)))
        for dial in call["dialled_at"]:
            local = datetime.fromtimestamp(dial, zone).time()
            assert any(opens <= local < closes for opens, closes in WINDOWS), (number_of(call), local)
    assert len(by_number) == PEOPLE
    assert Counter(map(len, by_number.values())).keys() <= {1, 2, 3}
    assert any(len(calls) == ROUNDS for calls in by_number.values())
    for calls in by_number.values():
        for earlier, later in pairwise(calls):
            assert earlier["status"] != "completed"
            assert int(later["start_timestamp"]) - max(earlier["dialled_at"]) >= GAP_SECONDS


def check_ledger(calls, books):
    """Contact by contact, round by round."""
    by_number = {}
    for call in books:
        by_number.setdefault(number_of(call), []).append(call)
    for phone, accepted in by_number.items():
        sent = [
            call for call in calls if call["phone"] == phone and call["state"] not in {"skipped", "planned"}
        ]
        sent.sort(key=lambda call: call["round"])
        found = [call for call in sent if call["state"] in FINAL]
        for ours in found:
            theirs = next(
                each
                for each in accepted
                if str(each["call_id"]) == str(ours["call_id"])
                or each["start_timestamp"] == str(ours["start_timestamp"])
            )
            assert ours["state"] == theirs["status"], (phone, ours, theirs)
        unknown = [call for call in sent if call["state"] not in FINAL]
        for ours in unknown:
            # Only a lost answer whose callback was lost too stays open.
            assert ours["state"] == "uncertain", ours
            theirs = [each for each in accepted if each["start_timestamp"] == str(ours["start_timestamp"])]
            assert all(
                "answered 200" not in {sent["answer"] for sent in each["callbacks"]} for each in theirs
            )
        assert len(sent) >= len(accepted)
