"""`runner approve`: what it shows, when it refuses, and what the history keeps."""

import pytest
from shell import Person

from campaigns import campaign_yaml, contacts_csv


@pytest.fixture
def planner(customer) -> Person:
    customer.write("campaign.yaml", campaign_yaml())
    customer.write("contacts.csv", contacts_csv(6))
    return customer


def test_an_approval_shows_what_changes_and_is_in_the_history(planner):
    refused = planner.run("approve", "campaign.yaml")
    assert (refused.returncode, "add --yes" in refused.stderr) == (64, True)

    approved = planner.run("approve", "campaign.yaml", "--yes")
    assert approved.returncode == 0, approved.stderr
    assert "6 to call" in approved.stdout
    content = approved.stdout.rpartition("(content ")[2].partition(")")[0]
    assert planner.run("apply", "campaign.yaml", "--yes", "--until-idle").returncode == 0
    assert f"approve: content {content}" in planner.run("history", "five-zones").stdout.replace("  ", " ")


def test_a_person_at_a_terminal_is_asked(planner):
    status, shown = planner.at_a_terminal("approve", "campaign.yaml", typing="no\n")
    assert (status, "Type approve to continue" in shown, "is approved" in shown) == (1, True, False)


def test_a_reviewed_plan_is_approved_only_while_it_holds(planner):
    assert planner.run("plan", "campaign.yaml", "-o", "plan.json").returncode == 0
    assert planner.run("approve", "campaign.yaml", "--plan", "plan.json", "--yes").returncode == 0
    planner.write("contacts.csv", contacts_csv(7))
    stale = planner.run("approve", "campaign.yaml", "--plan", "plan.json", "--yes")
    assert (stale.returncode, "no longer holds" in stale.stderr) == (4, True)
    planner.write("other.yaml", campaign_yaml(name="other"))
    other = planner.run("approve", "other.yaml", "--plan", "plan.json", "--yes")
    assert (other.returncode, "is the plan of campaign.yaml" in other.stderr) == (64, True)
