"""The promise: nobody's waiting call goes to another survey, or is withdrawn by another team, unseen."""

import json
import subprocess

import pytest
from shell import Person

from campaigns import campaign_yaml, contacts_csv


@pytest.fixture
def team(customer):
    """A repository whose campaign has ten calls waiting in the ledger."""
    repository(customer, contacts_csv(10))
    result = customer.run("apply", "campaigns/five.yaml", "--yes", "--until-idle")
    assert result.returncode == 0, result.stderr
    assert customer.status("five-zones")["states"]["planned"] == 10
    return customer


def repository(person, contacts):
    person.write("campaigns/five.yaml", campaign_yaml())
    person.write("campaigns/contacts.csv", contacts)
    for command in ("init", "add --all", "commit -m Begin"):
        git(person, command)


def git(person, command):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *who, *command.split()], cwd=person.folder, check=True, capture_output=True)


def beside(person, name):
    """The same user in another folder: the same ledger and account."""
    folder = person.home / name
    folder.mkdir()
    return Person(person.home, folder, person.environment)


def plan(person, output="text"):
    result = person.run("plan", "campaigns/five.yaml", "--output", output)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    ("field", "written", "instead"),
    [("survey_id", '"48211"', '"48212"'), ("instance_id", 'instance_id: "3"', 'instance_id: "4"')],
)
def test_another_survey_is_a_change_of_each_waiting_call_at_the_top_of_every_form(
    team, field, written, instead
):
    team.write("campaigns/five.yaml", campaign_yaml().replace(written, instead))
    headline, warning, *rest = plan(team).splitlines()
    assert headline == "Plan: 10 to call, 10 changed"
    assert "planned for survey 48211, instance 3: apply sends all of them to survey 4821" in warning
    assert any("10 changed" in line and f"{field} changed" in line for line in rest)
    content = json.loads(plan(team, "json"))
    assert content["diagnostics"][0]["code"] == "survey_changed"
    assert {(call["change"], *call["changed"]) for call in content["calls"]} == {("changed", field)}
    assert "planned for survey 48211, instance 3" in plan(team, "markdown").split("#### ")[0]
    page = plan(team, "html")
    assert "Warning: the waiting calls were planned for survey" in page.split("<h2")[0]
    assert plan(team, "github").startswith("::warning file=campaigns/five.yaml,line=3")


def test_another_survey_is_shown_before_apply_and_not_again_afterwards(team, sandbox):
    team.write("campaigns/five.yaml", campaign_yaml(pacing="{queue_ahead: 720h}").replace("48211", "48212"))
    result = team.run("apply", "campaigns/five.yaml", "--yes")
    assert result.returncode == 0, result.stderr
    assert "apply sends all of them to survey 48212" in result.stdout
    assert {call["survey_id"] for call in sandbox.calls()} == {"48212"}
    assert "planned for survey" not in plan(team)


def test_another_repository_with_the_same_name_is_warned_of_in_plan_and_apply(team):
    other = beside(team, "other")
    repository(other, contacts_csv(20).replace("c-", "d-"))
    lines = plan(other).splitlines()
    assert "10 withdrawn" in lines[0]
    assert "this ledger holds calls of five-zones from another repository" in lines[1]
    assert json.loads(plan(other, "json"))["diagnostics"][0]["code"] == "other_repository"
    # All its calls are withdrawn, which a guard stops.
    apply = ("apply", "campaigns/five.yaml", "--yes", "--until-idle")
    assert other.run(*apply).returncode == 7
    applied = other.run(*apply, "--allow", "withdraw").stdout
    assert "this ledger holds calls of five-zones from another repository" in applied
    assert "another repository" in plan(team)
    assert "another repository" not in plan(other)


def test_a_clone_on_another_machine_is_the_same_repository(team):
    clone = beside(team, "clone")
    git(clone, f"clone {team.folder} .")
    assert "another repository" not in plan(clone)


def test_a_copied_file_that_kept_its_name_is_warned_of(team):
    team.write("campaigns/six.yaml", (team.folder / "campaigns/five.yaml").read_text())
    result = team.run("plan", "campaigns/six.yaml")
    assert "from another repository or file" in result.stdout


def test_the_ledger_holds_no_folder_of_this_machine(team):
    ledger = next(team.home.rglob("ledger.sqlite3"))
    assert str(team.folder).encode() not in ledger.read_bytes()
