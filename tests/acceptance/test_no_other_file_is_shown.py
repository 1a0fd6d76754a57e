"""The promise: a campaign, list or plan in a pull request shows no line of any other file."""

import json
import os

import pytest

from campaigns import AHEAD, campaign_yaml, due_at_once

SECRET = "TOKEN-4711"


@pytest.fixture
def author(person):
    """Somebody whose pull request a pipeline plans; secrets lie in the work tree and outside of it."""
    (person.folder / ".git").mkdir()
    for path in (".env", ".git/config", "notes.txt", "../outside.yaml", "../outside.csv", "../home/x.json"):
        person.write(path, f"{SECRET}\n{SECRET}: [\n")
    due_at_once(person, 2)
    return person


def shows_nothing(author, *arguments):
    result = author.run(*arguments)
    said = result.stdout + result.stderr
    assert result.returncode not in {0, 2}, said
    assert SECRET not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("target", [".env", "notes.txt", "../outside.yaml", "/proc/self/environ"])
def test_a_campaign_file_that_is_a_link_shows_nothing_of_what_it_leads_to(author, target):
    (author.folder / "link.yaml").symlink_to(target)
    for command in (
        ("validate", "."),
        ("validate", str(author.folder / "link.yaml"), "--output", "github"),
        ("plan", "link.yaml"),
    ):
        assert "link" in shows_nothing(author, *command)


@pytest.mark.parametrize("is_git", [True, False])
def test_a_saved_plan_that_names_a_link_shows_nothing_of_what_it_leads_to(author, is_git):
    assert author.run("plan", "campaign.yaml", "-o", "plan.json").returncode == 0
    if not is_git:
        (author.folder / ".git").rename(author.home / "git")
    (author.folder / "link.yaml").symlink_to("../outside.yaml")
    (author.folder / "folder").symlink_to("..")
    for named in ("link.yaml", "folder/outside.yaml"):
        saved = json.loads((author.folder / "plan.json").read_text())
        saved["inputs"]["campaign_file"] = named
        author.write("changed.json", json.dumps(saved))
        shows_nothing(author, "apply", "changed.json", "--yes")


@pytest.mark.parametrize("target", [".env", "../outside.csv", "/dev/zero"])
@pytest.mark.parametrize("way", ["sources", "suppress"])
def test_a_source_or_list_that_is_a_link_shows_nothing_of_what_it_leads_to(author, target, way):
    good = campaign_yaml(pacing=AHEAD)
    if way == "sources":
        text = good.replace("path: contacts.csv", "path: link.csv")
    else:
        listed = '  region: US\n  suppress: [{type: csv, path: link.csv, key: "{{ row.id }}"}]\n'
        text = good.replace("  region: US\n", listed)
    author.write("campaign.yaml", text)
    (author.folder / "link.csv").symlink_to(target)
    assert "link.csv" in shows_nothing(author, "plan", "campaign.yaml")


def test_a_plan_that_is_a_link_or_a_pipe_shows_nothing_and_is_not_waited_for(author):
    (author.folder / "link.json").symlink_to("../home/x.json")
    os.mkfifo(author.folder / "pipe.json")
    for name in ("link.json", "pipe.json"):
        assert name in shows_nothing(author, "show", name)


def test_a_settings_file_that_cannot_be_read_shows_nothing_of_it(author):
    for target in (".env", "../home/x.json", "/dev/zero", "pipe"):
        if not (author.folder / "pipe").exists():
            os.mkfifo(author.folder / "pipe")
        author.environment["RUNNER_ENV_FILE"] = str(author.folder / target)
        author.environment["RUNNER_REQUESTS_PER_SECOND"] = "fast"
        shows_nothing(author, "plan", "campaign.yaml")
