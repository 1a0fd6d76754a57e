"""The promise: stopping is safe, says how to go on, and nothing is lost by it."""

import json
import signal
import subprocess

import pytest
from shell import RUNNER, wait_until

from campaigns import campaign_yaml, contacts_csv, due_at_once


def prepare(customer, count=40):
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "10"
    due_at_once(customer, count)


def test_ctrl_c_finishes_what_is_under_way_and_says_how_to_go_on(customer, sandbox):
    prepare(customer)
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 3, "three calls")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "To continue: runner apply campaign.yaml" in out
    states = customer.status("five-zones")["states"]
    assert states["sending"] == states["uncertain"] == 0
    assert states["queued"] == len(sandbox.calls())
    assert states["planned"] == 40 - states["queued"]

    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "100"
    again = customer.run("apply", "campaign.yaml", "--yes")
    assert again.returncode == 0, again.stderr
    assert len({call["phone_number"] for call in sandbox.calls()}) == len(sandbox.calls()) == 40


def test_sigterm_is_like_ctrl_c(customer, sandbox):
    prepare(customer)
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 1, "a call")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert customer.status("five-zones")["states"]["sending"] == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_rehearsal_that_is_ended_while_it_plans_leaves_nothing_behind(customer, tmp_path, how):
    prepare(customer, 30_000)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    customer.environment["TMPDIR"] = str(temporary)
    process = customer.start("apply", "campaign.yaml", "--sandbox", "--yes")
    wait_until(lambda: any(temporary.rglob("ledger.sqlite3")), "the ledger of the rehearsal")
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("interrupted\n")
    assert out == ""
    assert list(temporary.iterdir()) == []


def test_an_apply_under_nohup_goes_on_after_a_hangup(customer, sandbox):
    prepare(customer)
    process = subprocess.Popen(
        ["nohup", RUNNER, "apply", "campaign.yaml", "--yes"],
        cwd=customer.folder,
        env=customer.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(sandbox.calls()) >= 1, "a call")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(sandbox.calls()) == 40


def test_until_idle_leaves_when_nothing_is_due_and_names_the_next_time(customer, sandbox):
    customer.write("campaign.yaml", campaign_yaml())
    customer.write("contacts.csv", contacts_csv(5))
    result = customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    assert result.returncode == 0, result.stderr
    assert "The next call is due 20" in result.stdout
    assert sandbox.calls() == []
    assert customer.status("five-zones")["states"]["planned"] == 5


def test_slots_stay_when_nothing_changed(customer):
    customer.write("campaign.yaml", campaign_yaml())
    customer.write("contacts.csv", contacts_csv(5))
    customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    plan = json.loads(customer.run("plan", "campaign.yaml", "--output", "json").stdout)
    assert plan["summary"]["unchanged"] == plan["summary"]["planned"] == 5


def test_an_export_that_came_out_empty_withdraws_nobody(customer):
    customer.write("campaign.yaml", campaign_yaml())
    customer.write("contacts.csv", contacts_csv(10))
    assert customer.run("apply", "campaign.yaml", "--yes", "--until-idle").returncode == 0
    customer.write("contacts.csv", contacts_csv(0))
    result = customer.run("apply", "campaign.yaml", "--yes", "--until-idle")
    assert result.returncode == 3
    assert "contacts.csv has no rows" in result.stderr
    assert customer.status("five-zones")["states"]["planned"] == 10
