"""A campaign file may be a link only to a campaign file of its work tree, and no line of that is shown."""

from pathlib import Path

import pytest

from runner.campaign.diagnostics import CampaignInvalidError, render
from runner.campaign.loader import load_campaign
from runner.errors import RunnerError

SECRET = "TOKEN-4711"
SMALL = (Path(__file__).parents[2] / "campaigns/valid/smallest.yaml").read_text()


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A git work tree, the current folder, with other files in it and beside it."""
    repo = tmp_path / "repo"
    for folder in (".git", "campaigns", "contacts"):
        (repo / folder).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for path in (".env", ".git/config.yaml", "contacts/a.csv", "contacts/broken.yaml", "../elsewhere/a.yaml"):
        (repo / path).write_text(f"{SECRET}: [\n")
    (repo / "campaigns/good.yaml").write_text(SMALL)
    monkeypatch.chdir(repo)
    return repo


def said(path, **options):
    with pytest.raises(RunnerError) as caught:
        load_campaign(path, **options)
    found = caught.value.diagnostics if isinstance(caught.value, CampaignInvalidError) else ()
    text = "\n".join([caught.value.message, caught.value.hint, *map(render, found)])
    assert SECRET not in text
    return text


@pytest.mark.parametrize("target", ["elsewhere/a.yaml", "elsewhere/missing.yaml", "repo/../elsewhere/a.yaml"])
@pytest.mark.parametrize("is_absolute", [False, True])
def test_a_link_out_of_the_work_tree_is_refused_whether_or_not_the_file_exists(tree, target, is_absolute):
    link = tree / "campaigns/link.yaml"
    link.symlink_to(tree.parent / target)
    path = link if is_absolute else link.relative_to(tree)
    assert f"{path} is reached through a link that leads out of {tree}" in said(path)


def test_a_linked_folder_leads_out_of_the_work_tree_too_even_into_another(tree):
    (tree.parent / "elsewhere/.git").mkdir()
    (tree / "campaigns/ext").symlink_to(tree.parent / "elsewhere")
    assert "leads out of" in said(tree / "campaigns/ext/a.yaml")


def test_without_git_a_link_may_not_leave_the_folder_nor_a_relative_path_go_through_one(tree):
    (tree / ".git/config.yaml").unlink()
    (tree / ".git").rmdir()
    (tree / "campaigns/link.yaml").symlink_to(tree / "contacts/broken.yaml")
    (tree / "campaigns/ext").symlink_to(tree.parent / "elsewhere")
    for path in ("campaigns/link.yaml", "campaigns/ext/a.yaml"):
        assert "leads out of" in said((tree / path).relative_to(tree))
    (tree / "campaigns/other.yaml").symlink_to("good.yaml")
    assert load_campaign(tree / "campaigns/other.yaml").campaign.name


@pytest.mark.parametrize("target", [".env", ".git/config.yaml", "contacts/a.csv"])
def test_a_link_to_what_is_not_yaml_or_hidden_is_refused(tree, target):
    (tree / "campaigns/link.yaml").symlink_to(tree / target)
    assert "is a link to a file that is not a YAML file" in said(tree / "campaigns/link.yaml")


def test_no_line_of_a_linked_file_is_quoted(tree):
    (tree / "campaigns/link.yaml").symlink_to(tree / "contacts/broken.yaml")
    assert "campaigns/link.yaml:" in said(tree / "campaigns/link.yaml")


def test_a_link_to_a_campaign_file_in_the_work_tree_loads(tree):
    (tree / "link.yaml").symlink_to("campaigns/good.yaml")
    assert load_campaign(tree / "link.yaml").path == tree / "link.yaml"


def test_a_data_root_holds_campaign_files_too(tree):
    (tree.parent / "elsewhere/good.yaml").write_text(SMALL)
    (tree / "link.yaml").symlink_to(tree.parent / "elsewhere/good.yaml")
    assert load_campaign(tree / "link.yaml", data_roots=lambda: [tree.parent / "elsewhere"]).campaign


def test_a_work_tree_may_itself_be_reached_through_a_link(tree):
    (tree.parent / "short").symlink_to(tree)
    (tree.parent / "deep").symlink_to(tree.parent)
    for path in ("short/campaigns/good.yaml", "deep/repo/campaigns/good.yaml"):
        assert load_campaign(tree.parent / path).campaign


def test_a_link_to_itself_is_one_clear_line(tree):
    (tree / "loop.yaml").symlink_to("loop.yaml")
    assert "loop.yaml" in said(tree / "loop.yaml")
