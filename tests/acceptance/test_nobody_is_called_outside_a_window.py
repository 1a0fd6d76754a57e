"""The promise: every call lies inside a calling window in every zone where the contact may be."""

import json
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from shell import wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv

ROOT = Path(__file__).parents[2]
HOSPITALS = """\
version: 1
name: hospitals
survey: {survey_id: "48211", instance_id: "3"}
contacts:
  sources: [{type: csv, path: us-hospitals.csv}]
  phone: "{{ row['Phone Number'] }}"
  key: "{{ row['Provider ID'] }}"
  region: US
calling_windows:
  weekly: {mon-thu: "9:15-17:00", fri: "9:15-12:00"}
  holidays: {country: US}
retry_policy: {max_attempts: 3, reattempt_wait: 1h}
pacing: {calls_per_minute: 20}
"""
HOURS = {0: (915, 1700), 1: (915, 1700), 2: (915, 1700), 3: (915, 1700), 4: (915, 1200)}


@pytest.fixture
def hospital_plan(person):
    person.write("campaign.yaml", HOSPITALS)
    person.write("us-hospitals.csv", (ROOT / "tests/data/us-hospitals.csv").read_text())
    arguments = ("--as-of", "2026-12-22T14:00:00Z", "--output", "json", "--show-contacts")
    result = person.run("plan", "campaign.yaml", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_real_list_is_planned_and_everybody_left_out_is_explained(hospital_plan):
    summary = hospital_plan["summary"]
    reasons = Counter(exclusion["reason"] for exclusion in hospital_plan["exclusions"])
    assert summary["rows"] == 4807
    assert reasons == {"invalid_phone": 2, "duplicate_phone": 16, "no_window": 7}
    assert summary["planned"] == 4807 - 2 - 16 - 7
    assert summary["excluded"] == 18
    assert summary["no_window"] == 7
    for exclusion in hospital_plan["exclusions"]:
        if exclusion["reason"] == "no_window":
            assert "may be in any of 42 zones" in exclusion["detail"]
    toll_free = [e for e in hospital_plan["exclusions"] if e["detail"].startswith("a toll-free number")]
    assert len(toll_free) == 5


def test_every_call_of_the_real_list_is_inside_its_window_in_every_zone(hospital_plan):
    in_two_zones = 0
    for call in hospital_plan["calls"]:
        in_two_zones += len(call["timezones"]) > 1
        for name in call["timezones"]:
            start = datetime.fromtimestamp(call["start_timestamp"], ZoneInfo(name))
            end = datetime.fromtimestamp(call["end_timestamp"], ZoneInfo(name))
            opens, closes = HOURS[start.weekday()]
            assert start.hour * 100 + start.minute >= opens
            assert end.date() == start.date()
            assert end.hour * 100 + end.minute <= closes - 45  # 5 minutes before the full hour, written hhmm
            assert (start.month, start.day) not in {(12, 25), (1, 1)}
        assert call["end_timestamp"] - call["start_timestamp"] >= 300
        fit = 1 + (call["end_timestamp"] - call["start_timestamp"]) // 3600
        assert call["attempts_that_fit"] == min(3, fit)
    assert in_two_zones >= 13


def test_the_pace_holds_over_the_whole_campaign(hospital_plan):
    per_minute = Counter(call["start_timestamp"] // 60 for call in hospital_plan["calls"])
    assert max(per_minute.values()) <= 20


def test_calls_whose_slots_passed_while_nothing_ran_start_later_at_the_pace_and_not_in_a_burst(
    customer, sandbox
):
    customer.environment["RUNNER_REQUESTS_PER_SECOND"] = "20"
    customer.write("contacts.csv", contacts_csv(30))
    pacing = "{calls_per_minute: 30, queue_ahead: 0}"
    customer.write("campaign.yaml", campaign_yaml(pacing=pacing, windows='{weekly: {daily: "00:00-24:00"}}'))
    process = customer.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 1, "a call")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    sent = len(sandbox.calls())
    assert sent < 30

    later = (datetime.now(UTC) + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    late = json.loads(customer.run("plan", "campaign.yaml", "--output", "json", "--as-of", later).stdout)

    starts = [call["start_timestamp"] for call in late["calls"]]
    assert len(starts) == 30 - sent
    assert min(starts) >= time.time() + 3 * 3600 - 120
    assert max(Counter(start // 60 for start in starts).values()) <= 30
    assert len(set(starts)) == len(starts)


def test_a_campaign_that_never_opens_again_says_so_and_sends_nothing(customer, sandbox):
    customer.write("contacts.csv", contacts_csv(3))
    over = '{dates: {from: "2020-01-01", to: "2020-02-01"}, weekly: {daily: "9:00-17:00"}}'
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD, windows=over))
    result = customer.run("apply", "campaign.yaml", "--yes")
    assert result.returncode == 0
    assert "3 without a window" in result.stdout
    assert sandbox.statuses() == []
