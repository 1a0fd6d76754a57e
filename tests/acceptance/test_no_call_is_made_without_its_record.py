"""The promise: with a metadatabase, a call is made after its record was added, and none is added twice."""

import signal
from collections import Counter

import pytest
from shell import end, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

WITH_RECORDS = campaign_yaml(pacing=AHEAD, more="metadatabase: clinic visits\n")


@pytest.fixture
def caller(customer):
    customer.write("campaign.yaml", WITH_RECORDS)
    customer.write("contacts.csv", contacts_csv(3))
    # One call after the other: the first fault is that of the first push.
    customer.environment["RUNNER_MAX_IN_FLIGHT"] = "1"
    return customer


def apply(caller):
    return caller.run("apply", "campaign.yaml", "--yes")


def names(metadata):
    return Counter(each["first_name"] for each in metadata)


def of_records(sandbox):
    return names(each["record"] for each in sandbox.records())


def of_calls(sandbox):
    return names(each["metadata"] for each in sandbox.calls())


def test_each_record_is_pushed_once_and_every_call_follows_its_own(caller, sandbox):
    planned = caller.run("plan", "campaign.yaml")
    assert "3 records are pushed to the metadatabase clinic visits" in planned.stdout
    assert apply(caller).returncode == 0
    assert apply(caller).returncode == 0
    assert {each["metadatabase"] for each in sandbox.records()} == {"clinic visits"}
    assert [each["record"] for each in sandbox.records()] == [each["metadata"] for each in sandbox.calls()]
    assert set(of_records(sandbox).values()) == {1}


def test_a_record_whose_answer_is_lost_keeps_its_call_back_until_a_person_retries_it(caller, sandbox):
    sandbox.set_faults("reset-after*1")
    assert apply(caller).returncode == 6
    assert (len(of_records(sandbox)), len(of_calls(sandbox))) == (3, 2)
    (problem,) = caller.status("five-zones")["problems"]
    assert problem["state"] == "refused"
    assert "its record may be in the metadatabase or not" in problem["reason"]

    # Another request does not settle it.
    caller.write("contacts.csv", contacts_csv(3).replace("ES", "EN"))
    again = apply(caller)
    assert "1 refused before" in again.stdout
    assert len(of_calls(sandbox)) == 2

    assert caller.run("retry", "five-zones", "--all").returncode == 0
    assert apply(caller).returncode == 0
    assert set(of_records(sandbox).values()) == set(of_calls(sandbox).values()) == {1}
    assert of_records(sandbox) == of_calls(sandbox)


def test_killed_between_its_push_and_its_call_a_call_is_uncertain_and_its_record_is_not_pushed_again(
    caller, sandbox
):
    sandbox.set_faults("hang*1")
    process = caller.start("apply", "campaign.yaml", "--yes")
    wait_until(sandbox.records, "the first record")
    end(process, signal.SIGKILL)
    assert apply(caller).returncode == 6
    assert caller.status("five-zones")["states"]["uncertain"] == 1
    assert (len(of_records(sandbox)), len(of_calls(sandbox))) == (3, 2)

    (problem,) = caller.status("five-zones")["problems"]
    resolved = caller.run("resolve", "five-zones", problem["ref"], "--as", "not-queued")
    assert resolved.returncode == 0, resolved.stderr
    assert apply(caller).returncode == 0
    assert set(of_records(sandbox).values()) == {1}
    assert of_records(sandbox) == of_calls(sandbox)
