"""The promise: every rate of a report can be computed again from the exports alone."""

import json
import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import recompute_rates
from pyarrow import parquet
from sqlalchemy import text

from campaigns import AHEAD, campaign_yaml, contacts_csv
from runner.calls import CallState
from runner.ledger.evidence import EvidenceSource, Report
from runner.ledger.ledger import Ledger
from runner.ledger.results import Results

PEOPLE = 60
WAIT = 2700
COPIED = (
    "campaign, contact, ref, phone, run, fence, timezones, home, states, phone_number, max_attempts, "
    "reattempt_wait, metadata, result_url, account, updated_at"
)

A_DAY_LATER = {
    "round": "2",
    "state": "'queued'",
    "reason": "''",
    "queue_at": "queue_at + 86400",
    "start_timestamp": "start_timestamp + 86400",
    "end_timestamp": "end_timestamp + 86400",
    "call_id": "'again-' || id",
}


@pytest.fixture
def applied(customer):
    """A campaign whose calls Insight has, and its ledger."""
    url = f"sqlite:///{customer.folder / 'ledger.sqlite3'}"
    customer.environment["RUNNER_LEDGER_URL"] = url
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD, more="results: {eligibility: 0.6}\n"))
    customer.write("contacts.csv", contacts_csv(PEOPLE))
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    with closing(Ledger.open(url)) as ledger:
        yield customer, ledger


def learn(ledger, chance):
    """How the calls without a result ended, decided by chance; a few stay without one."""
    with ledger.engine.begin() as connection:
        waiting = connection.execute(
            text("SELECT id, fence, start_timestamp AS start FROM calls WHERE state = 'queued' ORDER BY id")
        ).all()
    reports = [report(call, chance) for call in waiting if chance.random() < 0.9]
    Results(ledger.engine).record(reports, max(call.start for call in waiting) + 9 * WAIT)


def report(call, chance):
    says = chance.choices(
        (CallState.COMPLETED, CallState.FAILED, CallState.CANCELED, CallState.REJECTED), (5, 8, 1, 1)
    )[0]
    dials = 0 if says is CallState.REJECTED else chance.randint(1, 3)
    times = [call.start + chance.randint(0, 3 * 3600) + number * WAIT for number in range(dials)]
    # Insight may leave out the events.
    events = [("dialing", at) for at in sorted(times)] if chance.random() < 0.8 else []
    return Report(
        call=call.id, fence=call.fence, source=EvidenceSource.ASKED, says=says, attempts=dials,
        first_dial=min(times, default=None), last_attempt_timestamp=max(times, default=None),
        events=tuple(events),
    )  # fmt: skip


def second_round(ledger):
    """Of those that were not reached in the first, a day later."""
    with ledger.engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO calls ({COPIED}, {', '.join(A_DAY_LATER)}) "
                f"SELECT {COPIED}, {', '.join(A_DAY_LATER.values())} FROM calls WHERE state = 'failed'"
            )
        )


def exported(person, *arguments):
    done = person.run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_rate_is_computed_again_from_the_exports(applied):
    person, ledger = applied
    chance = random.Random(17)
    learn(ledger, chance)
    second_round(ledger)
    learn(ledger, chance)
    exported(person, "export", "campaign.yaml", "-o", "calls.csv")
    exported(person, "export", "campaign.yaml", "--by", "contact", "-o", "contacts.csv")
    person.write("report.json", exported(person, "report", "campaign.yaml", "--output", "json"))
    files = [person.folder / name for name in ("calls.csv", "contacts.csv", "report.json")]
    script = [sys.executable, recompute_rates.__file__, *map(str, files)]
    checked = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert_not_trivial(json.loads(files[2].read_text()))
    # The script finds a report that says otherwise.
    wrong = files[2].read_text().replace('"answered": 1,', '"answered": 2,', 1)
    files[2].write_text(wrong)
    assert recompute_rates.main(*files) == 1


def assert_not_trivial(report):
    assert report["e"] == {"value": 0.6, "estimated": False}
    by_name = {rate["name"]: rate["value"] for rate in report["rates"]}
    assert 0 < by_name["RR1"] < by_name["RR3"] < by_name["RR5"]
    assert [entry["round"] for entry in report["contact_rates"]["round"]] == [1, 2]
    assert len(report["contact_rates"]["zone"]) == 5
    assert len(report["contact_rates"]["hour"]) > 3


def test_exports_are_files_of_their_owner_and_show_nobody_unless_requested(applied):
    person, _ = applied
    masked = exported(person, "export", "campaign.yaml", "--output", "json")
    assert len(json.loads(masked)["calls"]) == PEOPLE
    assert "+1212555" not in masked
    exported(person, "export", "campaign.yaml", "--output", "json", "--show-contacts", "-o", "all.json")
    file = person.folder / "all.json"
    assert "+12125552000" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    exported(person, "export", "campaign.yaml", "--output", "parquet", "-o", "calls.parquet")
    assert parquet.read_table(person.folder / "calls.parquet").num_rows == PEOPLE


def test_a_report_is_written_in_every_form_by_name_too(applied):
    person, _ = applied
    for form, start in (
        ("text", "five-zones: 60 contacts"),
        ("markdown", "# five-zones"),
        ("html", "<!doctype html>"),
    ):
        assert exported(person, "report", "five-zones", "--output", form).lstrip().startswith(start)
    assert "give the file" in exported(person, "report", "five-zones")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--output", "parquet"), 64, "-o calls.parquet"),
        (("-o", "no/such/folder/calls.csv"), 1, "cannot be written"),
        (("-o", os.devnull), 1, "is not a regular file"),
    ],
)
def test_an_export_that_cannot_be_written_says_why(applied, arguments, status, words):
    person, _ = applied
    done = person.run("export", "campaign.yaml", *arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert Path(os.devnull).is_char_device()


def test_a_campaign_that_the_ledger_does_not_know_has_no_report(person):
    done = person.run("report", "clinic-followup")
    assert done.returncode == 1
    assert "the ledger has no campaign clinic-followup" in done.stderr
