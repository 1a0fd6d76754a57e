"""The promise: the small workflow for GitHub checks campaigns, comments their plans, and needs no secrets."""

from pathlib import Path

import pytest
from github_actions import GitHub, machine_environment, read_workflow

from campaigns import campaign_yaml, contacts_csv

COPIED = Path(__file__).parents[2] / "examples" / "github-checks" / ".github"
WORKFLOW = read_workflow(COPIED / "workflows" / "campaigns.yml")


def without_installing(workflow):
    """The machine of the test has runner already."""
    steps = workflow["jobs"]["check"]["steps"]
    workflow["jobs"]["check"]["steps"] = [
        step for step in steps if not step.get("run", "").startswith("pip install")
    ]
    return workflow


@pytest.fixture
def github(tmp_path):
    context = {"github.event.pull_request.base.sha": "origin/main"}
    made = GitHub(tmp_path, without_installing(WORKFLOW), context, machine_environment())
    made.commit({"README.md": "Our campaigns\n"}, "Start")
    made.git("switch", "--quiet", "--create", "spring")
    return made


def test_a_changed_campaign_is_planned_in_a_comment_without_numbers(github):
    github.commit({"campaigns/spring.yaml": campaign_yaml(), "campaigns/contacts.csv": contacts_csv(5)})
    result = github.pull_request("spring", "check")
    assert result.status == 0, result.log
    (comment,) = github.comments()
    assert "5 to call" in comment["body"]
    assert "5 to call" in result.summary
    assert "+1617" not in comment["body"]


def test_an_invalid_campaign_fails_the_check_and_is_not_planned(github):
    broken = campaign_yaml().replace("survey_id:", "survey:")
    github.commit({"campaigns/spring.yaml": broken, "campaigns/contacts.csv": contacts_csv(5)})
    result = github.pull_request("spring", "check")
    assert result.status == 3
    assert "::error file=campaigns/spring.yaml" in result.log
    assert github.comments() == []
