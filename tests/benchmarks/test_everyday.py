"""What people wait for every day: the help, the check of a campaign file, and a plan of everyday size.

Bare Python's own start is measured beside it: below that nobody can get.
"""

import csv
import os
import resource
import statistics
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import pytest
from table import row

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
RUNNER = str(Path(sys.executable).with_name("runner"))
CONTACTS = 5_000
RUNS = 7
MOST_SECONDS = 0.35
MOST_PROCESS_SECONDS = 2.0


@pytest.fixture
def hospitals(tmp_path):
    """The usual campaign over 5,000 numbers, in an empty home folder; the last few are made up."""
    with (CAMPAIGNS / "us-hospitals.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    with (tmp_path / "us-hospitals.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(known[0]))
        writer.writeheader()
        for number, each in enumerate(islice(cycle(known), CONTACTS)):
            made_up = {"Provider ID": f"made-up-{number}", "Phone Number": f"617555{number:04}"}
            writer.writerow(each | made_up if number >= len(known) else each)
    campaign = tmp_path / "hospital-survey.yaml"
    campaign.write_text((CAMPAIGNS / campaign.name).read_text())
    return campaign


def run(*command, home):
    """Seconds by the clock and of process time, of the command and all its processes."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=home, env=environment, stdout=subprocess.DEVNULL, check=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(*command, home, runs=RUNS):
    """The medians of both, after a first run that only warms the caches of the disk and of Python."""
    run(*command, home=home)
    took, worked = zip(*(run(*command, home=home) for _ in range(runs)), strict=True)
    return statistics.median(took), statistics.median(worked)


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("runner --help", ["--help"]),
        ("runner validate of a usual campaign", ["validate", "hospital-survey.yaml"]),
    ],
)
def test_help_and_validate_answer_at_once(hospitals, what, arguments):
    bare, _ = medians(sys.executable, "-c", "pass", home=hospitals.parent)
    took, worked = medians(RUNNER, *arguments, home=hospitals.parent)
    holds = took < MOST_SECONDS
    measured = f"{took:.2f} s, {worked:.2f} s of it process time (bare Python: {bare:.2f} s)"
    row(what, measured, f"under {MOST_SECONDS} s", holds)
    assert holds


def test_a_plan_of_everyday_size_is_made_while_one_looks(hospitals):
    took, worked = medians(RUNNER, "plan", hospitals.name, home=hospitals.parent, runs=3)
    holds = worked < MOST_PROCESS_SECONDS
    row(
        f"runner plan of {CONTACTS:,} contacts",
        f"{worked:.2f} s of process time, {took:.2f} s by the clock",
        f"under {MOST_PROCESS_SECONDS:.0f} s of process time",
        holds,
    )
    assert holds
