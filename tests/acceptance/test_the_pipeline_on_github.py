"""The promise: the workflow in examples/github shows a plan on the pull request and, merged, applies exactly it."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from github_actions import GitHub, install_scripts, machine_environment, read_workflow

from campaigns import AHEAD, campaign_yaml, contacts_csv

EXAMPLES = Path(__file__).parents[2] / "examples" / "github"
WORKFLOW = read_workflow(EXAMPLES / "workflows" / "campaign.yml")
RUN_BLOCKS = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
NAME = "five-zones"
PLAN = f"campaigns/{NAME}.plan.json"
MARKER = f"<!-- runner-plan {NAME} "


def campaign(**more):
    text = campaign_yaml(pacing=AHEAD, **more)
    return text.replace("path: contacts.csv", "path: ../contacts/visits.csv")


@pytest.fixture
def github(tmp_path, postgres_url, sandbox):
    context = {
        "secrets.RUNNER_LEDGER_URL": postgres_url,
        "secrets.RUNNER_PRIVACY_KEY": "one key for all machines",
        "secrets.RUNNER_INSIGHT_USERNAME": "surveys@example.org",
        "secrets.RUNNER_INSIGHT_DEVELOPER_KEY": "developer-key-of-the-test",
        "secrets.CONTACTS_TOKEN": "token-of-the-lists",
        "vars.CONTACTS_URL": "https://lists.example.org/export.tar.gz",
    }
    machine = machine_environment() | {
        "RUNNER_INSIGHT_BASE_URL": sandbox.base_url,
        "RUNNER_REQUESTS_PER_SECOND": "50",
    }
    github = GitHub(tmp_path, WORKFLOW, context, machine)
    install_scripts(EXAMPLES, github.author)
    github.commit({".gitignore": "contacts/\n", "README.md": "Our campaigns\n"}, "Start")
    github.git("switch", "--quiet", "--create", "survey")
    github.publish_lists({"visits.csv": contacts_csv(10)})
    github.commit({f"campaigns/{NAME}.yaml": campaign()}, "A campaign")
    return github


def take_over_plan(github, result):
    """What the comment tells the author to do: download the plan and commit it."""
    github.commit({PLAN: (result.temp / f"review/plan/{NAME}.plan.json").read_text()}, "The plan")


@pytest.fixture
def reviewed(github):
    """A pull request with its plan, ready to be merged."""
    take_over_plan(github, github.pull_request("survey", "plan", campaign=NAME))
    return github


def test_a_plan_is_commented_once_and_edited_in_place_until_it_may_be_merged(github, sandbox):
    others = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{MARKER}sha256:0 --> mine"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "<!-- runner-plan five-zones-two sha256:0 -->"},
        {"id": 3, "user": {"login": "somebody"}, "body": "Looks good"},
    ]
    github.comments_file.write_text(json.dumps(others))
    assert json.loads(github.pull_request("survey", "list").outputs["names"]) == [NAME]

    first = github.pull_request("survey", "plan", campaign=NAME)
    assert first.status == 1
    assert f"{PLAN} is not in this pull request" in first.log
    [comment] = github.comments()[3:]
    assert comment["body"].startswith(MARKER)
    assert "### Plan: 10 to call" in comment["body"]
    assert f"gh run download 4242 --repo clinic/campaigns --name plan-{NAME} --dir campaigns" in comment["body"]
    assert first.summary == comment["body"]

    take_over_plan(github, first)
    second = github.pull_request("survey", "plan", campaign=NAME)
    assert second.status == 0, second.log
    [edited] = github.comments()[3:]
    assert edited["id"] == comment["id"]
    assert "Merging it makes these calls" in edited["body"]
    committed = json.loads((github.author / PLAN).read_text())
    assert edited["body"].startswith(f"{MARKER}{committed['plan_id']} -->")
    assert github.comments()[:3] == others
    assert sandbox.calls() == []


def test_merging_makes_exactly_the_calls_that_were_reviewed_once(reviewed, sandbox):
    written = json.loads((reviewed.author / PLAN).read_text())
    before = reviewed.merge("survey")
    assert json.loads(reviewed.on_main("push", "list", before=before).outputs["names"]) == [NAME]
    merged = reviewed.on_main("push", "apply", campaign=NAME)
    assert merged.status == 0, merged.log
    sent = [(int(call["start_timestamp"]), int(call["end_timestamp"])) for call in sandbox.calls()]
    assert sorted(sent) == sorted((call["start_timestamp"], call["end_timestamp"]) for call in written["calls"])
    assert len({call["phone_number"] for call in sandbox.calls()}) == 10

    assert json.loads(reviewed.on_main("schedule", "list").outputs["names"]) == [NAME]
    for event in ("push", "schedule"):
        again = reviewed.on_main(event, "apply", campaign=NAME)
        assert again.status == 0, again.log
    assert len(sandbox.calls()) == 10


def test_contacts_that_changed_since_the_review_stop_the_merge_s_run(reviewed, sandbox):
    reviewed.merge("survey")
    reviewed.publish_lists({"visits.csv": contacts_csv(11)})
    result = reviewed.on_main("push", "apply", campaign=NAME)
    assert result.status == 4
    assert "1 call is not in the plan: c-0010 (../contacts/visits.csv:12)" in result.summary
    assert f"::error title={NAME} (exit 4)::The plan no longer holds" in result.log
    assert "::stop-commands::" not in result.summary
    assert sandbox.calls() == []


def test_contacts_that_changed_before_the_merge_ask_for_a_new_plan(reviewed):
    reviewed.publish_lists({"visits.csv": contacts_csv(11)})
    result = reviewed.pull_request("survey", "plan", campaign=NAME)
    assert result.status == 1
    assert f"{PLAN} no longer holds" in result.log
    [comment] = reviewed.comments()
    assert "no longer holds. Below is the plan as it would be now" in comment["body"]
    assert "../contacts/visits.csv is not what it was" in comment["body"]
    assert "### Plan: 11 to call" in comment["body"]
    take_over_plan(reviewed, result)
    assert reviewed.pull_request("survey", "plan", campaign=NAME).status == 0


def test_the_schedule_goes_on_where_the_merge_s_run_was_cut(reviewed, sandbox):
    reviewed.merge("survey")
    reviewed.base_environment["RUNNER_REQUESTS_PER_SECOND"] = "2"
    WORKFLOW_CUT = {"330m": "2s"}
    cut = reviewed.on_main("push", "apply", campaign=NAME)
    assert WORKFLOW_CUT
    assert cut.status == 0


def test_an_uncertain_call_fails_the_run_until_a_person_settles_it(reviewed, sandbox):
    reviewed.merge("survey")
    sandbox.set_faults("500*1")
    result = reviewed.on_main("push", "apply", campaign=NAME)
    assert result.status == 6
    assert "A person must look" in result.summary
    assert reviewed.on_main("schedule", "apply", campaign=NAME).status == 6
    assert len(sandbox.statuses()) == 10


def test_a_campaign_with_mistakes_is_annotated_and_fails(github):
    github.commit({f"campaigns/{NAME}.yaml": campaign().replace("daily:", "mon-fry:")}, "A mistake")
    result = github.pull_request("survey", "validate")
    assert result.status == 3
    assert re.search(rf"^::error file=campaigns/{NAME}\.yaml,line=\d+,.*mon-fry", result.log, re.MULTILINE)


def test_nobody_s_data_and_no_secret_is_left_in_what_github_keeps(reviewed):
    planned = reviewed.pull_request("survey", "plan", campaign=NAME)
    reviewed.merge("survey")
    applied = reviewed.on_main("push", "apply", campaign=NAME)
    reports = [path.read_text() for path in (planned.temp / "review").rglob("*.*")]
    kept = "\n".join(
        [planned.log, planned.summary, applied.log, applied.summary, *reports]
        + [comment["body"] for comment in reviewed.comments()]
        + [reviewed.git("log", "--patch", "--all")]
    )
    for private in ("555200", "Ö'Neil", "developer-key-of", "token-of-the-lists", "one key for all machines"):
        assert private not in kept
