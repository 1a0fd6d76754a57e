"""The promise: GitHub's workflow shows a plan on the pull request, and applies exactly it when merged."""

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from github_actions import GitHub, machine_environment, read_workflow
from shell import RUNNER
from sqlalchemy import make_url

from campaigns import AHEAD, campaign_yaml, contacts_csv

ROOT = Path(__file__).parents[2]
COPIED = ROOT / "examples" / "github" / ".github"
"""What users copy to the top of their repository."""
WORKFLOW = read_workflow(COPIED / "workflows" / "campaigns.yml")
RUN_BLOCKS = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
NAME = "five-zones"
PLAN = f"campaigns/{NAME}.plan.json"
MARKER = f"<!-- runner-plan {NAME} "


def campaign(**more):
    text = campaign_yaml(pacing=AHEAD, **more)
    return text.replace("path: contacts.csv", "path: ../contacts/visits.csv")


@pytest.fixture
def planning_url(postgres_url, person):
    """The ledger's, for a user who may only read it, as the README tells to make one."""
    person.environment["RUNNER_LEDGER_URL"] = postgres_url
    assert person.run("status").returncode == 0
    url = make_url(postgres_url)
    with psycopg.connect(host=url.query["host"], user="postgres", dbname=url.database) as database:
        if not database.execute("SELECT 1 FROM pg_roles WHERE rolname = 'planner'").fetchone():
            database.execute("CREATE ROLE planner LOGIN")
        database.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO planner")
    return url.set(username="planner").render_as_string(hide_password=False)


@pytest.fixture
def github(tmp_path, postgres_url, planning_url, sandbox):
    context = {
        "secrets.RUNNER_LEDGER_URL": postgres_url,
        "secrets.RUNNER_PLANNING_LEDGER_URL": planning_url,
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
    shutil.copytree(COPIED, github.author / ".github")
    github.commit({".gitignore": "contacts/\n", "README.md": "Our campaigns\n"}, "Start")
    github.git("switch", "--quiet", "--create", "survey")
    github.publish_lists({"visits.csv": contacts_csv(10)})
    github.commit({f"campaigns/{NAME}.yaml": campaign()}, "A campaign")
    yield github
    # In whatever a test did, GitHub must not have got hold of people's data or a secret.
    kept = github.kept()
    for private in ("555200", "Neil", "developer-key-of", "token-of-the-lists", "one key for all machines"):
        assert private not in kept


def take_over_plan(github, result):
    """What the comment tells the author to do: download the plan and commit it."""
    github.commit({PLAN: (result.temp / f"review/plan/{NAME}.plan.json").read_text()}, "The plan")


@pytest.fixture
def reviewed(github, person, planning_url):
    """A pull request with its plan, made by a person who may see the lists, and ready to be merged."""
    lists = github.author / "contacts"
    lists.mkdir()
    (lists / "visits.csv").write_text(contacts_csv(10))
    person.folder = github.author
    person.environment |= {
        "RUNNER_LEDGER_URL": planning_url,
        "RUNNER_PRIVACY_KEY": github.context["secrets.RUNNER_PRIVACY_KEY"],
        "RUNNER_REQUESTS_PER_SECOND": github.base_environment["RUNNER_REQUESTS_PER_SECOND"],
    }
    made = person.run("plan", f"campaigns/{NAME}.yaml", "-o", PLAN)
    assert made.returncode == 0, made.stderr
    github.commit({}, "The plan")
    return github


def test_a_plan_is_commented_once_and_edited_in_place_until_it_may_be_merged(github, sandbox):
    others = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{MARKER}sha256:0 --> mine"},
        {
            "id": 2,
            "user": {"login": "github-actions[bot]"},
            "body": "<!-- runner-plan five-zones-two sha256:0 -->",
        },
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
    assert (
        f"gh run download 4242 --repo clinic/campaigns --name plan-{NAME} --dir campaigns" in comment["body"]
    )
    assert first.summary == comment["body"]
    assert "<html" in (first.temp / f"review/report/{NAME}.html").read_text()

    take_over_plan(github, first)
    github.publish_lists({"visits.csv": contacts_csv(11)})
    stale = github.pull_request("survey", "plan", campaign=NAME)
    assert stale.status == 1
    assert f"{PLAN} no longer holds" in stale.log
    [edited] = github.comments()[3:]
    assert edited["id"] == comment["id"]
    assert "Below is the plan as it would be now" in edited["body"]
    assert "../contacts/visits.csv changed" in edited["body"]
    assert "### Plan: 11 to call" in edited["body"]

    take_over_plan(github, stale)
    ready = github.pull_request("survey", "plan", campaign=NAME)
    assert ready.status == 0, ready.log
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
    assert sorted(sent) == sorted(
        (call["start_timestamp"], call["end_timestamp"]) for call in written["calls"]
    )
    assert len({call["phone_number"] for call in sandbox.calls()}) == 10

    nobody = reviewed.pull_request("survey", "plan", campaign=NAME)
    assert nobody.status == 0, nobody.log
    assert "There is nobody to call" in reviewed.comments()[0]["body"]
    assert "Plan: 0 to call, 10 already queued" in reviewed.comments()[0]["body"]
    again = reviewed.on_main("push", "apply", campaign=NAME)
    assert again.status == 0, again.log
    assert f"{PLAN} was applied" in again.summary
    assert len(sandbox.calls()) == 10


def test_contacts_that_changed_since_the_review_stop_the_run_and_it_says_what_moved(reviewed, sandbox):
    reviewed.merge("survey")
    reviewed.publish_lists({"visits.csv": contacts_csv(11)})
    result = reviewed.on_main("push", "apply", campaign=NAME)
    assert result.status == 4
    assert "1 call is not in the plan: c-0010 (../contacts/visits.csv:12)" in result.summary
    assert f"::error title={NAME} (exit 4)::The plan no longer holds" in result.log
    assert "::stop-commands::" not in result.summary
    assert sandbox.calls() == []


def test_the_schedule_goes_on_where_a_run_was_cut_and_an_uncertain_call_asks_for_a_person(reviewed, sandbox):
    reviewed.merge("survey")
    # Later than a slow start of runner, and before the second request is due.
    reviewed.workflow = with_longest("6s")
    reviewed.base_environment["RUNNER_REQUESTS_PER_SECOND"] = "0.1"
    cut = reviewed.on_main("push", "apply", campaign=NAME)
    assert cut.status == 0, cut.log
    assert "The time of this run is up; the next one goes on" in cut.log
    assert len(sandbox.calls()) < 10

    reviewed.workflow = WORKFLOW
    reviewed.base_environment["RUNNER_REQUESTS_PER_SECOND"] = "50"
    sandbox.set_faults("500*1")
    assert json.loads(reviewed.on_main("schedule", "list").outputs["names"]) == [NAME]
    for _ in range(2):
        result = reviewed.on_main("schedule", "apply", campaign=NAME)
        assert result.status == 6, result.log
        assert "A person must look" in result.summary
        assert len(sandbox.statuses()) == 10


def test_a_campaign_with_mistakes_is_annotated_and_fails(github):
    github.commit({f"campaigns/{NAME}.yaml": campaign().replace("daily:", "mon-fry:")}, "A mistake")
    result = github.pull_request("survey", "validate")
    assert result.status == 3
    assert re.search(rf"^::error file=campaigns/{NAME}\.yaml,line=\d+,.*mon-fry", result.log, re.MULTILINE)


@pytest.mark.parametrize(
    ("results", "ready"),
    [
        ("success success success", True),
        ("success success skipped", True),
        ("success failure skipped", False),
        ("failure success skipped", False),
        ("success success failure", False),
        ("success success cancelled", False),
    ],
)
def test_the_one_required_check_sums_up_the_others(results, ready):
    job = WORKFLOW["jobs"]["reviewed"]
    given = dict(zip(job["env"], results.split(), strict=True))
    done = subprocess.run(["bash", "-e", "-c", job["steps"][0]["run"]], env=given, check=False)
    assert (done.returncode == 0) == ready
    assert job["needs"] == [name.lower() for name in job["env"]]


def with_longest(duration):
    workflow = copy.deepcopy(WORKFLOW)
    [step] = [step for step in workflow["jobs"]["apply"]["steps"] if "LONGEST" in step.get("env", {})]
    step["env"]["LONGEST"] = duration
    return workflow


def script(name, *arguments, stdin="", folder=None, environment=None):
    return subprocess.run(
        ["sh", COPIED / "scripts" / name, *arguments],
        input=stdin,
        cwd=folder,
        env=environment or machine_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_where_nobody_is_to_be_called_no_plan_is_asked_for(person):
    nobody = campaign().replace("  region: US\n", "  region: US\n  where: \"{{ row.lang == 'FR' }}\"\n")
    person.write(f"campaigns/{NAME}.yaml", nobody)
    person.write("contacts/visits.csv", contacts_csv(3))
    person.write(".git/HEAD", "the lists lie in a work tree")
    programs = {"PATH": f"{Path(RUNNER).parent}:{person.environment['PATH']}"}
    done = script(
        "review-plan", NAME, "re view", folder=person.folder, environment=person.environment | programs
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "There is nobody to call" in (person.folder / "re view/comment.md").read_text()
    assert script("check-verdict", NAME, "re view", folder=person.folder).returncode == 0


def test_our_last_comment_on_this_campaign_is_found_on_any_page():
    def comment(number, login, body):
        return {"id": number, "user": {"login": login}, "body": body}

    us = "github-actions[bot]"
    pages = [
        [comment(1, us, f"{MARKER}a -->"), comment(2, us, "<!-- runner-plan five-zones-two a -->")],
        [comment(3, us, f"{MARKER}b -->"), comment(4, "somebody", f"{MARKER}c -->")],
        [comment(5, us, f"quoted: {MARKER}d -->")],
    ]
    # Releases of gh print a list a page, or one list.
    for printed in ("".join(map(json.dumps, pages)), json.dumps([each for page in pages for each in page])):
        assert script("find-comment", MARKER, stdin=printed).stdout == "3\n"
    assert script("find-comment", MARKER, stdin="[]").stdout == ""
    assert script("find-comment", MARKER, stdin="not json").returncode != 0


def test_only_plain_names_of_campaigns_become_jobs(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", *arguments],
            cwd=tmp_path,
            env={**machine_environment(), "HOME": str(tmp_path)},
            check=True,
        )

    git("init", "--quiet")
    folder = tmp_path / "campaigns"
    folder.mkdir()
    for name in ("one.yaml", "one.plan.json", "two.yaml", "gone.yaml", "gone.plan.json"):
        (folder / name).write_text("1")
    git("add", "--all")
    git("commit", "--quiet", "--message", "start")
    assert script("list-campaigns", folder=tmp_path).stdout == '["gone","one"]\n'
    for name in ("two.yaml", "a$(id).yaml", "-n.yaml", 'b"c.yaml', "three.plan.json", "new\nline.yaml"):
        (folder / name).write_text("2")
    (folder / "gone.yaml").unlink()
    git("add", "--all")
    git("commit", "--quiet", "--message", "more")
    assert script("list-campaigns", "HEAD^", folder=tmp_path).stdout == '["two"]\n'
    assert script("list-campaigns", "0" * 40, folder=tmp_path).stdout == '["one"]\n'
    assert script("list-campaigns", "HEAD", folder=tmp_path).stdout == "[]\n"


def test_output_that_looks_like_orders_to_github_gives_none():
    shown = script("without-commands", "sh", "-c", "echo '::add-mask::e'; echo '::warning::x' >&2; exit 3")
    assert shown.returncode == 3
    first, *quoted, last = shown.stdout.splitlines()
    assert quoted == ["::add-mask::e", "::warning::x"]
    assert re.fullmatch(r"::stop-commands::[0-9a-f]{32}", first)
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert script("without-commands", "true").stdout.splitlines()[0] != first


@pytest.mark.parametrize("name", WORKFLOW["jobs"])
def test_each_job_has_little_permission_and_a_time_to_end(name):
    job = WORKFLOW["jobs"][name]
    assert job["timeout-minutes"] <= 350
    allowed = {"contents": "read", "pull-requests": "write"} if name == "plan" else {"contents": "read"}
    assert job["permissions"].items() <= allowed.items()
    for step in job["steps"]:
        assert re.fullmatch(
            r"actions/(checkout|setup-python|upload-artifact)@v\d+", step.get("uses", "actions/checkout@v4")
        )
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_nothing_that_strangers_write_gets_into_a_script_and_forks_get_no_secret():
    assert WORKFLOW["permissions"] == {}
    assert set(WORKFLOW["on"]) == {"pull_request", "push", "schedule", "workflow_dispatch"}
    assert not [block for block in RUN_BLOCKS if "${{" in block]
    with_secrets = {name for name, job in WORKFLOW["jobs"].items() if "secrets." in json.dumps(job)}
    assert with_secrets == {"plan", "apply"}
    assert (
        "github.event.pull_request.head.repo.full_name == github.repository" in WORKFLOW["jobs"]["plan"]["if"]
    )


def test_the_hook_that_checks_campaigns_does_not_take_the_workflow_for_one():
    [hook] = read_workflow(ROOT / ".pre-commit-hooks.yaml")
    for file in COPIED.glob("workflows/*"):
        assert not re.search(hook["files"], f".github/workflows/{file.name}")


def test_only_main_s_newest_commit_makes_calls_one_run_of_a_campaign_at_a_time():
    with_credentials = [
        name for name, job in WORKFLOW["jobs"].items() if "RUNNER_INSIGHT_" in json.dumps(job)
    ]
    assert with_credentials == ["apply"]
    apply = WORKFLOW["jobs"]["apply"]
    assert apply["environment"] == "calling"
    assert "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'" in apply["if"]
    assert apply["concurrency"] == {"group": "apply-${{ matrix.campaign }}", "cancel-in-progress": False}
    [checkout] = [step for step in apply["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["ref"] == "main"
