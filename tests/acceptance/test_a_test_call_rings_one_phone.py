"""`runner call`: one request for the operator's phone, kept in the history and in no count."""

import pytest

from campaigns import due_at_once

PHONE = "+16175550199"


@pytest.fixture
def ready(customer):
    due_at_once(customer, 3)
    return customer


def test_it_is_sent_once_in_the_simplest_form_and_no_count_has_it(ready, sandbox):
    done = ready.run("call", "campaign.yaml", "--to", PHONE, "--as", "c-0001", "--yes")
    assert done.returncode == 0, done.stderr
    assert "with the metadata of c-0001 (first_name, language, empty)" in done.stdout
    (call,) = sandbox.calls()
    assert call["phone_number"] == f"tel:{PHONE};ani=6175550100"
    assert call.keys().isdisjoint({"start_timestamp", "end_timestamp", "max_attempts", "result_url"})
    assert call["metadata"]["language"] == "en"
    history = ready.run("history", "campaign.yaml").stdout
    assert "about to be sent" in history
    assert f"Insight queued it, call_id {call['call_id']}" in history
    assert PHONE not in done.stdout + done.stderr + history
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert len(sandbox.calls()) == 4
    status = ready.status("five-zones")
    assert sum(status["states"].values()) == 3


def test_a_lost_answer_is_uncertain_and_it_is_not_sent_again(ready, sandbox):
    sandbox.set_faults("reset-after*1")
    done = ready.run("call", "campaign.yaml", "--to", PHONE, "--yes")
    assert done.returncode == 6, done.stderr
    assert "The phone may still ring. It is not sent again" in done.stderr
    assert len(sandbox.statuses()) == 1
    assert "it is unknown whether Insight queued it" in ready.run("history", "campaign.yaml").stdout


def test_a_suppressed_number_is_refused_and_so_is_any_without_being_asked(ready, sandbox):
    ready.run("suppress", PHONE)
    refused = ready.run("call", "campaign.yaml", "--to", PHONE, "--yes")
    assert refused.returncode == 1
    assert "is not called: it is on the ledger's suppression list since" in refused.stderr
    policy = ready.write("policy.yaml", 'surveys: ["1"]\n')
    ready.environment["RUNNER_POLICY_FILE"] = str(policy)
    elsewhere = ready.run("call", "campaign.yaml", "--to", "+16175550198", "--yes")
    assert "the policy does not allow survey 48211" in elsewhere.stderr
    del ready.environment["RUNNER_POLICY_FILE"]
    asked = ready.run("call", "campaign.yaml", "--to", PHONE)
    assert asked.returncode == 64
    assert "add --yes" in asked.stderr
    assert sandbox.calls() == []


def test_it_can_be_tried_in_the_sandbox_without_credentials(person):
    due_at_once(person, 1)
    done = person.run("call", "campaign.yaml", "--to", PHONE, "--sandbox", "--yes")
    assert done.returncode == 0, done.stderr
    assert "queued the test call" in done.stdout
