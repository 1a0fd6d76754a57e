"""The promise: an apply that died goes on at once with its plan, unless anything has changed since."""

import datetime as dt
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

from campaigns import AHEAD, PLACES, campaign_yaml, contacts_csv, future_dates

PEOPLE = 30
RESUMED = "Nothing has changed since the plan of 20"
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


def apply(person, *more, stdin=""):
    return person.run("apply", "campaign.yaml", *(more or ("--yes",)), stdin=stdin)


def called(sandbox):
    """The keys, in the order of the calls."""
    return [re.search(r"c=(c-\d+)", call["result_url"])[1] for call in sandbox.calls()]


def plan_id(output):
    return re.search(r"plan (sha256:\w+)", output)[1]


def test_it_goes_on_with_its_plan_and_calls_nobody_twice(ready, sandbox):
    planned = die(ready, sandbox, 3)
    again = apply(ready)
    assert again.returncode in {0, 6}, again.stderr
    assert RESUMED in again.stdout
    assert plan_id(again.stdout) == plan_id(planned)
    assert re.search(r"Going on: \d+ to call, \d already queued", again.stdout)
    states = ready.status("five-zones")["states"]
    assert (states["planned"], states["queued"] + states["uncertain"]) == (0, PEOPLE - 1)
    assert len(set(called(sandbox))) == len(called(sandbox)) >= states["queued"]


def test_when_everybody_was_called_that_is_known_at_once_too(ready, sandbox):
    ready.environment["RUNNER_REQUESTS_PER_SECOND"] = "100"
    assert apply(ready).returncode == 0
    again = apply(ready)
    assert again.returncode == 0, again.stderr
    assert f"Plan: 0 to call, {PEOPLE - 1} already queued" in again.stdout
    assert "Nothing to do: everybody who can be called is queued already." in again.stdout
    assert RESUMED in again.stdout
    assert len(sandbox.calls()) == PEOPLE - 1
    ready.write("contacts.csv", contacts_csv(PEOPLE + 1))
    assert apply(ready).returncode == 0
    assert len(sandbox.calls()) == PEOPLE


def test_it_may_die_again_and_again(died, sandbox):
    for calls in (8, 13):
        assert RESUMED in die(died, sandbox, calls)
    again = apply(died)
    assert RESUMED in again.stdout
    assert len(set(called(sandbox))) == len(called(sandbox))


def test_after_ctrl_c_too(ready, sandbox):
    process = ready.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 3, "three calls")
    end(process, signal.SIGINT)
    again = apply(ready)
    assert again.returncode == 0, again.stderr
    assert RESUMED in again.stdout
    assert sorted(called(sandbox)) == [f"c-{n:04}" for n in range(1, PEOPLE)]


def test_it_asks_for_the_number_of_calls_that_are_left(died, sandbox):
    before = len(sandbox.calls())
    left = died.status("five-zones")["states"]["planned"]
    declined, shown = died.at_a_terminal("apply", "campaign.yaml", typing="1\n")
    assert declined == 1
    assert RESUMED in shown.replace("\n", " ")
    assert f"Type the number of calls ({left})" in shown
    assert len(sandbox.calls()) == before
    agreed, _ = died.at_a_terminal("apply", "campaign.yaml", typing=f"{left}\n")
    assert agreed in {0, 6}
    assert died.status("five-zones")["states"]["planned"] == 0


def test_the_warnings_of_the_file_are_told_again(ready, sandbox):
    text = (ready.folder / "campaign.yaml").read_text()
    ready.write("campaign.yaml", text.replace('caller_id: "+16175550100"\n', ""))
    die(ready, sandbox, 2)
    ready.run("pause", "five-zones")
    again = apply(ready, "--yes", "--until-idle")
    assert RESUMED in again.stdout
    assert "warning[no_caller_id]" in again.stdout
    assert "warning[paused]" in again.stdout


def test_a_pause_that_was_lifted_is_no_change(died):
    died.run("pause", "five-zones")
    died.run("resume", "five-zones")
    assert RESUMED in apply(died).stdout


# Everything else is planned anew.


def edit(person, name, old, new):
    text = (person.folder / name).read_text()
    assert old in text
    person.write(name, text.replace(old, new))


def resolve(person):
    person.run("resolve", "campaign.yaml", "--all", "--as", "abandoned")


CHANGES = {
    "a contact": lambda person: edit(person, "contacts.csv", "Ann29", "Ann-29"),
    "a byte that means nothing": lambda person: edit(person, "contacts.csv", "EN\nc-0002", "EN\n\nc-0002"),
    "the list": lambda person: person.write("do-not-call.csv", "id\nc-0000\nc-0029\n"),
    "the campaign": lambda person: edit(person, "campaign.yaml", "title", "upper"),
    "the request rate": lambda person: person.environment.update(RUNNER_REQUESTS_PER_SECOND="11"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_after_a_change_everything_is_planned_anew(died, sandbox, what):
    CHANGES[what](died)
    again = apply(died)
    assert again.returncode in {0, 6}, again.stderr
    assert RESUMED not in again.stdout
    assert "planning in full: the campaign, its contacts or lists" in again.stderr
    assert "plan sha256:" in again.stdout
    numbers = [call["phone_number"] for call in sandbox.calls()]
    assert len(set(numbers)) == len(numbers)
    if what == "the list":
        assert "c-0029" not in called(sandbox)
    after = apply(died)
    assert "Nothing to do" in after.stdout


def test_a_limit_is_planned_anew_and_so_is_what_comes_after_it(died):
    limited = apply(died, "--yes", "--limit", "2")
    assert RESUMED not in limited.stdout
    assert "beyond --limit" in limited.stdout
    assert RESUMED not in apply(died).stdout


def test_after_a_call_was_skipped_everything_is_planned_anew(ready, sandbox):
    """The list named somebody for a while: whoever is withdrawn for it is planned again."""
    process = ready.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    ready.write("do-not-call.csv", "id\nc-0000\nc-0029\n")
    wait_until(lambda: ready.status("five-zones")["states"]["skipped"] == 1, "a withdrawn call")
    end(process, signal.SIGKILL)
    ready.write("do-not-call.csv", "id\nc-0000\n")
    again = apply(ready)
    assert RESUMED not in again.stdout
    assert "c-0029" in called(sandbox)


def test_after_an_operators_word_everything_is_planned_anew(ready, sandbox):
    sandbox.set_faults("reset-after*1")
    die(ready, sandbox, 3)
    settled = ready.run("resolve", "campaign.yaml", "--all", "--as", "abandoned")
    assert settled.returncode == 0, settled.stderr
    planned = die(ready, sandbox, 6)
    assert RESUMED not in planned
    again = apply(ready)
    # What the second death left without an answer is no reason to plan anew.
    assert RESUMED in again.stdout
    assert "planning in full" not in again.stderr


def test_what_is_never_resumed(died):
    assert RESUMED not in apply(died, "--sandbox", "--yes").stdout
    assert RESUMED not in apply(died, "--dry-run").stdout
    assert RESUMED not in died.run("plan", "campaign.yaml", "-o", "plan.json").stdout
    assert RESUMED not in died.run("apply", "plan.json", "--yes").stdout


def test_somebody_who_opts_out_while_a_resumed_run_works_is_not_called(died, sandbox):
    last = f"c-{PEOPLE - 1:04}"
    before = len(sandbox.calls())
    process = died.start("apply", "campaign.yaml", "--yes")
    wait_until(lambda: len(sandbox.calls()) > before, "one more call")
    assert last not in called(sandbox)
    died.write("do-not-call.csv", f"id\nc-0000\n{last}\n")
    out, err = process.communicate(timeout=60)
    assert RESUMED in out
    assert last not in called(sandbox)
    assert "1 call withdrawn" in err


def test_late_calls_get_new_starts_at_the_pace_and_inside_the_windows(ready, sandbox, tmp_path):
    ledger = keep_ledger_at(ready, tmp_path / "ledger.sqlite3")
    edit(ready, "campaign.yaml", AHEAD, "{queue_ahead: 720h, calls_per_minute: 2}")
    die(ready, sandbox, 3)
    before = len(sandbox.calls())
    with closing(sqlite3.connect(ledger)) as database, database:
        long_ago = time.time() - 7200
        database.execute(
            "UPDATE calls SET queue_at = ?, start_timestamp = ? WHERE state = 'planned'", (long_ago, long_ago)
        )
    again = apply(ready)
    assert RESUMED in again.stdout
    assert re.search(r"Of these, \d\d should have started already", again.stdout)
    assert re.search(r"\d\d late calls moved to later slots", again.stderr)
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


def keep_ledger_at(person, path):
    person.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{path}"
    return path


def test_where_no_last_day_is_named_everything_is_planned_anew_from_midnight_on(ready, sandbox, tmp_path):
    ledger = keep_ledger_at(ready, tmp_path / "ledger.sqlite3")
    text = campaign_yaml(pacing=AHEAD, windows='{weekly: {daily: "00:00-24:00"}}')
    ready.write("campaign.yaml", text)
    die(ready, sandbox, 3)
    with closing(sqlite3.connect(ledger)) as database, database:
        ((basis, until),) = database.execute("SELECT basis, basis_until FROM runs").fetchall()
        assert basis
        clocks = {datetime.fromtimestamp(until, ZoneInfo(zone)).time() for zone in PLACES.values()}
        assert dt.time(0) in clocks
        # As if that midnight had passed.
        database.execute("UPDATE runs SET basis_until = ?", (time.time() - 1,))
    assert RESUMED not in apply(ready).stdout


def test_whom_the_pace_left_out_is_looked_at_anew(ready, sandbox, tmp_path):
    ledger = keep_ledger_at(ready, tmp_path / "ledger.sqlite3")
    windows = f'{{dates: {future_dates(0)}, weekly: {{daily: "9:15-9:28"}}}}'
    pacing = "{queue_ahead: 720h, calls_per_minute: 1}"
    ready.write("campaign.yaml", campaign_yaml(pacing=pacing, windows=windows))
    assert "no free start" in die(ready, sandbox, 2)
    with closing(sqlite3.connect(ledger)) as database:
        assert database.execute("SELECT DISTINCT basis FROM runs").fetchall() == [("",)]
    assert RESUMED not in apply(ready).stdout


def test_on_postgresql_too_and_beside_a_run_that_only_seems_to_live(ready, sandbox, postgres_url):
    ready.environment["RUNNER_LEDGER_URL"] = postgres_url
    die(ready, sandbox, 3)
    again = apply(ready)
    assert again.returncode in {0, 6}, again.stderr
    assert RESUMED in again.stdout
    assert len(set(called(sandbox))) == len(called(sandbox))
    states = ready.status("five-zones")["states"]
    assert (states["planned"], states["sending"]) == (0, 0)
    assert states["queued"] + states["uncertain"] == PEOPLE - 1


def test_two_that_are_started_again_at_once_share_what_is_left(ready, sandbox, postgres_url):
    ready.environment["RUNNER_LEDGER_URL"] = postgres_url
    die(ready, sandbox, 3)
    both = [ready.start("apply", "campaign.yaml", "--yes") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode in {0, 6}, err
    assert len(set(called(sandbox))) == len(called(sandbox))
    assert ready.status("five-zones")["states"]["planned"] == 0
