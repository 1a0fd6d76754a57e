"""The promise: apply carries out exactly what the plan showed."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns import PLACES, campaign_yaml, contacts_csv, due_at_once


def test_every_request_equals_its_plan_field_by_field(customer, sandbox):
    due_at_once(customer, 40)
    shown = customer.run("plan", "campaign.yaml", "--output", "json", "--show-contacts")
    planned = json.loads(shown.stdout)["calls"]

    applied = customer.run("apply", "campaign.yaml", "--yes")

    assert applied.returncode == 0, applied.stderr
    received = {call["metadata"]["first_name"]: call for call in sandbox.calls()}
    assert len(planned) == len(received) == len(sandbox.statuses()) == 40
    for call in planned:
        got = received[call["metadata"]["first_name"]]
        assert {name: value for name, value in got.items() if name in SENT} == {
            "phone_number": call["phone_number"],
            "start_timestamp": str(call["start_timestamp"]),
            "end_timestamp": str(call["end_timestamp"]),
            "max_attempts": str(call["max_attempts"]),
            "reattempt_wait": str(call["reattempt_wait"]),
            "metadata": call["metadata"],
            "result_url": call["result_url"],
            "survey_id": "48211",
            "instance_id": "3",
            "username": "surveys@example.org",
        }
        assert call["phone_number"] == f"tel:{call['phone']};ani=6175550100;postd=1,2#"


SENT = {
    "phone_number",
    "start_timestamp",
    "end_timestamp",
    "max_attempts",
    "reattempt_wait",
    "metadata",
    "result_url",
    "survey_id",
    "instance_id",
    "username",
}


def test_every_call_starts_and_ends_inside_its_window_where_the_contact_lives(customer, sandbox):
    due_at_once(customer, 40)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    for call in sandbox.calls():
        home = ZoneInfo(PLACES[call["phone_number"].removeprefix("tel:")[:5]])
        start = datetime.fromtimestamp(int(call["start_timestamp"]), home)
        end = datetime.fromtimestamp(int(call["end_timestamp"]), home)
        assert (start.hour, start.minute) >= (9, 15)
        assert (end.hour, end.minute) == (11, 55)
        assert start.date() == end.date()


def test_the_same_input_gives_the_same_plan_byte_for_byte(person):
    person.write("campaign.yaml", campaign_yaml())
    person.write("contacts.csv", contacts_csv(20))
    arguments = ("plan", "campaign.yaml", "--output", "json", "--as-of", "2026-12-01T16:00:00Z")
    first, second = person.run(*arguments), person.run(*arguments)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert json.loads(first.stdout)["as_of"] == "2026-12-01T16:00:00Z"


def test_a_rehearsal_sends_what_the_plan_shows_and_leaves_no_trace(person):
    person.write("campaign.yaml", campaign_yaml())
    person.write("contacts.csv", contacts_csv(10))
    rehearsed = person.run("apply", "campaign.yaml", "--sandbox", "--yes")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "10 calls are queued at the sandbox" in rehearsed.stdout
    plan = json.loads(person.run("plan", "campaign.yaml", "--output", "json").stdout)
    assert plan["summary"]["planned"] == 10


def test_the_answers_may_be_xml(customer, sandbox):
    customer.environment["RUNNER_ACCEPT"] = "xml"
    due_at_once(customer, 5)
    assert customer.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert customer.status("five-zones")["states"]["queued"] == len(sandbox.calls()) == 5
