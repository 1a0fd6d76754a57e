"""The promise: what was practised against a sandbox is never taken for calls that were made."""

import json
import re
from pathlib import Path

import pytest
from shell import end

from campaigns import due_at_once


@pytest.fixture
def ready(customer):
    due_at_once(customer, 3)
    return customer


def real(person):
    """The same person with the settings for Insight itself."""
    del person.environment["RUNNER_INSIGHT_BASE_URL"]


def test_the_sandbox_says_how_to_practise_with_a_ledger_of_its_own_which_goes_with_it(ready):
    process = ready.start("sandbox", "--port", "0")
    said = ""
    while "Ctrl-C" not in said:
        said += process.stdout.readline()
    exports = dict(re.findall(r"(RUNNER_\w+)=(\S+)", said))
    ledger = Path(exports["RUNNER_LEDGER_URL"].removeprefix("sqlite:///"))
    assert ledger.is_absolute()
    assert ready.folder not in ledger.parents
    ready.environment |= exports
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert ledger.exists()
    end(process, 2)
    assert not ledger.parent.exists()
    del ready.environment["RUNNER_LEDGER_URL"]
    assert "This is the first plan" in ready.run("plan", "campaign.yaml").stderr


def test_the_summary_names_a_stand_in_by_its_address(ready, sandbox):
    said = ready.run("apply", "campaign.yaml", "--yes").stdout
    assert f"3 calls are queued at {sandbox.root.removeprefix('http://')}." in said


def test_plan_and_status_warn_of_a_ledger_that_holds_practice(ready):
    ready.run("apply", "campaign.yaml", "--yes")
    assert "apply will refuse it" not in ready.run("plan", "campaign.yaml").stdout
    assert ready.status("five-zones")["warning"] == ""
    real(ready)
    found = json.loads(ready.run("plan", "campaign.yaml", "--output", "json").stdout)["diagnostics"]
    (warning,) = (each for each in found if each["code"] == "bound_elsewhere")
    assert warning["line"] == 2
    says = "applied at a stand-in on this machine, but the settings name https://insight.plumvoice.com"
    assert says in warning["message"]
    assert says in ready.status("five-zones")["warning"]
    assert says in ready.run("status").stdout
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 1


def test_plan_and_status_warn_of_another_account_and_ask_for_none(ready):
    ready.run("apply", "campaign.yaml", "--yes")
    ready.environment["RUNNER_INSIGHT_USERNAME"] = "somebody-else@example.org"
    assert "another Insight account" in ready.run("plan", "campaign.yaml", "--output", "json").stdout
    assert "another Insight account" in ready.run("status").stdout
    del ready.environment["RUNNER_INSIGHT_USERNAME"]
    assert "account" not in ready.run("plan", "campaign.yaml", "--output", "json").stdout
    assert "account" not in ready.run("status").stdout
