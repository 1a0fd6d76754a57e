"""The promise: a broken campaign fails a pipeline, which shows where and why, and never a contact."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from campaigns import campaign_yaml, contacts_csv

ROOT = Path(__file__).parents[2]
(HOOK,) = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
WORKFLOW = "name: CI\non: push\njobs: {}\n"
OUTPUTS = ["text", "json", "github", "sarif"]


@pytest.fixture
def step(person):
    """A user whose shell is a step of GitHub Actions."""
    person.environment["GITHUB_STEP_SUMMARY"] = str(person.home / "summary.md")
    return person


def summary_of(step):
    return Path(step.environment["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")


def broken(**changes):
    return campaign_yaml(**changes).replace("max_attempts: 3", "max_attempts: 11")


@pytest.mark.parametrize("output", OUTPUTS)
def test_every_output_has_the_same_exit_statuses(step, output):
    step.write("good.yaml", campaign_yaml())
    step.write("broken.yaml", broken())
    (step.folder / "empty").mkdir()
    statuses = {
        path: step.run("validate", path, "--output", output).returncode
        for path in ("good.yaml", "broken.yaml", "missing.yaml", "empty")
    }
    assert statuses == {"good.yaml": 0, "broken.yaml": 3, "missing.yaml": 1, "empty": 64}


def test_github_gets_annotations_and_a_summary(step):
    step.write("campaigns/good.yaml", campaign_yaml())
    step.write("campaigns/broken.yaml", broken())
    step.write("campaigns/contacts.csv", contacts_csv(1))
    result = step.run("validate", "campaigns", "--output", "github")
    annotation, verdict = result.stdout.splitlines()
    assert annotation.startswith(
        "::error file=campaigns/broken.yaml,line=10,col=30,title=runner%3A out_of_range::"
    )
    assert verdict == "1 error in 1 of 2 campaign files"
    summary = summary_of(step)
    assert summary.startswith("### runner validate&#58; 1 error in 1 of 2 campaign files\n")
    assert "| error | campaigns/broken.yaml&#58;10:30 | out&#95;of&#95;range" in summary


def test_github_s_summary_says_that_all_is_well(step):
    step.write("good.yaml", campaign_yaml())
    step.write("contacts.csv", contacts_csv(1))
    result = step.run("validate", "good.yaml", "--output", "github")
    assert result.stdout == "1 campaign file: valid\n"
    assert summary_of(step) == "### runner validate&#58; 1 campaign file&#58; valid\n\n"


def test_outside_github_no_summary_is_needed(person):
    person.write("broken.yaml", broken())
    assert person.run("validate", "broken.yaml", "--output", "github").returncode == 3


def test_a_summary_that_cannot_be_written_hides_no_annotation(step):
    step.environment["GITHUB_STEP_SUMMARY"] = "/nowhere/summary.md"
    step.write("broken.yaml", broken())
    result = step.run("validate", "broken.yaml", "--output", "github")
    assert result.stdout.startswith("::error file=broken.yaml,")
    assert result.returncode == 1
    assert "job summary cannot be written" in result.stderr


def test_stdout_holds_only_sarif_which_counts_an_emoji_as_one_column(person):
    text = campaign_yaml().replace("pacing: {", 'pacing: {"📞": 1, rounds: 1, ')
    assert "📞" in text
    person.write("clinic 📞.yaml", text)
    result = person.run("validate", "clinic 📞.yaml", "--output", "sarif")
    assert (result.returncode, result.stderr) == (3, "")
    (run,) = json.loads(result.stdout)["runs"]
    places = [found["locations"][0]["physicalLocation"] for found in run["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"clinic%20%F0%9F%93%9E.yaml"}
    line = next(line for line in text.splitlines() if "📞" in line)
    assert run["columnKind"] == "unicodeCodePoints"
    assert line.index("rounds") + 1 in [place["region"]["startColumn"] for place in places]


HOSTILE = [
    "a\n::set-output name=x::y.yaml",
    "a\r\n::add-mask::b.yaml",
    "<script>alert(1)<",
    "|`x`|**y**.yaml",
    "::stop-commands::t.yaml",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_s_name_and_its_keys_become_no_command_and_no_html(step, name):
    key = json.dumps(name)
    step.write(name.replace("/", ""), f"{broken()}{key}: 1\n")
    result = step.run("validate", name, "--output", "github")
    assert result.returncode == 3
    *annotations, verdict = re.split("\r\n|\r|\n", result.stdout.removesuffix("\n"))
    assert len(annotations) == 2
    assert all(line.startswith("::error file=") for line in annotations)
    assert verdict == "2 errors in 1 of 1 campaign file"
    summary = summary_of(step)
    assert len(summary.splitlines()) == 6
    assert not re.search(r"[<>`*]|::", summary)
    log = json.loads(step.run("validate", name, "--output", "sarif").stdout)
    assert len(log["runs"][0]["results"]) == 2


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "rows",
    [
        '[{phone: "617 555 0142", who: [Ada Lovelace]}, {phone: +16175550143}, "Grace"]',
        '[{phone: "617 555 0142, who: Ada Lovelace, phone: +16175550143, name: Grace}]',
    ],
    ids=["wrong values", "no YAML"],
)
def test_inline_rows_are_never_shown(step, rows, output):
    text = campaign_yaml().replace("{type: csv, path: contacts.csv}", f"{{type: inline, rows: {rows}}}")
    assert "Lovelace" in text
    step.write("inline.yaml", text)
    result = step.run("validate", "inline.yaml", "--output", output)
    assert result.returncode == 3
    shown = result.stdout + result.stderr + (summary_of(step) if output == "github" else "")
    assert "inline" in shown
    assert not re.search("Lovelace|Grace|555.?014", shown)


@pytest.fixture
def repository(person):
    """A git repository with the files that pre-commit would choose from."""
    person.environment |= {
        "PATH": f"{Path(sys.executable).parent}:{person.environment['PATH']}",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    for number, name in enumerate(
        (
            "campaign.yaml",
            "campaigns/clinic.yaml",
            "campaigns/2026/winter wave.yml",
            "surveys/campaigns/clinic.yaml",
        )
    ):
        text = campaign_yaml(name=f"survey-{number}")
        person.write(name, text.replace('instance_id: "3"', f'instance_id: "{number}"'))
        person.write(str(Path(name).with_name("contacts.csv")), contacts_csv(1))
    for name in (
        ".github/workflows/ci.yaml",
        ".pre-commit-config.yaml",
        "campaigns/.drafts/later.yaml",
        "compose.yaml",
        "campaigns.yaml",
        "old-campaigns/settings.yaml",
        "my-campaign.yaml",
    ):
        person.write(name, WORKFLOW)
    git(person, "init", "--quiet")
    return person


def git(person, *arguments):
    return subprocess.run(
        ["git", *arguments],
        cwd=person.folder,
        env=person.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def chosen(person):
    """What pre-commit passes: the repository's files that match `files` and are YAML by their names."""
    git(person, "add", "--all")
    names = git(person, "ls-files", "-z").split("\0")
    assert HOOK["types"] == ["yaml"]
    return [name for name in names if re.search(HOOK["files"], name) and name.endswith((".yaml", ".yml"))]


def commit_hook(person):
    """Runs the hook as pre-commit would: its entry, its arguments, then the names of files."""
    assert HOOK["pass_filenames"]
    return subprocess.run(
        [*shlex.split(HOOK["entry"]), *HOOK.get("args", []), *chosen(person)],
        cwd=person.folder,
        env=person.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_hook_takes_campaigns_and_leaves_every_other_yaml_file_alone(repository):
    assert sorted(chosen(repository)) == [
        "campaign.yaml",
        "campaigns/2026/winter wave.yml",
        "campaigns/clinic.yaml",
        "surveys/campaigns/clinic.yaml",
    ]


def test_the_hook_passes_where_every_campaign_is_valid(repository):
    result = commit_hook(repository)
    assert (result.returncode, result.stdout) == (0, "4 campaign files: valid\n"), result.stderr


def test_the_hook_fails_where_one_campaign_is_broken_and_says_where(repository):
    repository.write("campaigns/broken.yaml", broken())
    result = commit_hook(repository)
    assert result.returncode == 3
    assert "campaigns/broken.yaml:10:30: error[out_of_range]" in result.stdout


def test_what_runner_init_writes_is_taken_by_the_hook_and_passes(repository):
    assert repository.run("init", "starter").returncode == 0
    assert "starter/campaign.yaml" in chosen(repository)
    assert commit_hook(repository).returncode == 0


def test_another_yaml_file_that_is_passed_all_the_same_fails_for_what_it_lacks(person):
    person.write("ci.yaml", WORKFLOW)
    result = person.run("validate", "ci.yaml")
    assert result.returncode == 3
    assert "error[missing_key]: the campaign needs `survey`" in result.stdout


def test_the_recipe_for_pre_commit_names_a_hook_and_a_revision_that_exist():
    recipe = (
        (ROOT / "examples" / "README.md")
        .read_text()
        .partition("# .pre-commit-config.yaml\n")[2]
        .partition("```")[0]
    )
    (named,) = YAML(typ="safe").load(recipe)["repos"]
    assert [hook["id"] for hook in named["hooks"]] == [HOOK["id"]]
    tags = subprocess.run(["git", "tag"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    # Without tags, the reader puts the hash of a commit in the place of this word.
    assert named["rev"] in {"COMMIT", *tags.split()}
