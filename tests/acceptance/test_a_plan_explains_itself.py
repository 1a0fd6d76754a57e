"""The promise: it can always be asked why a contact is called, when, or why not."""

import json
import stat

import pytest

from campaigns import AHEAD, campaign_yaml, contacts_csv


@pytest.fixture
def ready(customer):
    customer.write("campaign.yaml", campaign_yaml(pacing=AHEAD))
    customer.write("contacts.csv", contacts_csv(10) + "c-0003,Twice,+12125559999,EN\nc-bad,Bad,nonsense,EN\n")
    return customer


def explain(person, contact, *more):
    return person.run("plan", "campaign.yaml", "--explain", contact, *more)


def test_a_contact_is_found_by_key_ref_number_and_row(ready):
    plan = json.loads(ready.run("plan", "campaign.yaml", "--output", "json").stdout)
    ref = next(call["ref"] for call in plan["calls"] if call["contact"] == "c-0001")
    same = ("--as-of", plan["as_of"])
    names = ("c-0001", ref, "(312) 555-2001", "contacts.csv:3")
    (answer,) = {explain(ready, name, *same).stdout for name in names}
    assert f"c-0001 (ref {ref}): to be called" in answer
    assert "America/Chicago" in answer


def test_every_row_of_a_contact_is_explained(ready):
    answer = explain(ready, "c-0003").stdout
    assert "c-0003" in answer
    assert "to be called" in answer
    assert "not called, duplicate_key: the same contact as contacts.csv:5" in answer
    assert "What would make it callable: " in answer


def test_the_error_for_an_unknown_contact_says_how_to_name_one(ready):
    result = explain(ready, "somebody")
    assert result.returncode == 1
    assert "its row, such as visits.csv:17 or visits.xlsx/Visits:17" in result.stderr


def test_a_queued_call_is_explained_by_the_ledger(ready, sandbox):
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 0
    assert "not called, already_queued: a call to this contact is queued" in explain(ready, "c-0001").stdout
    assert len(sandbox.calls()) == 10


def test_changes_since_the_last_apply_are_shown_first(ready, sandbox):
    ready.environment["RUNNER_REQUESTS_PER_SECOND"] = "1"
    text = contacts_csv(10)
    ready.write("contacts.csv", text)
    assert ready.run("apply", "campaign.yaml", "--yes", "--limit", "2").returncode == 0
    sandbox.set_faults("401")
    # The plan is entered, and then nothing can be sent.
    assert ready.run("apply", "campaign.yaml", "--yes").returncode == 1
    changed = text.replace("Ann5", "Bea5").replace("c-0007", "c-0077")
    ready.write("contacts.csv", changed)
    result = ready.run("plan", "campaign.yaml", "--detailed-exitcode")
    assert result.returncode == 2
    assert result.stdout.startswith("Plan: 8 to call, 1 changed, 1 withdrawn, 2 already queued\n")
    assert "changed    metadata[first_name] changed" in result.stdout
    assert "withdrawn  no source has this contact any more" in result.stdout
    assert "unchanged  it keeps its slot" in result.stdout


def test_with_people_in_it_a_file_is_for_its_owner_alone(ready):
    shown = ready.folder / "plan.txt"
    shown.touch(mode=0o644)
    for more, mode in (((), 0o644), (("--show-contacts",), 0o600)):
        result = ready.run("plan", "campaign.yaml", *more, stdout=shown)
        assert result.returncode == 0
        assert stat.S_IMODE(shown.stat().st_mode) == mode
    assert "mode 0600" in result.stderr
    assert "2125552000" in shown.read_text()


@pytest.mark.parametrize("arguments", [(), ("--explain", "c-0001")])
def test_a_plan_is_read_on_a_terminal_of_80_columns(ready, arguments):
    status, shown = ready.at_a_terminal("plan", "campaign.yaml", *arguments)
    assert status == 0
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "c-0001" in shown
