"""`apply --events`: a program follows an apply by its JSON lines, and never holds it up."""

import json

from json_forms import check_form

from campaigns import due_at_once


def lines_of(text):
    lines = [json.loads(line) for line in text.splitlines()]
    check_form("events", *lines)
    return lines


def test_a_pipe_gets_each_event_and_nothing_else(customer, sandbox):
    due_at_once(customer, 4)
    sandbox.set_faults("400@50%")
    done = customer.run("apply", "campaign.yaml", "--yes", "--events", "-")
    lines = lines_of(done.stdout)
    calls = [line for line in lines if line["type"] == "call_ended"]
    states = {state: sum(line["state"] == state for line in calls) for state in ("queued", "refused")}
    assert [line["type"] for line in lines if line not in calls] == [
        *("version", "plan_made", "run_began", "ended")
    ]
    assert states["queued"] == len(sandbox.calls())
    assert len(calls) == lines[1]["summary"]["planned"] == 4
    assert lines[-1]["states"] | states == lines[-1]["states"]
    assert lines[-1]["exit_status"] == done.returncode
    assert "555" not in done.stdout
    assert "Plan: 4 to call" in done.stderr


def test_applies_of_a_saved_plan_follow_each_other_in_a_file(customer, sandbox):
    due_at_once(customer, 2)
    customer.run("plan", "campaign.yaml", "-o", "plan.json")
    for _ in range(2):
        assert customer.run("apply", "plan.json", "--yes", "--events", "events.jsonl").returncode == 0
    lines = lines_of((customer.folder / "events.jsonl").read_text())
    assert [line["reason"] for line in lines if line["type"] == "ended"] == ["done", "nothing_to_do"]
    assert sum(line["type"] == "version" for line in lines) == 2
    assert len(sandbox.calls()) == 2


def test_nothing_is_queued_where_events_cannot_be_written(customer, sandbox):
    due_at_once(customer, 2)
    refused = customer.run("apply", "campaign.yaml", "--yes", "--events", "campaign.yaml")
    assert refused.returncode == 1
    assert "campaign.yaml is not a file of events" in refused.stderr
    assert sandbox.calls() == []


def test_a_full_disk_does_not_stop_calls(customer, sandbox):
    due_at_once(customer, 2)
    done = customer.run("apply", "campaign.yaml", "--yes", "--events", "/dev/full")
    assert done.returncode == 0
    assert done.stderr.count("events are lost") == 1
    assert len(sandbox.calls()) == 2


def test_an_apply_that_fails_says_so_in_its_last_line(customer):
    due_at_once(customer, 2)
    customer.environment["RUNNER_INSIGHT_DEVELOPER_KEY"] = ""
    failed = customer.run("apply", "campaign.yaml", "--yes", "--events", "events.jsonl")
    last = lines_of((customer.folder / "events.jsonl").read_text())[-1]
    assert (last["type"], last["reason"], last["exit_status"]) == ("ended", "failed", failed.returncode)
    assert last["problem"] in failed.stderr


TWO_ROUNDS = """\
version: 1
name: two-rounds
survey: {survey_id: "1", instance_id: "1"}
contacts:
  sources: [{type: inline, rows: [{phone: "+12125550101"}, {phone: "+13125550102"}]}]
  phone: "{{ row.phone }}"
calling_windows: {weekly: {daily: "9:15-20:30"}}
retry_policy: {rounds: 2}
"""


def test_a_rehearsal_with_rounds_is_followed_in_its_own_time(person):
    person.write("rounds.yaml", TWO_ROUNDS)
    person.run("apply", "rounds.yaml", "--yes", "--sandbox", "--outcomes", "busy=100%", "--events", "e.jsonl")
    lines = lines_of((person.folder / "e.jsonl").read_text())
    assert "rounds_planned" in {line["type"] for line in lines}
    assert lines[-1]["states"]["failed"] == lines[-1]["queued"] == 4
    assert lines[-1]["at"] - lines[0]["at"] > 20 * 3600
    assert "555" not in (person.folder / "e.jsonl").read_text()
