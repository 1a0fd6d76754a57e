"""A million contacts: how long they take, how much memory, and whether the cost grows with their number.

Everything runs in processes of its own, as users run it, so that the memory measured is that of one command.
"""

import csv
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import many_contacts
import pytest
from table import row

HARDLY_ANY, FEW, SOME, MANY = 100, 10_000, 100_000, 1_000_000
ON_A_LIST = 10
"""One contact in so many is on the suppression list, which names nobody else."""
_BETWEEN_LOOKS = 0.1
_BETWEEN_POSTS = 0.02
HERE = Path(__file__).parent
RUNNER = Path(sys.executable).with_name("runner")
CAMPAIGN = """\
version: 1
name: crowd
survey: {survey_id: "1", instance_id: "1"}
contacts:
  sources: [{type: csv, path: contacts.csv}]
  suppress: [{type: csv, path: suppressed.csv, phone: "{{ row.phone }}"}]
  phone: "{{ row.phone }}"
  key: "{{ row.id }}"
  region: US
calling_windows:
  timezone: contact
  dates: {from: "2027-03-01", to: "2027-03-07"}
  weekly: {mon-fri: "9:15-20:45", sat: "10:15-16:45"}
pacing: {calls_per_minute: 330}
caller_id: "+16175550100"
metadata:
  name: "{{ row.first_name | title }} {{ row.last_name | title }}"
  language: "{{ 'es' if row.lang == 'ES' else 'en' }}"
  site: "{{ row.site }}"
  visit: "{{ row.visit }}"
"""
AS_OF = "2027-02-22T12:00:00Z"
DUE_NOW = CAMPAIGN.replace(
    """\
  dates: {from: "2027-03-01", to: "2027-03-07"}
  weekly: {mon-fri: "9:15-20:45", sat: "10:15-16:45"}
""",
    """\
  weekly: {daily: "00:00-24:00"}
""",
)
"""As it is when calls go out: the first are due as soon as they are planned."""


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds of wall-clock time and of processor time, and the most memory that its
    processes held together at one moment, in MiB.
    """

    seconds: float
    processor: float
    """Of all its processes: other work on the machine hardly changes it."""
    mebibytes: int


@dataclass(frozen=True)
class Costs:
    """Of one number of contacts."""

    plain: Cost
    plan: Cost
    entered: Cost
    again: Cost


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[int, Costs]:
    found = {}
    for count in (HARDLY_ANY, FEW, SOME, MANY):
        folder = tmp_path_factory.mktemp(f"crowd-{count}")
        many_contacts.write_contacts(folder / "contacts.csv", count)
        many_contacts.write_suppressed(folder / "suppressed.csv", count // ON_A_LIST, count)
        (folder / "campaign.yaml").write_text(CAMPAIGN)
        with sandbox(folder) as environment:
            plan = [RUNNER, "plan", "campaign.yaml", "--as-of", AS_OF]
            found[count] = Costs(
                plain=cost(
                    [sys.executable, HERE / "plain_script.py", "contacts.csv", "suppressed.csv", AS_OF],
                    folder,
                    environment,
                ),
                plan=cost(plan, folder, environment),
                entered=cost(
                    [RUNNER, "apply", "campaign.yaml", "--yes", "--until-idle"], folder, environment
                ),
                again=cost(plan, folder, environment),
            )
        held(folder / "ledger.sqlite3", count)
    return found


def test_planning_takes_less_than_half_the_time_of_a_plain_script(measured, tmp_path):
    many = measured[MANY]
    wanted = {
        "planning a million contacts": (many.plan.seconds, 0.4),
        "planning a million contacts into the ledger": (many.entered.seconds, 0.5),
    }
    for what, (seconds, most) in wanted.items():
        ratio = seconds / many.plain.seconds
        row(
            f"{what}, to a plain script",
            f"{ratio:.2f} ({seconds:.0f} s to {many.plain.seconds:.0f} s)",
            f"at most {most}",
            ratio <= most,
        )
    floor = floor_seconds(tmp_path)
    row(
        "of which reading the CSV and inserting the rows take",
        f"{floor / many.entered.seconds:.0%} ({floor:.0f} s)",
        "-",
        True,
    )
    assert all(seconds <= most * many.plain.seconds for seconds, most in wanted.values())


def test_memory_hardly_grows_with_the_number_of_contacts(measured):
    most, less = (
        max(costs.plan.mebibytes, costs.entered.mebibytes, costs.again.mebibytes)
        for costs in (measured[MANY], measured[SOME])
    )
    holds = most <= 1.3 * less and most < 260
    row(
        "peak memory of plan, apply and plan again, a million contacts to 100,000",
        f"{most / less:.1f} ({most:.0f} MiB to {less:.0f} MiB)",
        "at most 1.3, under 260 MiB",
        holds,
    )
    assert holds


@pytest.mark.parametrize(
    ("what", "name"),
    [("plan", "plan"), ("plan again, nothing changed", "again"), ("apply until idle", "entered")],
)
def test_a_contact_of_a_million_costs_what_one_of_ten_thousand_does(measured, what, name):
    start = getattr(measured[HARDLY_ANY], name).seconds
    of_many = (getattr(measured[MANY], name).seconds - start) / MANY
    of_few = (getattr(measured[FEW], name).seconds - start) / FEW
    ratio = of_many / of_few
    row(
        f"{what}: time per contact, a million to 10,000",
        f"{ratio:.2f} ({of_many * 1e6:.0f} µs to {of_few * 1e6:.0f} µs)",
        "at most 1.2",
        ratio <= 1.2,
    )
    assert ratio <= 1.2


def test_an_apply_that_died_plans_again_about_as_fast_as_the_first_time(tmp_path):
    """Nothing has changed, and a million calls are in the ledger, the first of them due."""
    many_contacts.write_contacts(tmp_path / "contacts.csv", MANY)
    many_contacts.write_suppressed(tmp_path / "suppressed.csv", MANY // ON_A_LIST, MANY)
    (tmp_path / "campaign.yaml").write_text(DUE_NOW)
    with sandbox(tmp_path) as environment:
        first = until_next_post(tmp_path, environment)
        again = until_next_post(tmp_path, environment)
    held(tmp_path / "ledger.sqlite3", MANY)
    ratio = again / first
    row(
        "apply again after it died, a million calls in the ledger: to its first POST, to the first apply",
        f"{ratio:.2f} ({first:.0f} s to {again:.0f} s)",
        "at most 1.5",
        ratio <= 1.5,
    )
    assert ratio <= 1.5


def until_next_post(folder: Path, environment: dict[str, str]) -> float:
    """Seconds from the start of an apply until the sandbox has one more call; then the apply is killed."""
    before = posts(environment)
    began = time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [RUNNER, "apply", "campaign.yaml", "--yes"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
        while posts(environment) == before:
            assert process.poll() is None, (folder / "output.txt").read_text()[-2000:]
            time.sleep(_BETWEEN_POSTS)
        seconds = time.perf_counter() - began
        process.kill()
        process.wait()
    return seconds


def posts(environment: dict[str, str]) -> int:
    root = environment["RUNNER_INSIGHT_BASE_URL"].removesuffix("/api")
    with urllib.request.urlopen(f"{root}/_sandbox/calls", timeout=10) as answer:
        return len(json.load(answer))


def floor_seconds(folder: Path) -> float:
    """Reading the CSV and inserting the same rows into SQLite with nothing between."""
    many_contacts.write_contacts(folder / "contacts.csv", MANY)
    began = time.perf_counter()
    with closing(sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)) as database:
        names = ", ".join(many_contacts.COLUMNS)
        database.execute(f"CREATE TABLE contacts ({names})")
        database.execute("BEGIN IMMEDIATE")
        with (folder / "contacts.csv").open(newline="") as file:
            rows = csv.reader(file)
            next(rows)
            database.executemany(f"INSERT INTO contacts VALUES ({', '.join('?' * 12)})", rows)
        database.execute("COMMIT")
    return time.perf_counter() - began


def held(ledger: Path, contacts: int) -> None:
    """The plan is in the ledger."""
    with closing(sqlite3.connect(ledger)) as database:
        (calls,) = database.execute("SELECT count(*) FROM calls WHERE state = 'planned'").fetchone()
    assert contacts * 0.8 < calls <= contacts


def cost(command: list[object], folder: Path, environment: dict[str, str]) -> Cost:
    began, used = time.perf_counter(), processor_seconds()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        most = 0
        while process.poll() is None:
            most = max(most, memory_of(process.pid))
            time.sleep(_BETWEEN_LOOKS)
    seconds = time.perf_counter() - began
    assert process.returncode == 0, (folder / "output.txt").read_text()[-2000:]
    return Cost(seconds, processor_seconds() - used, most)


def processor_seconds() -> float:
    """Of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_of(process: int) -> int:
    """The resident memory, in MiB, of this process and of each that it began, now.

    Memory that they share counts for each. Not what the system tells when a process has ended: that counts
    the memory of its parent, too.
    """
    own = Path(f"/proc/{process}")
    program, pages = (own / "cmdline").read_bytes(), pages_of(own)
    for names in own.glob("task/*/children"):
        # Any of them may end at this moment.
        with suppress(OSError):
            begun = [Path("/proc", name) for name in names.read_text().split()]
            # Until it runs a program of its own, a new process has the memory of its parent.
            pages += sum(pages_of(each) for each in begun if (each / "cmdline").read_bytes() != program)
    return pages * resource.getpagesize() // 2**20


def pages_of(process: Path) -> int:
    return int((process / "statm").read_text().split()[1])


@contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a user whose Insight is a sandbox."""
    server = subprocess.Popen([RUNNER, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        base_url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUNNER_LEDGER_URL": f"sqlite:///{folder}/ledger.sqlite3",
            "RUNNER_INSIGHT_BASE_URL": base_url,
            "RUNNER_INSIGHT_USERNAME": "somebody",
            "RUNNER_INSIGHT_DEVELOPER_KEY": "a key",
            "RUNNER_REQUESTS_PER_SECOND": "10",
        }
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
