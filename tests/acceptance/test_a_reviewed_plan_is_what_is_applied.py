"""The promise: `apply plan.json` carries out the calls that were reviewed, once, or refuses and says why."""

import json

import pytest
from shell import end, wait_until

from campaigns import AHEAD, campaign_yaml, contacts_csv
from runner.reports.plan_json import checksum_of
from runner.reports.saved_plan_json import read_saved_plan


@pytest.fixture
def ready(customer):
    customer.write("campaigns/five.yaml", campaign_yaml(pacing=AHEAD))
    customer.write("campaigns/contacts.csv", contacts_csv(10))
    return customer


def plan(person, *more):
    result = person.run("plan", "campaigns/five.yaml", "-o", "plan.json", *more)
    assert result.returncode == 0, result.stderr
    return result


def apply(person, *more):
    return person.run("apply", "plan.json", "--yes", *more)


def test_it_carries_out_the_calls_that_were_shown(ready, sandbox):
    plan(ready)
    shown = json.loads(ready.run("plan", "campaigns/five.yaml", "--output", "json", "--show-contacts").stdout)
    result = apply(ready)
    assert result.returncode == 0, result.stderr
    sent = [
        (call["phone_number"], int(call["start_timestamp"]), int(call["end_timestamp"]))
        for call in sandbox.calls()
    ]
    assert sorted(sent) == sorted(
        (call["phone_number"], call["start_timestamp"], call["end_timestamp"]) for call in shown["calls"]
    )


def test_applying_it_again_calls_nobody_again(ready, sandbox):
    plan(ready)
    assert apply(ready).returncode == 0
    again = apply(ready)
    assert again.returncode == 0
    assert "plan.json was applied" in again.stderr
    assert len(sandbox.calls()) == 10


def test_a_new_contact_makes_it_stale_and_nothing_is_queued(ready, sandbox):
    plan(ready)
    ready.write("campaigns/contacts.csv", contacts_csv(11))
    for more in ((), ("--dry-run",)):
        result = apply(ready, *more)
        assert result.returncode == 4
        assert "1 call is not in the plan: c-0010 (contacts.csv:12)" in result.stderr
        assert "contacts.csv changed" in result.stderr
        assert "runner plan campaigns/five.yaml -o plan.json" in result.stderr
    assert sandbox.calls() == []


def test_who_opted_out_after_the_review_is_left_out(ready, sandbox):
    lists = "  suppress: [{type: csv, path: stop.csv, key: '{{ row.id }}'}]\n"
    text = campaign_yaml(pacing=AHEAD).replace("calling_windows:", f"{lists}calling_windows:")
    ready.write("campaigns/five.yaml", text)
    ready.write("campaigns/stop.csv", "id\nc-9999\n")
    plan(ready)
    ready.write("campaigns/stop.csv", "id\nc-9999\nc-0003\n")
    result = apply(ready)
    assert result.returncode == 0
    assert "1 call is excluded, as suppressed: c-0003 (contacts.csv:5)" in result.stderr
    assert len(sandbox.calls()) == 9


def test_a_plan_of_another_ledger_is_refused(ready, sandbox):
    plan(ready)
    ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/another.sqlite3"
    result = apply(ready)
    assert result.returncode == 4
    assert "another privacy key" in result.stderr
    assert sandbox.calls() == []


def test_with_a_common_privacy_key_it_may_be_made_without_the_ledger_but_not_without_its_history(
    ready, sandbox
):
    ready.environment["RUNNER_PRIVACY_KEY"] = "one key for both machines"
    assert ready.run("apply", "campaigns/five.yaml", "--yes", "--limit", "4").returncode == 0
    plan(ready)
    ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/empty.sqlite3"
    result = apply(ready)
    assert result.returncode == 4
    assert "a ledger that knows this campaign; this ledger does not" in result.stderr
    plan(ready)
    del ready.environment["RUNNER_LEDGER_URL"]
    result = apply(ready)
    assert result.returncode == 0, result.stderr
    assert "4 calls are excluded, as already_queued" in result.stderr
    assert len(sandbox.calls()) == 10
    assert len({call["phone_number"] for call in sandbox.calls()}) == 10


def test_after_a_kill_it_goes_on_with_its_own_calls(ready, sandbox):
    ready.environment["RUNNER_REQUESTS_PER_SECOND"] = "5"
    plan(ready)
    process = ready.start("apply", "plan.json", "--yes")
    wait_until(lambda: len(sandbox.calls()) >= 2, "two calls")
    end(process)
    result = apply(ready)
    assert "plan.json was applied" in result.stderr
    calls = [call["phone_number"] for call in sandbox.calls()]
    assert len(calls) == len(set(calls))
    states = ready.status("five-zones")["states"]
    assert states["queued"] + states["uncertain"] == 10
    assert result.returncode == (6 if states["uncertain"] else 0)


def test_its_own_limit_holds_and_no_other(ready, sandbox):
    plan(ready, "--limit", "3")
    assert apply(ready, "--limit", "2").returncode == 64
    assert apply(ready).returncode == 0
    assert len(sandbox.calls()) == 3


def test_a_rehearsal_takes_the_campaign_file(ready):
    plan(ready)
    result = apply(ready, "--sandbox")
    assert result.returncode == 64
    assert "runner apply campaigns/five.yaml --sandbox" in result.stderr


@pytest.mark.parametrize("elsewhere", ["/etc/passwd.yaml", "../other.yaml", "campaigns/contacts.csv"])
def test_a_plan_cannot_name_a_file_elsewhere(ready, elsewhere):
    plan(ready)
    saved = ready.folder / "plan.json"
    saved.write_text(saved.read_text().replace('"campaigns/five.yaml"', json.dumps(elsewhere)))
    result = apply(ready)
    assert result.returncode == 64
    assert "in or below the current folder" in result.stderr


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"planned": 10', '"planned": 1'),
        ("America/Chicago", "America/New_York"),
        ('"change": "new"', '"change": "moved"'),
    ],
)
def test_a_plan_that_somebody_edited_is_refused(ready, sandbox, written, instead):
    """Else a review could be shown another plan than the one that its hashes stand for."""
    plan(ready)
    saved = ready.folder / "plan.json"
    text = saved.read_text()
    assert written in text
    saved.write_text(text.replace(written, instead, 1))
    result = apply(ready)
    assert result.returncode == 4
    assert "plan.json was changed since it was made" in result.stderr
    assert sandbox.calls() == []


EDITS = [
    ('"planned": 10', '"planned": 1'),
    ('"contact": "c-0003"', '"contact": "c-0004"'),
    ('"key": "', '"key": "00'),
]


@pytest.mark.parametrize(("written", "instead"), EDITS, ids=["count", "contact", "privacy key"])
@pytest.mark.parametrize("has_key", [True, False], ids=["with the ledger", "without the ledger"])
def test_an_edited_plan_is_not_shown(ready, written, instead, has_key):
    plan(ready)
    saved = ready.folder / "plan.json"
    saved.write_text(saved.read_text().replace(written, instead, 1))
    if not has_key:
        ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/none.sqlite3"
    result = ready.run("show", "plan.json", "--output", "markdown")
    assert result.returncode == 4
    assert result.stdout == ""
    assert "plan.json was changed since it was made" in result.stderr
    assert not (ready.home / "none.sqlite3").exists()


def test_an_edit_that_corrects_the_checksum_is_noticed_where_the_key_is(ready):
    plan(ready)
    path = ready.folder / "plan.json"
    path.write_text(path.read_text().replace('"planned": 10', '"planned": 1'))
    saved = read_saved_plan(path.read_text())
    path.write_text(
        path.read_text().replace(saved.signature.partition(".")[0], checksum_of(saved.view, saved.inputs))
    )
    assert ready.run("show", "plan.json").returncode == 4
    ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/none.sqlite3"
    result = ready.run("show", "plan.json")
    assert result.returncode == 0
    assert "that also corrected the checksum is only noticed by `runner apply`" in result.stderr


def test_it_is_never_written_over_the_campaign(ready):
    before = (ready.folder / "campaigns/five.yaml").read_text()
    result = ready.run("plan", "campaigns/five.yaml", "-o", "campaigns/five.yaml")
    assert result.returncode == 64
    assert (ready.folder / "campaigns/five.yaml").read_text() == before


def test_it_is_shown_without_campaign_contacts_or_ledger(ready):
    # Without a warning: what stands around a warning's place in the file is not saved.
    ready.write("campaigns/five.yaml", campaign_yaml())
    shown = plan(ready).stdout
    for name in ("five.yaml", "contacts.csv"):
        (ready.folder / "campaigns" / name).unlink()
    ready.environment["RUNNER_LEDGER_URL"] = "sqlite:////nowhere/at/all.sqlite3"
    assert ready.run("show", "plan.json").stdout == shown
    assert json.loads(ready.run("show", "plan.json", "--output", "json").stdout)["campaign"] == "five-zones"


def test_a_plan_that_went_into_one_ledger_goes_into_no_other(ready, sandbox):
    ready.environment["RUNNER_PRIVACY_KEY"] = "one key for both machines"
    plan(ready)
    for ledger, status in (("one", 0), ("two", 4), ("one", 0)):
        ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/{ledger}.sqlite3"
        result = apply(ready)
        assert result.returncode == status, result.stderr
    assert len(sandbox.calls()) == 10


def test_a_plan_is_not_used_up_where_insight_cannot_be_reached(ready, sandbox):
    ready.environment["RUNNER_PRIVACY_KEY"] = "one key for both machines"
    plan(ready)
    reachable = ready.environment["RUNNER_INSIGHT_BASE_URL"]
    for ledger, address, status in (
        ("one", "http://127.0.0.1:9/api", 1),
        ("two", reachable, 0),
        ("one", reachable, 4),
    ):
        ready.environment["RUNNER_LEDGER_URL"] = f"sqlite:///{ready.home}/{ledger}.sqlite3"
        ready.environment["RUNNER_INSIGHT_BASE_URL"] = address
        result = apply(ready)
        assert result.returncode == status, result.stderr
    assert len(sandbox.calls()) == 10
    assert apply(ready, "--dry-run").returncode == 4


def test_it_says_to_go_on_with_the_plan_and_not_with_the_campaign(ready):
    ready.write("campaigns/five.yaml", campaign_yaml())
    plan(ready)
    assert "To continue: runner apply plan.json" in apply(ready, "--until-idle").stdout


def test_away_from_its_folder_the_error_says_so(ready):
    plan(ready)
    (ready.folder / "plan.json").rename(ready.folder / "campaigns/plan.json")
    ready.folder = ready.folder / "campaigns"
    result = apply(ready)
    assert result.returncode == 1
    assert "in the folder in which the plan was made" in result.stderr
