"""A campaign of three rounds over simulated days whose runs and receivers are killed, and what came of it."""

import asyncio
import base64
import http.client
import itertools
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from chaos import HOURS
from shared_clock import LOOK_SECONDS, SharedClock
from shell import PATIENCE_SECONDS, Person, end, said
from sqlalchemy import NullPool, create_engine, text

from campaigns import campaign_yaml, contacts_csv
from runner.insight.sandbox import (
    Behavior,
    Sandbox,
    parse_callbacks,
    parse_fault,
    parse_outcomes,
    running_sandbox,
)
from runner.results.token import Attempt, Tokens

BY_SHARED_CLOCK = str(Path(__file__).parents[1] / "shared_clock.py")
FAULTS = ("reset-after@6%", "500-after@3%", "reset-before@3%")
ROUNDS, GAP_SECONDS = 3, 20 * 3600
TAKEN = "answered 200"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RETRY_POLICY = f"retry_policy: {{max_attempts: 2, reattempt_wait: 30m, rounds: {ROUNDS}, round_gap: 20h}}\n"
CAMPAIGN = (
    re.sub(
        r"(?m)^(result_url|retry_policy):.*\n",
        "",
        campaign_yaml(
            windows='{weekly: {daily: ["9:15-12:00", "13:15-17:00"]}}', pacing="{calls_per_minute: 30}"
        ),
    )
    + RETRY_POLICY
)


@dataclass
class Rounds:
    """The campaign, its people and the sandbox, in simulated time."""

    person: Person
    ledger_url: str
    sandbox: Sandbox
    shared_clock: SharedClock
    people: int
    chance: random.Random
    kills: int = field(default=0, init=False)
    forged: list[tuple[str, int]] = field(default_factory=list, init=False)
    """Callbacks that Insight did not send, each with the status that answered it."""
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False)

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, BY_SHARED_CLOCK, str(self.shared_clock.folder), name, *arguments],
            cwd=self.person.folder,
            env={**self.person.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def apply(self, address: str, crash: Sequence[str] = ()) -> tuple[int, str]:
        """Applies to the end, or until the crash; the exit status and what was said last."""
        name = f"apply-{next(self._numbers)}"
        self.shared_clock.begin(name)
        try:
            process = self.start(
                name, *crash, "apply", "campaign.yaml", "--yes", RUNNER_PUBLIC_URL=f"http://{address}"
            )
            try:
                _, err = process.communicate(timeout=PATIENCE_SECONDS * 2)
            finally:
                process.kill()
        finally:
            self.shared_clock.end(name)
        self.kills += process.returncode == -signal.SIGKILL
        return process.returncode, err

    def carry_through(self, kills: int) -> None:
        """One run after the other is killed, and the receiver half-way."""
        with receiver(self) as address:
            self.apply_and_be_killed(address, kills - kills // 2)
        with receiver(self, address):
            self.apply_and_be_killed(address, kills // 2)
            self.settle(address)

    def share(self, crashes: tuple[Sequence[str], Sequence[str]]) -> None:
        """Two runs at once, each with a receiver of its own, that die so and are started again."""

        def work(address: str, crash: Sequence[str]) -> None:
            self.apply(address, ("crash", *crash))
            self.apply_until_through(address)

        with receiver(self) as first, receiver(self) as second, ThreadPoolExecutor(2) as runs:
            for done in [runs.submit(work, first, crashes[0]), runs.submit(work, second, crashes[1])]:
                done.result()
            self.settle(first)

    def settle(self, address: str) -> None:
        """Applies to the end, until also the tokens of calls whose callback was lost have settled them."""
        self.apply_until_through(address)
        while post_what_was_lost(self):
            self.apply_until_through(address)

    def random_crash(self) -> tuple[str, str]:
        return self.chance.choice(["kill-before", "kill-after"]), f"commit:{self.chance.randrange(4, 90)}"

    def apply_and_be_killed(self, address: str, times: int) -> None:
        """Each run dies at a commit; then nobody applies for some hours."""
        for _ in range(times):
            self.apply(address, ("crash", *self.random_crash()))
            self.shared_clock.leap(self.chance.choice([0, 60, self.chance.uniform(0, 30 * 3600)]))

    def apply_until_through(self, address: str) -> None:
        """A run ends early when a lot goes wrong in a row; people start it again then."""
        for _ in range(5):
            status, err = self.apply(address)
            if status in {0, 6}:
                return
        raise AssertionError(err)


@contextmanager
def rounds(person: Person, folder: Path, ledger_url: str, *, people: int, seed: int) -> Iterator[Rounds]:
    """A third of the callbacks is lost, a third doubled, and answers to requests are lost too."""
    folder.mkdir()
    shared_clock = SharedClock(folder)
    behavior = Behavior(
        outcomes=parse_outcomes("answered=25%,busy=20%,rejected=2%"),
        callbacks=parse_callbacks("lost=33%,doubled=33%,late:5400=10%"),
        seed=seed,
    )
    faults = [parse_fault(fault) for fault in FAULTS]
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(now=shared_clock.now, behavior=behavior, faults=faults))
        person.environment |= {
            "RUNNER_LEDGER_URL": ledger_url,
            "RUNNER_INSIGHT_BASE_URL": sandbox.base_url,
            "RUNNER_INSIGHT_USERNAME": "surveys@example.org",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-test",
            "RUNNER_REQUESTS_PER_SECOND": "200",
        }
        person.write("campaign.yaml", CAMPAIGN)
        person.write("contacts.csv", contacts_csv(people))
        campaign = Rounds(person, ledger_url, sandbox, shared_clock, people, random.Random(seed))
        stack.enter_context(_time_passing(campaign))
        yield campaign


@contextmanager
def receiver(campaign: Rounds, address: str = "127.0.0.1:0") -> Iterator[str]:
    """`runner serve` by the shared clock; its HOST:PORT. It is killed in the end."""
    process = campaign.start("receiver", "serve", RUNNER_RECEIVER_LISTEN=address)
    try:
        found = re.search(r"http://(\S+)/results/", said(process, "taking results on"))
        assert found is not None
        yield found[1]
    finally:
        end(process, signal.SIGKILL)


@contextmanager
def _time_passing(campaign: Rounds) -> Iterator[None]:
    """Inside, callbacks arrive at their times, forged ones too, and time leaps while everybody waits."""
    over = threading.Event()
    forger = Forger(campaign.chance.random())

    async def keep() -> None:
        while not over.is_set():
            next_callback = await campaign.sandbox.deliver_callbacks()
            if campaign.shared_clock.leap_to(next_callback):
                campaign.forged += forger.post(campaign.sandbox.calls())
            await asyncio.sleep(LOOK_SECONDS)

    thread = threading.Thread(target=lambda: asyncio.run(keep()), name="time")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Forger:
    """Posts for each call, once its own callback was taken, others that are wrong."""

    def __init__(self, seed: float) -> None:
        self._seen: set[int] = set()
        self._elsewhere = Tokens(str(seed).encode(), "another ledger")

    def post(self, calls: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
        """What each was, and the status that answered it."""
        taken = [call for call in calls if TAKEN in answers(call) and call["call_id"] not in self._seen]
        self._seen |= {call["call_id"] for call in taken}
        return [answered for call in taken for answered in self._post(call, calls[0])]

    def _post(self, call: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
        place, token = call["result_url"].rsplit("/", 1)
        others, guessed = token_of(other), "a" if token[-1] != "a" else "e"
        contradiction = "failed" if call["status"] == "completed" else "canceled"
        yield "contradiction", post(f"{place}/{token}", contradiction)
        yield "guessed", post(f"{place}/{token[:-1]}{guessed}", "completed")
        yield "elsewhere", post(f"{place}/{self._elsewhere.token(attempt_of(call))}", "completed")
        if others != token:
            yield "spliced", post(f"{place}/{token[:19]}{others[19:]}", "completed")


def answers(call: Mapping[str, Any]) -> list[str]:
    return [callback["answer"] for callback in call["callbacks"]]


def token_of(call: Mapping[str, Any]) -> str:
    return str(call["result_url"]).rsplit("/", 1)[1]


def attempt_of(call: Mapping[str, Any]) -> Attempt:
    """The ledger's call for which Insight got this one, as the token names it."""
    token = token_of(call).upper()
    raw = base64.b32decode(token + "=" * (-len(token) % 8))
    return Attempt(int.from_bytes(raw[:8]), int.from_bytes(raw[8:12]))


def post(url: str, status: str) -> int:
    """The status that answers a callback; 0 where nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        connection.request("POST", parts.path, urlencode({"status": status, "attempts": 1}), FORM)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def post_what_was_lost(campaign: Rounds) -> int:
    """Insight tells at last how the calls ended whose callback was lost and whose answer was, too."""
    books = {row["id"]: row for row in ledger_calls(campaign.ledger_url)}
    unsettled = [
        call for call in campaign.sandbox.calls() if books[attempt_of(call).call]["state"] == "uncertain"
    ]
    for call in unsettled:
        assert TAKEN not in answers(call), "its token was taken, and the call is still uncertain"
        assert post(call["result_url"], call["status"]) == 200
    return len(unsettled)


def ledger_calls(ledger_url: str) -> list[dict[str, Any]]:
    engine = create_engine(ledger_url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT calls.*, results.status AS result FROM calls"
                " LEFT JOIN results ON results.call = calls.id ORDER BY calls.id"
            )
        )
        return [dict(row) for row in found.mappings()]


def disagreements(campaign: Rounds) -> list[str]:
    """Everything in which the ledger and the sandbox's books differ, or that breaks a promise; in words."""
    accepted, books = campaign.sandbox.calls(), {row["id"]: row for row in ledger_calls(campaign.ledger_url)}
    found = list(_call_by_call(accepted, books))
    by_number: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in accepted:
        by_number[str(call["phone_number"])].append(call)
    for number, calls in by_number.items():
        found += [f"{number}: {problem}" for problem in _of_number(calls)]
    rounds_of = Counter((row["contact"], row["round"]) for row in books.values())
    found += [
        f"{contact}: has {times} calls of a round" for (contact, _), times in rounds_of.items() if times > 1
    ]
    people = {row["contact"] for row in books.values()}
    return found + ([] if len(people) == campaign.people else [f"{len(people)} contacts are in the ledger"])


def _call_by_call(
    accepted: Sequence[Mapping[str, Any]], books: Mapping[int, Mapping[str, Any]]
) -> Iterator[str]:
    times = Counter(attempt_of(call).call for call in accepted)
    yield from (f"call {number} was accepted {many} times" for number, many in times.items() if many > 1)
    for call in accepted:
        row = books[attempt_of(call).call]
        if (row["state"], row["result"]) != (call["status"], call["status"]):
            yield f"call {row['id']}: {row['state']}, {row['result']}; Insight says {call['status']}"
        if str(call["phone_number"]).removeprefix("tel:").partition(";")[0] != row["phone"]:
            yield f"call {row['id']}: another number was called"
        if row["call_id"] not in {None, str(call["call_id"])}:
            yield f"call {row['id']}: the ledger has the call_id of another"
    for number, row in books.items():
        if number not in times and row["state"] not in {"uncertain", "skipped"}:
            yield f"call {number}: {row['state']} in the ledger, and Insight never got it"


def _of_number(calls: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    calls = sorted(calls, key=lambda call: int(call["start_timestamp"]))
    if len(calls) > ROUNDS:
        yield f"called {len(calls)} times"
    for call in calls:
        phone = str(call["phone_number"]).removeprefix("tel:").partition(";")[0]
        start, ends = int(call["start_timestamp"]), int(call["end_timestamp"])
        if not HOURS.contain(phone, start, ends) or not all(start <= at <= ends for at in call["dialled_at"]):
            yield "called outside its windows"
    for before, after in itertools.pairwise(calls):
        if before["status"] == "completed":
            yield "called again after an interview"
        if int(after["start_timestamp"]) - last_dial(before) < GAP_SECONDS:
            yield "called again within round_gap"


def last_dial(call: Mapping[str, Any]) -> int:
    return int(call["dialled_at"][-1] if call["dialled_at"] else call["end_timestamp"])
