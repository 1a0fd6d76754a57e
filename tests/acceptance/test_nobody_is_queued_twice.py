"""The promise: each contact is queued once, whatever happens to the process that does it."""

import os
import random
import shutil
import signal
import socket
from collections import Counter

import pytest
from shell import end, server_on, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv, due_at_once


def numbers(calls):
    return Counter(call["phone_number"] for call in calls)


def test_a_second_apply_queues_nobody_again(customer, sandbox):
    due_at_once(customer, 12)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    again = customer.run("apply", "campaign.yaml", "--yes")
    assert again.returncode == 0, again.stderr
    assert "Plan: 0 to call, 12 already queued" in again.stdout
    assert len(sandbox.statuses()) == 12


def test_after_many_kills_each_contact_is_accepted_once_or_uncertain(customer, sandbox):
    chance = random.Random(1)
    people = 60
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "40"
    due_at_once(customer, people)
    kills = 0
    while True:
        before = len(sandbox.statuses())
        wanted = before + chance.randrange(0, 15)
        process = customer.start("apply", "campaign.yaml", "--yes")
        wait_until(
            lambda process=process, wanted=wanted: (
                process.poll() is not None or len(sandbox.statuses()) > wanted
            ),
            "progress",
        )
        if process.poll() is not None:
            out, err = process.communicate()
            break
        end(process, signal.SIGKILL)
        kills += 1
    assert kills >= 2
    assert process.returncode in {0, 6}, (out, err)
    accepted = numbers(sandbox.calls())
    assert set(accepted.values()) == {1}, "a number was accepted twice"
    seen = customer.status("five-zones")
    assert seen["states"]["queued"] + seen["states"]["uncertain"] == people
    assert len(accepted) >= seen["states"]["queued"]
    assert len(accepted) + seen["states"]["uncertain"] >= people, "somebody was lost"
    assert all("died" in problem["reason"] for problem in seen["problems"])
    assert (process.returncode == 6) == (seen["states"]["uncertain"] > 0)


def test_a_second_apply_is_refused_and_its_error_names_who_holds_the_campaign(customer, start_sandbox):
    slow = start_sandbox("slow:2")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = slow.base_url
    due_at_once(customer, 200)
    first = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: customer.run("status", "five-zones").returncode == 0, "the campaign in the ledger")

    second = customer.run("apply", "campaign.yaml", "--yes")

    assert second.returncode == 5
    assert f"process {first.pid} on {os.uname().nodename}" in second.stderr
    assert str(first.pid) in customer.status("five-zones")["holder"]
    end(first, signal.SIGTERM)
    assert customer.status("five-zones")["holder"] is None


@pytest.mark.parametrize("fault", ["reset-before", "reset-after", "garbage", "500", "500-after", "429"])
def test_what_may_have_been_queued_is_held_as_uncertain_and_never_sent_again(customer, start_sandbox, fault):
    faulty = start_sandbox(f"{fault}*1")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = faulty.base_url
    due_at_once(customer, 6)
    first = customer.run("apply", "campaign.yaml", "--yes")
    second = customer.run("apply", "campaign.yaml", "--yes")
    assert (first.returncode, second.returncode) == (6, 6)
    assert "1 uncertain" in first.stdout
    seen = customer.status("five-zones")
    assert (seen["states"]["queued"], seen["states"]["uncertain"]) == (5, 1)
    assert seen["problems"][0]["reason"]
    assert max(numbers(faulty.calls()).values()) == 1
    assert len(faulty.statuses()) == 6


def test_a_refusal_that_holds_a_call_id_is_not_sent_again_by_the_next_run(customer, start_sandbox):
    """Insight queued the calls, though it answered 404."""
    contradictory = start_sandbox("404-after*2")
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = contradictory.base_url
    customer.environment["RUNNER_MAX_IN_FLIGHT"] = "1"
    due_at_once(customer, 6)
    runs = [customer.run("apply", "campaign.yaml", "--yes") for _ in range(3)]
    assert [run.returncode for run in runs] == [1, 1, 6], runs
    assert "the campaign was stopped: Insight answered 404" in runs[0].stderr
    assert max(numbers(contradictory.calls()).values()) == 1
    assert len(contradictory.statuses()) == 6
    seen = customer.status("five-zones")
    assert (seen["states"]["queued"], seen["states"]["uncertain"]) == (4, 2)
    ids = {str(call["call_id"]) for call in contradictory.calls()[:2]}
    assert {problem["call_id"] for problem in seen["problems"]} == ids
    for call_id in ids:
        assert f"Insight answered 404 with a call_id, as if the call were queued (call_id {call_id})" in (
            runs[2].stdout
        )


def test_what_was_provably_not_sent_is_tried_again(customer):
    """The server goes away in the middle of a run and comes back on the same port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    customer.environment["RUNNER_INSIGHT_BASE_URL"] = f"http://127.0.0.1:{port}/api"
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    due_at_once(customer, 20)
    with server_on(port) as first:
        process = customer.start("apply", "campaign.yaml", "--yes")
        wait_until(lambda: len(first.calls()) >= 3, "three calls")
        before = first.calls()
    for line in process.stderr:
        if "cannot reach Insight" in line:
            break
    with server_on(port) as second:
        _, err = process.communicate(timeout=60)
        after = second.calls()
    assert process.returncode in {0, 6}, err
    assert set(numbers(before + after).values()) == {1}
    seen = customer.status("five-zones")["states"]
    assert seen["queued"] + seen["uncertain"] == 20
    # Only what was under way when the server died may be uncertain.
    assert seen["uncertain"] <= 8


def test_when_contacts_and_campaign_change_only_unsent_calls_follow(customer, sandbox):
    customer.write("contacts.csv", contacts_csv(6))
    windows = '{weekly: {daily: "00:00-24:00"}}'
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD, windows=windows))
    assert customer.run("apply", "campaign.yaml", "--yes", "--limit", "4").returncode == 0

    changed = campaign_yaml(pacing=AHEAD, windows=windows).replace("| title", "| upper")
    customer.write("campaign.yaml", changed)
    rows = contacts_csv(7).splitlines()
    customer.write("contacts.csv", "\n".join([rows[0], *rows[2:]]) + "\n")
    result = customer.run("apply", "campaign.yaml", "--yes")

    assert result.returncode == 0, result.stderr
    assert set(numbers(sandbox.calls()).values()) == {1}
    names = [call["metadata"]["first_name"] for call in sandbox.calls()]
    assert len(names) == 7
    assert [name.isupper() for name in names] == [False] * 4 + [True] * 3


def test_two_rows_with_one_number_are_one_call(customer, sandbox):
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    customer.write(
        "contacts.csv",
        "id,first name,phone,lang\na,Ann,(212) 555-2000,EN\nb,Bob,+1 212 555 2000,EN\na,Ann,2125552001,EN\n",
    )
    planned = customer.run("plan", "campaign.yaml").stdout
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 0, result.stderr
    assert [call["phone_number"] for call in sandbox.calls()] == [
        "tel:+12125552000;ani=6175550100;postd=1,2#"
    ]
    assert "contacts.csv:3  b  the same number as contacts.csv:2" in planned
    assert "contacts.csv:4  a  the same contact as contacts.csv:2" in planned


@pytest.fixture
def restore(customer):
    """Puts the data folder back to where it was after two of six calls."""
    due_at_once(customer, 6)
    assert customer.run("apply", "campaign.yaml", "--yes", "--limit", "2").returncode == 0
    data = next(customer.home.rglob("ledger.sqlite3")).parent
    backup = shutil.copytree(data, customer.home / "backup")
    return lambda: shutil.copytree(backup, data, dirs_exist_ok=True)


def test_a_data_folder_that_was_restored_from_a_backup_is_refused(customer, sandbox, restore):
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    restore()
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 1
    assert "restored from an old copy" in result.stderr
    assert len(sandbox.calls()) == 6


def test_a_backup_from_before_a_cancel_is_refused_also_by_operators(customer, sandbox, restore):
    assert customer.run("cancel", "five-zones", "--yes").returncode == 0
    restore()
    for command in (("apply", "campaign.yaml", "--yes"), ("pause", "five-zones"), ("resume", "five-zones")):
        result = customer.run(*command)
        assert result.returncode == 1
        assert "lacks the last decisions of operators (pause, cancel, resolve …)" in result.stderr
    assert customer.status("five-zones")["state"] == "active"
    assert len(sandbox.calls()) == 2


def test_a_new_ledger_where_the_old_one_was_deleted_is_refused(customer, sandbox):
    due_at_once(customer, 6)
    assert customer.run("apply", "campaign.yaml", "--sandbox", "--yes").returncode == 0
    assert not list(customer.home.rglob("ledgers/*"))
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    shutil.rmtree(next(customer.home.rglob("ledger.sqlite3")).parent)
    for command in (("plan", "campaign.yaml"), ("plan", "."), ("apply", "campaign.yaml", "--yes")):
        result = customer.run(*command)
        assert (result.returncode, result.stdout) == (1, "")
        assert "is not the one that was used here: 6 calls were sent from that one" in result.stderr
        assert "runner trust-ledger" in result.stderr
    assert len(sandbox.calls()) == 6


def test_status_and_history_warn_of_a_new_ledger_where_the_old_one_was_deleted(customer):
    due_at_once(customer, 2)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    shutil.rmtree(next(customer.home.rglob("ledger.sqlite3")).parent)
    for command in (("status",), ("status", "five-zones"), ("history", "five-zones")):
        warned = customer.run(*command).stderr.splitlines()[0]
        assert "warning: the ledger" in warned
        assert "is not the one that was used here: 2 calls were sent from that one" in warned
    assert customer.run("trust-ledger", "--yes").returncode == 0
    assert "warning" not in customer.run("status").stderr


def test_who_was_imported_is_not_called_whatever_names_them_and_is_shown_as_imported(customer, sandbox):
    due_at_once(customer, 6)
    customer.write("queued.csv", "key,phone,call_id\nC-0001,,155761\n,(303) 555-2002,\n")
    wrong = customer.write("wrong.csv", "key,call_id\nc-0003,\nc-0004,none\n").name
    refused = customer.run("import", "campaign.yaml", wrong)
    assert refused.returncode == 3
    assert "wrong.csv:3: column `call_id`" in refused.stderr
    done = customer.run("import", "campaign.yaml", "queued.csv")
    assert done.returncode == 0, done.stderr
    assert "2 contacts imported: five-zones never calls them" in done.stdout
    applied = customer.run("apply", "campaign.yaml", "--yes")
    assert applied.returncode == 0, applied.stderr
    assert "imported: queued by another tool" in applied.stdout
    dialled = {call["phone_number"].split(";")[0] for call in sandbox.calls()}
    assert len(dialled) == 4
    assert dialled.isdisjoint({"tel:+13125552001", "tel:+13035552002"})
    assert customer.status("five-zones")["imported"] == 2
    exported = customer.run("export", "five-zones", "--show-contacts", "-o", "calls.csv")
    assert exported.returncode == 0, exported.stderr
    assert '"imported"' in (customer.folder / "calls.csv").read_text()
    assert "imported: call_id 155761" in customer.run("history", "five-zones", "C-0001").stdout
    again = customer.run("import", "campaign.yaml", "queued.csv")
    assert "0 contacts imported" in again.stdout
    assert "2 contacts already imported" in again.stdout
    late = customer.write("late.jsonl", '{"key": "c-0005"}\n').name
    assert "c-0005 [" in customer.run("import", "five-zones", late).stderr
