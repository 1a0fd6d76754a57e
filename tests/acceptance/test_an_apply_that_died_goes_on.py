"""The promise: an apply that died plans in full again, and goes on with the calls that are left."""

import re
import signal
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from chaos import HOURS
from shell import end, wait_until

from campaigns import AHEAD, PLACES, campaign_yaml, contacts_csv

PEOPLE = 30
SUPPRESS = """\
  suppress: [{type: csv, path: do-not-call.csv, key: "{{ row.id }}", allow_empty: true}]
"""


@pytest.fixture
def ready(customer):
    customer.environment |= {"RUNNER_REQUESTS_PER_SECOND": "10", "RUNNER_MAX_IN_FLIGHT": "1"}
    text = campaign_yaml(pacing=AHEAD).replace("  region: US\n", f"  region: US\n{SUPPRESS}")
    customer.write("campaign.yaml", text)
    customer.write("contacts.csv", contacts_csv(PEOPLE))
    customer.write("do-not-call.csv", "id\nc-0000\n")
    return customer


@pytest.fixture
def died(ready, sandbox):
    """After an apply that was killed when a few calls were queued."""
    die(ready, sandbox, 3)
    return ready


def die(person, sandbox, calls):
    process = person.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= calls, f"{calls} calls")
    return end(process, signal.SIGKILL)[0]


def apply(person):
    return person.run("apply", "campaign.yaml", "--yes")


def called(sandbox):
    """The keys, in the order of the calls."""
    return [re.search(r"c=(c-\d+)", call["result_url"])[1] for call in sandbox.calls()]


def test_it_calls_those_who_are_left_and_nobody_twice(died, sandbox):
    die(died, sandbox, 8)
    again = apply(died)
    assert again.returncode in {0, 6}, again.stderr
    states = died.status("five-zones")["states"]
    assert (states["planned"], states["queued"] + states["uncertain"]) == (0, PEOPLE - 1)
    assert len(set(called(sandbox))) == len(called(sandbox)) >= states["queued"]


def test_when_everybody_was_called_it_says_that_nothing_is_left(ready, sandbox):
    ready.environment["RUNNER_REQUESTS_PER_SECOND"] = "100"
    assert apply(ready).returncode == 0
    again = apply(ready)
    assert again.returncode == 0, again.stderr
    assert f"0 to call, 1 excluded, {PEOPLE - 1} already queued" in again.stdout
    assert "Nothing to do" in again.stdout
    assert len(sandbox.calls()) == PEOPLE - 1


def test_it_asks_for_the_number_of_calls_that_are_left(died, sandbox):
    before = len(sandbox.calls())
    left = died.status("five-zones")["states"]["planned"]
    declined, shown = died.at_a_terminal("apply", "campaign.yaml", typing="1\n")
    assert declined == 1
    assert f"Type the number of calls ({left})" in shown
    assert len(sandbox.calls()) == before


def test_somebody_who_was_put_on_a_list_in_between_is_not_called(died, sandbox):
    died.write("do-not-call.csv", "id\nc-0000\nc-0029\n")
    assert apply(died).returncode in {0, 6}
    assert "c-0029" not in called(sandbox)


def test_somebody_who_was_withdrawn_for_a_list_is_called_once_the_list_drops_them(ready, sandbox):
    process = ready.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    ready.write("do-not-call.csv", "id\nc-0000\nc-0029\n")
    wait_until(lambda: ready.status("five-zones")["states"]["skipped"] == 1, "a withdrawn call")
    end(process, signal.SIGKILL)
    ready.write("do-not-call.csv", "id\nc-0000\n")
    apply(ready)
    assert "c-0029" in called(sandbox)


def test_late_calls_get_new_starts_at_the_pace_and_inside_the_windows(ready, sandbox, tmp_path):
    ledger = tmp_path / "ledger.sqlite3"
    ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ledger}"
    text = (ready.folder / "campaign.yaml").read_text()
    ready.write("campaign.yaml", text.replace(AHEAD, "{queue_ahead: 720h, calls_per_minute: 2}"))
    die(ready, sandbox, 3)
    before = len(sandbox.calls())
    with closing(sqlite3.connect(ledger)) as database, database:
        long_ago = time.time() - 7200
        database.execute(
            "UPDATE calls SET queue_at = ?, start_timestamp = ? WHERE state = 'planned'", (long_ago, long_ago)
        )
    apply(ready)
    later = sandbox.calls()[before:]
    assert len(later) >= PEOPLE - before - 2
    for call in later:
        zone = ZoneInfo(next(PLACES[code] for code in PLACES if code in call["phone_number"]))
        hours = [
            datetime.fromtimestamp(int(call[name]), zone).time()
            for name in ("start_timestamp", "end_timestamp")
        ]
        assert any(opens <= hours[0] < hours[1] <= closes for opens, closes in HOURS.windows)
    starts = sorted(int(call["start_timestamp"]) for call in sandbox.calls())
    assert all(third - first >= 60 for first, third in zip(starts, starts[2:], strict=False))


def test_two_that_are_started_again_at_once_share_what_is_left(ready, sandbox, postgres_url):
    ready.environment["RUNNER_LEDGER_URL"] = postgres_url
    die(ready, sandbox, 3)
    both = [ready.start("apply", "campaign.yaml", "--yes") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode in {0, 6}, err
    assert len(set(called(sandbox))) == len(called(sandbox))
    assert ready.status("five-zones")["states"]["planned"] == 0
